"""Which clips of a corpus are for training, validation and test: no speaker and no sentence is on two sides."""

import hashlib

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell

SPLITS = ("train", "val", "test")
_PADDED_S = 0.25  # that neighbours in one recording may share: segments are cut with some silence around them
_FEWEST = 10  # speakers: with fewer, a tenth is no whole speaker


def split_clips(
    clips: pd.DataFrame, *, val_fraction: float, test_fraction: float, seed: int, where: str
) -> pd.DataFrame:
    """Give each clip its split; clips whose sentence is held out elsewhere are dropped.

    The corpus' own split counts. What it lacks is taken from its training clips: whole speakers (articles, recordings; the
    column ``speaker``), in the order of a hash, until a share of the time is reached. With fewer than ten speakers,
    or none that is known, clips of one content stay together instead. Classes of sounds are dealt out one by one, so that
    each is in every split (recordings with several classes: all together). Then training clips with a content of validation or test, and
    validation clips with one of test, are left out; so are those that overlap such a clip in its file.

    Parameters
    ----------
    clips
        Columns of `n2s.corpora.corpus.COLUMNS`, and ``content``, equal for clips that must not be on two sides.
    val_fraction, test_fraction
        Shares of the time.
    seed
        Of the hash.
    where
        The corpus, for messages.

    Raises
    ------
    UserError
        An unknown split, or one without clips.
    """
    given = clips.split.to_numpy(str)
    unknown = sorted(set(given) - {*SPLITS, ""})
    if unknown:
        raise UserError(f"{where}: split is {', '.join(map(repr, unknown))}; expected train, val, test, or nothing.")
    split = np.where(given == "", "train", given).astype(object)
    lacking = {"test": test_fraction, "val": val_fraction}
    lacking = {name: share for name, share in lacking.items() if name not in given and share > 0}
    free = split == "train"
    if lacking and free.any():
        split[free] = _dealt(clips[free], lacking, seed, where)
    found = clips.assign(split=split)
    left = _shared(found)
    if left.any():
        tell("left out", f"{where} ({int(left.sum())} clips)", "clips whose text is held out elsewhere are not used.")
    found = found[~left].reset_index(drop=True)
    left = _heard_elsewhere(found)
    if left.any():
        text = "clips whose sound, at that moment, is held out in another clip are not used (two speakers at once)."
        tell("left out", f"{where} ({int(left.sum())} clips)", text)
    found = found[~left].reset_index(drop=True)
    for name in SPLITS:
        if not (found.split == name).any() and (name != "val" or val_fraction):
            raise UserError(
                f"{where}: no clip is for {name}: there are {len(found)} clips of {found.content.nunique()} contents. Take more "
                "clips, or other data.val_fraction and data.test_fraction."
            )
    return found


def _dealt(clips: pd.DataFrame, shares: dict[str, float], seed: int, where: str) -> np.ndarray:
    """The split of each clip."""
    speaker = clips.speaker
    n_speakers = speaker[speaker != ""].nunique()
    unit = "content " + clips.content
    if n_speakers >= _FEWEST:
        unit = unit.where(speaker == "", "speaker " + speaker)
    elif n_speakers > 1:
        text = "so few cannot be dealt out whole: sentences or stretches of sound are. The test hears those of the training."
        tell("odd", f"{where} ({n_speakers} speakers or recordings)", text)
    units = pd.DataFrame({"unit": unit, "label": clips.label, "duration_s": clips.duration_s})
    units = units.groupby("unit", sort=True).agg(
        label=("label", "min"), other=("label", "max"), duration_s=("duration_s", "sum")
    )
    units["label"] = units.label.where(units.label == units.other, "")  # a recording of several classes is of none
    units["order"] = [hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in units.index]
    units = units.sort_values(["label", "order"])
    own = units.groupby("label", sort=False).duration_s
    place = (own.cumsum() - units.duration_s / 2) / own.transform("sum")  # of a unit's middle, 0 to 1, within its class
    split, above = pd.Series("train", index=units.index), 0.0
    for name, share in shares.items():
        split[(place >= above) & (place < above + share)] = name
        above += share
    return unit.map(split).to_numpy()


def _shared(clips: pd.DataFrame) -> np.ndarray:
    """(n,) Whether a content that is dearer elsewhere is in a clip: test before validation, validation before training."""
    held = {name: set(clips.content[clips.split == name]) for name in ("val", "test")}
    in_test, in_val = (clips.content.isin(held[name]).to_numpy() for name in ("test", "val"))
    split = clips.split.to_numpy(str)
    return ((split == "train") & (in_test | in_val)) | ((split == "val") & in_test)


def _heard_elsewhere(clips: pd.DataFrame) -> np.ndarray:
    """(n,) Whether a clip overlaps one of a dearer split in its file, by more than segments are padded."""
    left = np.zeros(len(clips), bool)
    rank = clips.split.map({name: i for i, name in enumerate(SPLITS)}).to_numpy()
    start_s, stop_s = clips.start_s.to_numpy(float), (clips.start_s + clips.duration_s).to_numpy(float)
    for sound, rows in clips.groupby("sound").indices.items():
        for split in np.unique(rank[rows])[:-1] if sound else ():
            own, held = rows[rank[rows] == split], rows[rank[rows] > split]
            held = held[np.argsort(start_s[held], kind="stable")]
            until_s = np.concatenate([[-np.inf], np.maximum.accumulate(stop_s[held])])  # of all that began before
            begun = np.searchsorted(start_s[held], stop_s[own] - _PADDED_S)
            left[own[until_s[begun] - start_s[own] > _PADDED_S]] = True
    return left
