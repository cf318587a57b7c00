"""Which stretch of a recording is for training, validation or test, where windows lie around events.

A split deals out what was heard or said (`n2s.data.splits`). Windows around events reach a little out of that, into the silence before
and after: silence belongs to what is nearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.dealing import with_blocks
from n2s.data.gaps import Reach, purge
from n2s.data.priority import PRIORITY
from n2s.data.shared import common
from n2s.data.spans import merged, minus
from n2s.data.splits import Split, joined, stretches
from n2s.findings import tell

EXCLUDED = "excluded"  # content that is held out elsewhere: in no split


@dataclass(frozen=True)
class Dealt:
    """What a split made of some recordings.

    Parameters
    ----------
    pieces
        Stretches that are in one split, or in none (`EXCLUDED`): ``recording``, ``onset``, ``duration``, ``split``, ``unit`` (what is
        held out together) and ``story``; in order, of each recording.
    """

    pieces: pd.DataFrame

    def of(self, recording: str) -> pd.DataFrame:
        """Its pieces."""
        return self.pieces[self.pieces.recording == recording]

    def training(self, recording: str) -> np.ndarray:
        """(n, 2) starts and stops of its training pieces, s on its clock."""
        own = self.of(recording)
        return merged(_spans(own[own.split == "train"]))


def with_stretches(events: pd.DataFrame, recording: str) -> pd.DataFrame:
    """The events of a recording, each inside a stretch that a split can deal out.

    What was said, mouthed or imagined has no stimulus: it is on the recording's own clock, as a stimulus of the recording's name. Where
    no row of kind sound, story or sentence holds an event, consecutive ones of a story (and sentence) make a row.
    """
    events = events.copy()
    own = events.stimulus == ""
    events.loc[own, "stimulus"] = recording.rpartition("/")[2]
    events.loc[own, "stimulus_onset"] = events.onset[own].clip(lower=0)
    laid = stretches(events)
    spans = merged(_spans(laid)) if len(laid) else np.zeros((0, 2))
    middle = (events.onset + events.duration / 2).to_numpy()
    at = np.searchsorted(spans[:, 0], middle, "right") - 1
    inside = (at >= 0) & (middle <= spans[at.clip(0), 1]) if len(spans) else np.zeros(len(events), bool)
    bare = events[~inside & (events.condition != "rest")]
    if bare.empty:
        return events
    new = (
        (bare[["story", "sequence", "stimulus"]] != bare[["story", "sequence", "stimulus"]].shift())
        .any(axis=1)
        .cumsum()
    )
    kind = laid_kind(events)
    made = []
    for _, part in bare.groupby(new):
        row = part.iloc[0].copy()
        row["duration"] = max((part.onset + part.duration).max() - row.onset, 1e-3)
        row["kind"], row["text"] = kind, " ".join(part.text[part.kind == "word"]) or row.text
        made.append(row)
    return pd.concat([events, pd.DataFrame(made)], ignore_index=True).sort_values(
        "onset", kind="stable", ignore_index=True
    )


def laid_kind(events: pd.DataFrame) -> str:
    """The kind of the rows that `n2s.data.splits.stretches` takes; ``sound`` where there are none."""
    for kind in ("sound", "story", "sentence"):
        if ((events.kind == kind) & (events.stimulus != "") & (events.duration > 0)).any():
            return kind
    return "sentence" if (events.sequence != "").any() else "sound"


def deal(split: Split, heard: Mapping[str, Heard]) -> Dealt:
    """Split some recordings; what is held out for anybody is in nobody's training.

    Parameters
    ----------
    split
        Where it does not keep sounds together (`SplitByRun`), what occurs in training and in test is told.
    heard
        By study; events as `with_stretches` gives them, by ``study/recording``.
    """
    if not split.keeps_sounds:
        heard = {name: _without_official(name, one) for name, one in heard.items()}
    rows = split.intervals(heard)
    if not split.keeps_sounds:
        rows = rows.assign(sound=rows.recording, stimulus=rows.recording)
    rows = with_blocks(rows) if "block" not in rows else rows
    kept = joined(rows, gap_s=0.0)
    pieces = []
    held = {sound: merged(part) for sound, part in kept[kept.split != "train"].groupby("sound")}
    sounds = dict(zip(rows.stimulus, rows["sound"], strict=True))
    for recording, every in rows.groupby("recording", sort=False):
        own = kept[kept.recording == recording]
        pieces.append(own.assign(unit=_unit_of(own, every)))
        study = recording.split("/")[0]
        played = _played(stretches(heard[study].events[recording]), study, sounds, held)
        lost = minus(merged(np.concatenate([_spans(every), played])), merged(_spans(own)))
        if len(lost):
            gone = pd.DataFrame({"onset": lost[:, 0], "duration": lost[:, 1] - lost[:, 0]})
            pieces.append(gone.assign(recording=recording, split=EXCLUDED, unit="", story=""))
    table = pd.concat(pieces, ignore_index=True)[["recording", "onset", "duration", "split", "unit", "story"]]
    found = Dealt(table.sort_values(["recording", "onset"], kind="stable", ignore_index=True))
    if not split.keeps_sounds:
        _tell_repeated(heard, found)
    return found


def territories(pieces: pd.DataFrame, *, stop_s: float, reach: Reach | float) -> pd.DataFrame:
    """The stretches of a recording in which windows of each split may lie.

    Silence between two pieces of one split is that split's; between two splits it is divided in its middle. Then a gap is opened at
    borders, as far as the filters reach (`n2s.data.gaps.purge`).

    Parameters
    ----------
    pieces
        Of one recording, as `Dealt` has them.
    stop_s
        Length of the recording, s.
    reach
        Of its filters.

    Returns
    -------
    ``onset``, ``duration``, ``stimulus_onset`` (the same as ``onset``) and ``split``, in order.
    """
    start = pieces.onset.to_numpy(float)
    stop = start + pieces.duration.to_numpy(float)
    split = pieces.split.to_numpy()
    rows: list[list] = []
    for i in range(len(pieces)):
        if rows and rows[-1][2] == split[i]:
            rows[-1][1] = max(rows[-1][1], stop[i])
        else:
            rows.append([start[i], max(stop[i], start[i]), split[i]])
    for one, other in zip(rows, rows[1:], strict=False):
        if other[0] > one[1]:
            one[1] = other[0] = (one[1] + other[0]) / 2
    if rows:
        rows[0][0], rows[-1][1] = min(0.0, rows[0][0]), max(stop_s, rows[-1][1])
    table = pd.DataFrame(rows, columns=["onset", "stop", "split"])
    table = table.assign(duration=table["stop"] - table.onset, stimulus_onset=table.onset)
    table = table[table.split != EXCLUDED][["onset", "duration", "stimulus_onset", "split"]]
    return purge(table, reach, PRIORITY).reset_index(drop=True)


def _played(events: pd.DataFrame, study: str, sounds: Mapping[str, str], held: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, 2) Where a recording plays what is held out for anybody, whether its own events name it or not, s on its clock."""
    found = [np.zeros((0, 2))]
    for row in events.itertuples():
        spans = held.get(sounds.get(f"{study}/{row.stimulus}", ""))
        if spans is not None:
            inside = common(spans, np.array([[row.stimulus_onset, row.stimulus_onset + row.duration]]))
            found.append(inside + row.onset - row.stimulus_onset)
    return np.concatenate(found)


def _unit_of(own: pd.DataFrame, every: pd.DataFrame) -> np.ndarray:
    """(n,) What is held out together with each kept interval: the block of the dealt row that holds its middle."""
    middle = (own.onset + own.duration / 2).to_numpy()
    every = every.sort_values("onset", kind="stable")
    at = (np.searchsorted(every.onset.to_numpy(), middle, "right") - 1).clip(0)
    return every.block.to_numpy()[at]


def _spans(rows: pd.DataFrame) -> np.ndarray:
    start = rows.onset.to_numpy(float)
    return np.stack([start, start + rows.duration.to_numpy(float)], 1) if len(rows) else np.zeros((0, 2))


def _without_official(study: str, heard: Heard) -> Heard:
    if heard.official:
        tell(
            "odd",
            f"study {study}",
            "its official split is of stories or sentences, and is not used: whole runs are held out.",
        )
    return Heard(heard.events, None, heard.content, heard.sounds, heard.lengths_s, heard.subjects)


def _tell_repeated(heard: Mapping[str, Heard], dealt: Dealt) -> None:
    """Say what is in training and in test, since whole runs are held out."""
    splits = dealt.pieces.groupby("recording").split.first()
    for study, one in heard.items():
        texts: dict[str, set[str]] = {"train": set(), "test": set()}
        for recording, events in one.events.items():
            side = splits.get(recording)
            if side in texts:
                said = events[events.kind.isin(["sentence", "story"]) & (events.text != "")]
                texts[side] |= set(said.text)
        both = sorted(texts["train"] & texts["test"])
        if both:
            tell(
                "odd",
                f"study {study}",
                f"{len(both)} sentences or stories are in runs of training and in runs of test, as '{both[0][:40]}': a decoder may know the "
                "words before a phone. To hold out content, use SplitBySentence or SplitByStory.",
            )
