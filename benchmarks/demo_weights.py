"""Make the demo weights in checkpoints/demo again: small fits of the recipes on simulated studies, tested and exported.

    python benchmarks/demo_weights.py                                   # all; a few minutes each on two cores
    python benchmarks/demo_weights.py --only meg_contrastive --out /tmp/demo

Each is its recipe with the options below, so that anybody can fit it again. A run that another one is made from comes before it.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "checkpoints" / "demo"
MOST_BYTES = 1_000_000

STUDY = "data.studies.simulated.init_args."
QUIET = {"trainer.logger": False, "trainer.enable_progress_bar": False, "trainer.accelerator": "cpu"}
STORIES = {f"{STUDY}stories": ["lighthouse.en", "beekeeper", "mapmaker", "train", "orchestra"]}
FMRI = {f"{STUDY}n_subjects": 1}
TOKENS = {"data.target.init_args.dim": 24}
#: Name -> its recipe, and the options that make it small.
DEMOS: dict[str, tuple[str, dict]] = {
    "meg_contrastive": (
        "meg_contrastive",
        STORIES | {
            f"{STUDY}n_subjects": 3,
            f"{STUDY}max_story_s": 100.0,
            f"{STUDY}noise_level": 0.3,
            "data.train_windows.init_args.step_s": 1.0,
            "data.batch_size": 64,
            "model.encoder.init_args.n_fourier": 288,
            "model.encoder.init_args.hidden": 48,
            "trainer.max_epochs": 15,
            "model.scheduler.init_args.T_max": 15,
        },
    ),
    "linear": ("linear", {"data.features.mel.init_args.n_mels": 4}),
    "speech_detection": ("speech_detection", STORIES | {f"{STUDY}max_story_s": 60.0, "trainer.max_epochs": 6}),
    "imagined": ("imagined", {}),
    "fmri_semantic": ("fmri_semantic", FMRI),
    "fmri_acoustic": (
        "fmri_acoustic",
        FMRI | TOKENS | {
            "model.decoder.init_args.dim": 24,
            "model.audiomae.init_args.dim": 24,
            "model.audiomae.init_args.decoder_dim": 24,
            "model.audiomae.init_args.decoder_depth": 1,
            "trainer.max_epochs": 3,
        },
    ),
}  # fmt: skip


def made(name: str, runs: Path) -> Path:
    """The export of a demo, below ``runs``."""
    import n2s

    recipe, options = DEMOS[name]
    run = n2s.test(n2s.fit(recipe, QUIET | options, runs_dir=runs, experiment=name), runs_dir=runs)
    return run.export(runs / "exports" / name, licence="CC0-1.0")


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--only", nargs="*", choices=list(DEMOS), default=list(DEMOS))
    given.add_argument("--out", type=Path, default=HERE)
    given.add_argument("--runs", type=Path, help="where the runs lie; by default a folder that is removed")
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        runs = (asked.runs or Path(temporary)).absolute()
        for name in asked.only:
            export = made(name, runs)
            size = sum(path.stat().st_size for path in export.iterdir())
            print(f"{name}: {size / 1000:.0f} kB", flush=True)
            if size > MOST_BYTES:
                raise SystemExit(f"{name} has {size} bytes; expected at most {MOST_BYTES}. Make it smaller.")
            shutil.rmtree(asked.out / name, ignore_errors=True)
            shutil.copytree(export, asked.out / name)


if __name__ == "__main__":
    main()
