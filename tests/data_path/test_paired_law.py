"""No second of held-out sound is in training, in MEG or in fMRI, also not as what moved a volume seconds later.

``N2S_LAW=2000`` tries so many worlds instead of the usual number.
"""

import os
import warnings
from collections import Counter
from random import Random

import numpy as np
import pytest
from paired_worlds import SFREQ, Sensors, Volumes
from worlds import ticks, world_of

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitBySentence, SplitByStory, SplitByTime, paired_setup
from n2s.data.paired_bold import PairedBold
from n2s.data.splits import joined
from n2s.errors import UserError
from n2s.features import Ready
from n2s.findings import kept
from n2s.studies.study import Frames, Recording

EXAMPLES = int(os.environ.get("N2S_LAW", 0))
USUAL = {"story": (13,), "sentence": (4,), "time": (5,)}  # worlds that are found soon
SPLITS = {
    "story": lambda seed: SplitByStory(val_fraction=0.2 * (seed % 4 == 0), test_fraction=0.4, seed=seed),
    "sentence": lambda seed: SplitBySentence(val_fraction=0.15, test_fraction=0.25, seed=seed),
    "time": lambda seed: SplitByTime(n_folds=3 + seed % 3, test_fold=seed % 3, val_fold=(seed + 1) % 3),
}
SEGMENT_S, LAGS_S, STEP_S = 0.6, (0.5, 1.0), 0.25
EXPECTED = ("has both MEG and fMRI", "split is empty", "no training",
            "no training segment")  # fmt: skip


class _Told:
    """Events as a world has them, noise as data, and frames as sounds."""

    def __init__(self, root, tables, sounds, one, changed=()):
        super().__init__(root, {}, {})
        self.tables, self.frames, self.changed = tables, sounds, changed
        self.split, self.content = one.official, one.content

    def recordings(self):
        return [Recording(f"{i}", run="1", modality=self.kind) for i, _ in enumerate(self.tables)]

    def settings(self):
        return {}

    def events(self, recording):
        return self.tables[int(recording.subject)]

    def features(self, stimulus):
        return self.frames[stimulus]

    def audio(self, stimulus):
        return None

    def data(self, recording):
        table = self.tables[int(recording.subject)]
        n = round(((table.onset + table.duration).max() + 5.0) / self.step_s)
        rng = np.random.default_rng([int(recording.subject), len(self.kind)])
        return rng.standard_normal((n, self.n))


class ToldSensors(_Told, Sensors):
    pass


class ToldVolumes(_Told, Volumes):
    step_s = STEP_S


def world_in_two_scanners(random, split):
    """A world of two studies, of which something is in training and in test; the first is of MEG."""
    while True:
        world = world_of(random)
        if len(world.heard) < 2:
            continue
        try:
            with warnings.catch_warnings(), kept():
                warnings.simplefilter("ignore")
                table = joined(split.intervals(world.heard), gap_s=1.0)
        except UserError:
            continue
        table = table[table.duration > 2 * SEGMENT_S]
        sides = {key: set(own["sound"]) for key, own in table.groupby(["split", "study"])}
        one, other = sorted(world.heard)
        needed = ("train", "val", "test") if split.validates else ("train", "test")
        if all(sides.get((name, one), set()) & sides.get((name, other), set()) for name in needed):
            return world


def set_up(world, folder, split, random, *, hidden=False):
    """The datamodule of a world; ``hidden``: sounds of fMRI have other samples, so that nothing tells that they are the same."""
    frames = {}
    for number, (identity, sound) in enumerate(sorted(world.sounds.items())):
        values = np.random.default_rng(number).standard_normal((round(sound.length_s * 20) + 1, 2))
        frames[identity] = Frames(values.astype(np.float32), 20.0)
    studies = {}
    for name, kind in zip(sorted(world.heard), (ToldSensors, ToldVolumes), strict=True):
        one = world.heard[name]
        known = {stimulus.split("/", 1)[1]: frames[identity] for stimulus, identity in world.identity.items()}
        if hidden and kind is ToldVolumes:
            meg, fmri = (
                {world.identity[f"{key}/{n}"]: n for table in world.heard[key].events.values() for n in table.stimulus}
                for key in sorted(world.heard)
            )
            keeps = fmri[sorted(set(meg) & set(fmri))[0]]  # so that there are pairs
            known = {n: f if n == keeps else Frames(f.values + 1e-3, 20.0) for n, f in known.items()}
        studies[name] = kind(folder / name, list(one.events.values()), known, one)
    data = PairedDataModule(
        studies,
        Ready(2),
        people="strangers",
        preprocessing=Preprocessing(sfreq=SFREQ, picks=["eeg"]),
        split=split,
        segment_s=SEGMENT_S,
        offset_s=0.0,
        lags_s=LAGS_S,
        bin_s=0.5,
        response_s=random.choice([0.5, 1.5, 2.5]),
        n_components=2,
        train_windows=Grid(random.choice([0.2, 0.3]), jitter=random.random() < 0.5),
        test_windows=Grid(SEGMENT_S),
        n_jobs=1,
    )
    data.setup("fit")
    return data


def moments(world, rows):
    """(sound, hundredth of a second) of some (stimulus, start, stop)."""
    return {(world.identity[name], tick) for name, start_s, stop_s in rows for tick in ticks(start_s, stop_s)}


def leaked(world, data):
    """What of the held-out sound any training row sees, in MEG or through any volume, and what validation sees of test."""
    spans = {
        split: moments(world, zip(t.stimulus, t.stimulus_onset, t.stimulus_onset + t.duration, strict=True))
        for split, t in ((split, windows.intervals) for split, windows in data.windows.items())
    }
    heard = {name: table for study in data.studies.values() for name, table in _named(data, study)}
    found = []
    for split, held in (("train", spans["val"] | spans["test"]), ("val", spans["test"])):
        windows, pairs = data.windows[split], data.pairs[split]
        stimulus, recording = windows.of_interval("stimulus"), windows.of_interval("recording")
        for epoch in range(2):
            start_s = windows.jittered(data.shape.window_s, [data.seed, epoch])
            meg = pairs.meg[pairs.meg >= 0]
            seen = moments(world, zip(stimulus[meg], start_s[meg], start_s[meg] + SEGMENT_S, strict=True))
            found += [f"{split}: MEG of {one}" for one in seen & held]
            for row in pairs.fmri[pairs.fmri >= 0]:
                own = windows.intervals.iloc[windows.interval[row]]
                begins_s = own.onset - own.stimulus_onset + start_s[row]
                first, *_, last = data.bold_options.bounds(np.array([begins_s]), STEP_S)[0]
                reach_s = first * STEP_S - data.bold_options.response_s + 0.01, (last - 1) * STEP_S
                study = recording[row].split("/", 1)[0]
                moving = []
                for play in heard[recording[row]].itertuples():
                    if play.kind == "sound":
                        clock_s = play.onset - play.stimulus_onset
                        start, stop = max(play.onset, reach_s[0]), min(play.onset + play.duration, reach_s[1])
                        moving.append((f"{study}/{play.stimulus}", start - clock_s, stop - clock_s))
                found += [f"{split}: a volume that {one} moved" for one in moments(world, moving) & held]
    return found


def _named(data, study):
    name = next(key for key, one in data.studies.items() if one is study)
    return [(f"{name}/{one.name}", study.events(one)) for one in study.recordings()]


def judged(seed, kind, folder, *, hidden=False):
    """The leaks of one world and what it was."""
    random = Random(f"{kind} {seed}")
    split = SPLITS[kind](seed)
    world = world_in_two_scanners(random, split)
    try:
        with warnings.catch_warnings(), kept():
            warnings.simplefilter("ignore")
            data = set_up(world, folder / f"{kind}{seed}", split, random, hidden=hidden)
    except UserError as error:
        assert any(one in str(error) for one in EXPECTED), error
        return [], Counter(refused=1)
    table = data.pairs["train"]
    return leaked(world, data), Counter(judged=1, bold=int((table.fmri >= 0).any() and len(data.pairs["test"]) > 0))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPLITS)
def test_no_held_out_second_is_trained_on(kind, tmp_path):
    about = Counter()
    for seed in range(EXAMPLES) if EXAMPLES else USUAL[kind]:
        found, was = judged(seed, kind, tmp_path)
        assert not found, (seed, found[:5])
        about += was
    assert about["bold"] >= max(EXAMPLES / 8, 1), about


def nothing_is_held(heard, dealt, split):
    return {key: np.zeros((0, 2)) for one in heard.values() for key in one.events}


#: What a worse n2s would not know -> a world that shows it, and what is then seen in training.
PLANTED = {
    "that a run plays what its intervals lack": ("sentence", 4, "a volume that"),
    "how long a sound moves a volume": ("time", 5, "a volume that"),
    "that two names are one sound": ("sentence", 4, ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("unknown", PLANTED)
def test_a_planted_leak_is_found(unknown, tmp_path, monkeypatch):
    kind, seed, seen = PLANTED[unknown]
    names = "that two names are one sound"
    if unknown != names:
        monkeypatch.setattr(paired_setup, "moved_by", nothing_is_held)
    if unknown == "how long a sound moves a volume":
        monkeypatch.setattr(PairedBold, "gap_s", 0.0)
    found, was = judged(seed, kind, tmp_path, hidden=unknown == names)
    assert was["bold"] and any(seen in one for one in found), was
