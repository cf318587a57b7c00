"""Minutes and memory of `n2s.systems.Tracking` for a cohort: 40 people, 10 minutes, 306 sensors at 100 Hz.

    python benchmarks/tracking.py [--people 40] [--minutes 10] [--sensors 306] [--threads 2] [--measured 2]

Two people are recorded, fitted and tested; the minutes of the cohort are those of a person times the people, since people are
independent. Preparing, of which a simulated recording is a large part, is apart. Memory is the peak of the whole process, which does
not grow with the people: recordings are mapped, and one person is in memory at a time.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser()
for name, value in (("people", 40), ("minutes", 10), ("sensors", 306), ("threads", 2), ("measured", 2)):
    parser.add_argument(f"--{name}", type=int, default=value)
given = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(given.threads)
scratch = tempfile.TemporaryDirectory()
os.environ["N2S_CACHE"] = scratch.name

import numpy as np  # noqa: E402
import torch  # noqa: E402
from lightning.pytorch import Trainer  # noqa: E402

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitByTime  # noqa: E402
from n2s.features import Ready  # noqa: E402
from n2s.studies import Recording, Study  # noqa: E402
from n2s.studies.events import events_table  # noqa: E402
from n2s.studies.study import Frames  # noqa: E402
from n2s.systems import Tracking  # noqa: E402

torch.set_num_threads(given.threads)
SFREQ = 100.0
N = round(60 * given.minutes * SFREQ)


class Noise(Study):
    """Listeners whose sensors are noise, and a given envelope."""

    name, kind, root = "noise", "meg", Path("nowhere")

    def recordings(self) -> list[Recording]:
        return [Recording(f"{i:02d}") for i in range(given.measured)]

    def sources(self, recording: Recording) -> list:
        return []

    def load(self, recording: Recording):
        import mne

        rng = np.random.default_rng(int(recording.subject))
        names = [f"MEG{i:04d}" for i in range(given.sensors)]
        info = mne.create_info(names, SFREQ, "mag")
        for channel in info["chs"]:
            place = rng.standard_normal(3)
            channel["loc"][:3] = 0.1 * place / np.linalg.norm(place)
        return mne.io.RawArray(1e-13 * rng.standard_normal((given.sensors, N)), info, verbose="error")

    def events(self, recording: Recording):
        row = {
            "onset": 0.0,
            "duration": N / SFREQ,
            "kind": "story",
            "story": "a",
            "stimulus": "a",
            "stimulus_onset": 0.0,
        }
        return events_table([row], where=recording.name)

    def audio(self, stimulus: str):
        return None

    def features(self, stimulus: str) -> Frames:
        rng = np.random.default_rng(99)
        return Frames(np.abs(rng.standard_normal((N, 1))).astype(np.float32), SFREQ, 0.0)


def clock(what: str, begun: float) -> float:
    now = time.time()
    print(f"{what}: {now - begun:.1f} s", flush=True)
    return now


def main() -> None:
    data = EncodingDataModule(
        {"noise": Noise()},
        {"envelope": Ready(1)},
        Lags(-0.1, 0.5),
        preprocessing=Preprocessing(sfreq=SFREQ, highpass_hz=0.5, lowpass_hz=40.0),
        split=SplitByTime(n_folds=5),
        n_folds=5,
        average_repeats=False,
    )
    begun = time.time()
    data.prepare()
    prepared = clock(f"prepared {given.measured} people", begun)
    system, cpu = Tracking(n_folds=4), time.process_time()
    options = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(max_epochs=1, default_root_dir=folder, **options)
        trainer.fit(system, datamodule=data)
        fitted = clock("fit", prepared)
        trainer.test(system, datamodule=data, verbose=False)
        tested = clock("test", fitted)
    each, cpu = (tested - prepared) / given.measured, (time.process_time() - cpu) / given.measured
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{given.minutes} min and {given.sensors} sensors of a person on {given.threads} threads: {each:.1f} s, CPU {cpu:.1f} s; {given.people} people: "
        f"{each * given.people / 60:.1f} min, CPU {cpu * given.people / 60:.1f} min; peak memory {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
