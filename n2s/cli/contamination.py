"""``n2s contamination``: is a decoder of speech a decoder of muscles, movement or sound?"""

from pathlib import Path
from typing import TYPE_CHECKING

from n2s.cli.recipes import found_recipe, recipe_path
from n2s.errors import UserError

if TYPE_CHECKING:
    from n2s.data.event_data import EventDataModule
    from n2s.models.window_classifiers import WindowClassifier

Names = list[str] | None


def contamination(
    what: list[str],
    condition: str | None = None,
    classifier: str = "n2s.models.WindowLDA",
    n_folds: int = 5,
    n_permutations: int = 1000,
    audio: Names = None,
    emg: Names = None,
    eog: Names = None,
    ecg: Names = None,
    out: Path | None = None,
    seed: int = 0,
) -> None:
    """Compare the decoder of a recipe's windows with the same decoder taught from sound, muscles, eyes, heart and head movement.

    Writes a page with a verdict in words (clean, doubtful, contaminated), and all numbers as JSON and CSV. Windows, classes and units
    that are held out are the recipe's (data: an n2s.data.EventDataModule).

    Parameters
    ----------
    what
        A recipe and its overlays (.yaml), or the folder of a run.
    condition
        Whose windows are decoded; by default the first that there is of overt, silent, imagined, listen. The others are shown beside.
    classifier
        The decoder, by class path: of n2s.models.window_classifiers.WindowClassifier.
    n_folds
        At most so many folds of runs.
    n_permutations
        Permutations of labels within runs.
    audio, emg, eog, ecg
        Names of channels, as ["EMG1","EMG1-EMG2"], in place of those with the type or the name.
    out
        Folder to write to; by default contamination/<recipe> here, or contamination in the run's folder.
    seed
        Of permutations.
    """
    import json
    from dataclasses import replace

    from n2s.data.event_data import EventDataModule
    from n2s.data.side_signals import SideSignals
    from n2s.metrics.result import record
    from n2s.paths import written_whole
    from n2s.report.page import write_page
    from n2s.report.table import print_shown, wide_console
    from n2s.systems.contamination.compare import contamination_of

    files, run = _files(what)
    data = _data(files)
    if not isinstance(data, EventDataModule):
        raise UserError(
            f"{', '.join(files)}: its data are {type(data).__name__}, and contamination is looked for in windows at events: data.class_path "
            "n2s.data.EventDataModule, as in configs/phones.yaml."
        )
    out = out or (run / "contamination" if run else Path("contamination") / Path(files[-1]).stem)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out} cannot be made ({error.strerror}); expected the name of a folder.") from error
    side = SideSignals(audio=audio, emg=emg, eog=eog, ecg=ecg)
    result = contamination_of(
        data, condition=condition, classifier=_made(classifier), side=side, n_folds=n_folds, n_permutations=n_permutations, seed=seed
    )  # fmt: skip
    result.save(out / "result")
    result.export(out)
    if not run:
        with written_whole(out / "config.yaml") as path:
            path.write_text("\n".join(f"# {one}\n{Path(one).read_text('utf-8')}" for one in files), "utf-8")
    shown = result.shown()
    with written_whole(out / "metrics.json") as path:
        path.write_text(json.dumps(record(result, shown), indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
    page = write_page(out / "report.html", run or out, shown, {})
    console = wide_console()
    for part in shown:
        print_shown(replace(part, name=""), console)
    console.print(f"report: {page}", soft_wrap=True, highlight=False)


def _files(what: list[str]) -> tuple[list[str], Path | None]:
    """The recipes, and the run that they are of, if it is one."""
    folders = [Path(one) for one in what if Path(one).is_dir()]
    if not folders:
        missing = [one for one in what if found_recipe(one) is None]
        if missing:
            raise UserError(f"{missing[0]}: no such recipe, and no folder of a run (checkpoints/<experiment>/<run>).")
        return [str(recipe_path(one)) for one in what], None
    if len(what) > 1:
        raise UserError(f"contamination takes a run's folder, or recipes; got {', '.join(what)}.")
    config = folders[0] / "config.yaml"
    if not config.is_file():
        raise UserError(
            f"{folders[0]} has no config.yaml: it is no run's folder. Expected checkpoints/<experiment>/<run>."
        )
    return [str(config)], folders[0]


def _data(files: list[str]) -> "EventDataModule":
    from n2s.cli.recipe_data import recipe_data

    return recipe_data(files)


def _made(class_path: str) -> "WindowClassifier":
    """A classifier with its usual options."""
    from inspect import isabstract

    from n2s.config_classes import class_named
    from n2s.models.window_classifiers import WindowClassifier

    kind = class_named(class_path)
    if kind is None or not issubclass(kind, WindowClassifier) or isabstract(kind):
        what = (
            "has no decoder of its own"
            if kind is WindowClassifier
            else "is no n2s.models.window_classifiers.WindowClassifier"
        )
        raise UserError(f"--classifier is {class_path}, which {what}. Take n2s.models.WindowLDA, say.")
    return kind()
