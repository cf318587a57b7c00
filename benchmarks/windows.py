"""Windows of one person as NumPy: n2s.windows against a loop over windows; seconds, and that both give the same numbers.

python benchmarks/windows.py                # 10 minutes of 306 sensors at 120 Hz, windows of 3 s every 0.5 s
python benchmarks/windows.py --minutes 60 --every_s 1
"""

import argparse
import tempfile
import time
from pathlib import Path

import mne
import numpy as np

import n2s
from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.features import Ready
from n2s.studies import Frames, Recording, Study
from n2s.studies.events import events_table

RATE, WINDOW_S, CLAMP = 50.0, 3.0, 20.0


class Noise(Study):
    """One person hears a training, a validation and a test story, in noise."""

    name = "noise"

    def __init__(self, root: Path, minutes: float, n_sensors: int, sfreq: float):
        self.root, self.n_sensors, self.sfreq = root, n_sensors, sfreq
        self.lasts_s = {"train": 60.0 * minutes, "val": 30.0, "test": 60.0}

    def recordings(self) -> list[Recording]:
        return [Recording("01", task=story, modality="eeg") for story in self.lasts_s]

    def sources(self, recording: Recording) -> list[Path]:
        path = self.root / f"{recording.task}.txt"
        path.write_text(str(vars(self)))
        return [path]

    def settings(self) -> dict:
        return {"lasts_s": self.lasts_s, "n_sensors": self.n_sensors, "sfreq": self.sfreq}

    def load(self, recording: Recording) -> mne.io.BaseRaw:
        rng, n = np.random.default_rng(0), round((self.lasts_s[recording.task] + 2) * self.sfreq)
        names = [f"E{i}" for i in range(self.n_sensors)]
        place = rng.standard_normal((self.n_sensors, 3))
        place = 0.09 * np.abs(place) / np.linalg.norm(place, axis=1, keepdims=True)
        montage = mne.channels.make_dig_montage(dict(zip(names, place, strict=True)), coord_frame="head")
        raw = mne.io.RawArray(
            1e-5 * rng.standard_normal((self.n_sensors, n)), mne.create_info(names, self.sfreq, "eeg"), verbose="error"
        )
        return raw.set_montage(montage, verbose="error")

    def events(self, recording: Recording):  # noqa: ANN201 (a table)
        story = recording.task
        row = {"onset": 1.0, "duration": self.lasts_s[story], "kind": "story", "stimulus_onset": 0.0}
        return events_table([row | {"story": story, "stimulus": story, "language": "en"}], where=recording.name)

    def features(self, stimulus: str) -> Frames:
        rng = np.random.default_rng(len(stimulus))
        return Frames(rng.standard_normal((round(self.lasts_s[stimulus] * RATE), 8)).astype(np.float32), RATE)


def loop(data: MEGDataModule, table, n_times: int, offset: int) -> np.ndarray:  # noqa: ANN001 (a table)
    """Each window by itself: cut, centred on its first half second, scaled, clamped."""
    found = []
    for row in table.itertuples():
        item, scaler = data.recordings[row.recording], data.scalers[row.recording]
        first = round(row.start_s * data.shape.sfreq)
        window = np.array(item.brain[first : first + n_times + offset], np.float32)
        window -= window[: round(0.5 * data.shape.sfreq)].mean(0)
        found.append(np.clip(window / scaler.scale, -CLAMP, CLAMP)[offset:].T)
    return np.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("minutes", 10.0), ("every_s", 0.5), ("n_sensors", 306), ("sfreq", 120.0)):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        data = MEGDataModule(
            {"noise": Noise(Path(root), options.minutes, options.n_sensors, options.sfreq)},
            Ready(n_features=8),
            preprocessing=Preprocessing(sfreq=options.sfreq, picks=["eeg"]),
            split=SplitByStory(test=["test"], val=["val"]),
            train_windows=Grid(options.every_s),
            test_windows=Grid(WINDOW_S),
            window_s=WINDOW_S,
            n_jobs=1,
        )
        spent = {}

        def timed(what: str, made):  # noqa: ANN001, ANN202 (anything)
            start = time.perf_counter()
            found = made()
            spent[what] = time.perf_counter() - start
            return found

        windows = timed("set up: recordings prepared, split, scaled", lambda: n2s.windows(data))
        fast = timed("X", lambda: windows.X)
        timed("y", lambda: windows.y)
        one_by_one = timed("windows[i], one by one", lambda: np.stack([window.numpy() for window, _ in windows]))
        offset = round(WINDOW_S * data.shape.sfreq) - fast.shape[2]
        naive = timed("a loop over recordings", lambda: loop(data, windows.table, fast.shape[2], offset))
        print(f"{len(fast)} windows of {fast.shape[1]} sensors and {fast.shape[2]} samples: {fast.nbytes / 1e6:.0f} MB")
        for what, seconds in spent.items():
            print(f"{seconds:8.2f} s  {what}")
        assert np.array_equal(fast, one_by_one)
        print(f"largest difference from the loop: {np.abs(fast - naive).max():.4f} (values are kept as float16)")


if __name__ == "__main__":
    main()
