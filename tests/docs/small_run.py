"""What makes the built-in study and the network of meg_contrastive so small that a page's Python and commands take seconds."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

import n2s
from n2s.studies import SimulatedMEG

STUDY = {"n_subjects": 2, "max_story_s": 24.0, "stories": ["lighthouse.en", "beekeeper.en", "orchestra", "train"]}
SMALL = {
    "data.studies": {"simulated": {"class_path": "n2s.studies.SimulatedMEG", "init_args": STUDY}},
    "data.batch_size": 16,
    "data.n_jobs": 1,
    "model.encoder": {
        "class_path": "n2s.models.BrainEncoder",
        "init_args": {"n_virtual": 8, "n_fourier": 32, "hidden": 8, "depth": 2},
    },
    "trainer.max_epochs": 1,
    "trainer.enable_progress_bar": False,
}
RUNS = Path("checkpoints", "meg_contrastive")


def small_options() -> list[str]:
    """The same as options of the command."""
    pairs = ((f"--{name}", json.dumps(value)) for name, value in SMALL.items())
    return [word for pair in pairs for word in pair]


@cache
def made() -> TemporaryDirectory:
    """A folder with the run, made once."""
    folder = TemporaryDirectory()
    n2s.test(n2s.fit("meg_contrastive", SMALL, runs_dir=folder.name))
    return folder


def small_run() -> str:
    """A tested run of meg_contrastive in this folder, as the commands of README leave one; its name."""
    (run,) = Path(made().name, "meg_contrastive").glob("*/run.json")
    shutil.copytree(run.parent, RUNS / run.parent.name, dirs_exist_ok=True)
    return run.parent.name


def new_recording() -> None:
    """A recording and two sounds in this folder, by the names that pages give them."""
    study = SimulatedMEG(**STUDY)
    raw = study.load(next(one for one in study.recordings() if "orchestra" in one.task))
    for name in ("new_recording.fif", "x.fif"):
        raw.save(name, overwrite=True, verbose="error")
    for name, story in (("a.wav", "orchestra.en"), ("b.wav", "train.es")):
        samples, rate = soundfile.read(study.audio(story), dtype="float32")
        soundfile.write(name, np.asarray(samples)[: 30 * rate], rate)
