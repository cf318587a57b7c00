"""The help of the verbs that take a recipe: ``n2s fit --help``. Nothing heavy is imported: the Trainer alone takes seconds."""

import textwrap
from collections.abc import Iterator

WIDTH = 100  # characters of a line

#: Options that n2s adds to a recipe's own: name -> (what it takes, its help). The parser of recipes has the same help.
RUN_OPTIONS = {
    "seed_everything": ("N", "Seed of everything random, 0 or more."),
    "experiment": ("NAME", "Folder of the recipe's runs (default: the names of the --config files, joined by +)."),
    "runs_dir": ("FOLDER", "Folder of experiments (default: N2S_RUNS, checkpoints)."),
    "checkpoint_minutes": ("MINUTES", "Write last.ckpt after so many minutes, too; by default at the end of every epoch."),
    "wait_minutes": (
        "MINUTES",
        "How long one of several processes waits for another before all of them end and report it (default: 30).",
    ),
    "cross_validate": (
        "K",
        "Hold every part of the data out once, in so many folds: fits and tests a run for each, in folds/ of one run, and "
        "pools their results on one page. The same command continues it; several jobs with it share the folds.",
    ),
    "fresh": ("", "Start a new run even if an unfinished one exists."),
}  # fmt: skip
CHECKPOINT = {"ckpt_path": ("FILE", "Weights to score, in place of those of the newest run.")}

#: Verb -> the options that it alone has.
OWN_OPTIONS = {
    "fit": {"ckpt_path": ("FILE", "Weights to start from.")},
    "validate": CHECKPOINT,
    "test": CHECKPOINT,
    "predict": CHECKPOINT,
    "prepare": {
        "shard": ("I/N", "Only part i of n of the recordings, as 3/10: for one of n jobs of a Slurm array."),
        "n_jobs": ("N", "Recordings prepared at once, each in its own process (default: the number of cores)."),
    },
    "profile": {
        "steps": ("N", "Number of steps to measure, first as a whole, then by part (default: 30)."),
        "warmup": ("N", "Steps before the measured ones (default: 5)."),
        "out": ("FILE", "Write the numbers to this file, as JSON."),
        "largest_batch": (
            "",
            "First find the largest data.batch_size that fits the GPU's memory, by doubling and halving, and profile that.",
        ),
    },
}  # fmt: skip

EXAMPLES = {
    "fit": (
        ("n2s fit --config meg_contrastive", "on the built-in simulated study"),
        ("n2s fit --config meg_contrastive --config data/gwilliams2022", "another study, laid over it"),
        ("n2s fit --config meg_contrastive --data.batch_size 64 --trainer.max_epochs 5", "other values"),
    ),
    "validate": (("n2s validate --config meg_contrastive", "the newest run, on its validation stories"),),
    "test": (
        ("n2s test --config meg_contrastive", "the newest run, on held-out stories; writes report.html"),
        ("n2s test --config checkpoints/EXPERIMENT/RUN/config.yaml", "this run"),
    ),
    "predict": (("n2s predict --config fmri_audio", "writes the sounds; then n2s listen RUN"),),
    "prepare": (("n2s prepare --config meg_contrastive --n_jobs 4", "the next fit begins at once"),),
    "profile": (("n2s profile --config meg_contrastive --steps 30", ""),),
}

#: The same for verbs that are functions: words after ``n2s`` -> commands.
EXAMPLES_OF_FUNCTIONS = {
    "rerun": ("n2s rerun checkpoints/EXPERIMENT/RUN",),
    "decode": (
        "n2s decode meg_contrastive --recording new.fif --audio a.wav b.wav",
        "n2s decode fmri_semantic --bold new.nii.gz --audio a.wav b.wav --subject 01",
    ),
    "export": ("n2s export meg_contrastive --license cc-by-4.0", "n2s export checkpoints/EXPERIMENT/RUN --out my_decoder"),
    "recipes": ("n2s recipes", "n2s recipes --find gwilliams", "n2s recipes --copy meg_contrastive"),
    "runs": ("n2s runs", "n2s runs --experiment meg_contrastive", "n2s runs --clean"),
    "studies": ("n2s studies list", "n2s studies show gwilliams2022", "n2s studies example my_bids"),
    "studies list": ("n2s studies list",),
    "studies show": ("n2s studies show gwilliams2022",),
    "studies download": ("n2s studies download gwilliams2022 --root data/gwilliams --subjects 01,02",),
    "studies example": ("n2s studies example my_bids",),
    "studies check": ("n2s studies check my_bids", "n2s studies check meg_contrastive own_bids"),
    "align": ("n2s align stimuli --language en",),
    "listen": ("n2s listen checkpoints/EXPERIMENT/RUN",),
    "ratings": ("n2s ratings anna.csv ben.csv --key listening.PAGE.key.json",),
    "evaluate": ("n2s evaluate --reference true_sounds --generated my_sounds",),
    "contamination": ("n2s contamination production",),
    "compare": ("n2s compare meg_contrastive linear", "n2s compare checkpoints/EXPERIMENT/RUN1 checkpoints/EXPERIMENT/RUN2"),
    "report": ("n2s report checkpoints/EXPERIMENT/RUN",),
}  # fmt: skip


def example_lines(prog: str) -> str:
    """The examples of a verb for the end of its help; ``prog`` as argparse has it, ``n2s studies [options] check``."""
    words = [word for word in prog.split()[1:] if not word.startswith("[")]
    commands = EXAMPLES_OF_FUNCTIONS.get(" ".join(words), ())
    return "\n".join(["", "examples:", *(f"  {one}" for one in commands), ""]) if commands else ""


def help_of(verb: str, about: str) -> str:
    """The help of a verb that takes a recipe.

    Parameters
    ----------
    verb
        One of `EXAMPLES`.
    about
        What it does, in a line.
    """
    return "\n".join(_lines(verb, about))


def _lines(verb: str, about: str) -> Iterator[str]:
    yield f"n2s {verb}: {about}"
    yield ""
    yield f"usage: n2s {verb} --config RECIPE [--config OVERLAY ...] [--OPTION VALUE ...]"
    yield ""
    width = max(len(command) for command, _ in EXAMPLES[verb])
    for command, what in EXAMPLES[verb]:
        yield f"  {command:{width}}  {what}".rstrip()
    yield ""
    yield "  -c, --config RECIPE"
    yield "      A file, or the name of a recipe that n2s brings along (n2s recipes). A second one is laid over the first."
    for name, (takes, told) in (OWN_OPTIONS[verb] | RUN_OPTIONS).items():
        yield f"  --{name} {takes}".rstrip()
        yield from textwrap.wrap(told, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    yield "  --print_config"
    yield "      Print the complete recipe, all values that it does not name among them, and do nothing else."
    yield ""
    yield "Every value of a recipe is an option, too: --data.window_s 2, --model.encoder.hidden 128, --trainer.devices 1."
    yield "What there is:"
    yield f"  n2s {verb} --config RECIPE --data.help            the recipe's data, with its values; --model.help the model"
    yield f"  n2s {verb} --config RECIPE --model.encoder.help   any part of it: data.studies, data.target, model.optimizer ..."
    yield f"  n2s {verb} --data.target.help                     the classes that recipes have there"
    yield f"  n2s {verb} --data.target.help n2s.features.Mel    a class, your own among them: my_model.MyEncoder"
    yield f"  n2s {verb} --trainer.help                         Lightning's Trainer: epochs, devices, precision, callbacks, loggers"
