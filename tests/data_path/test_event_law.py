"""No window at an event in training meets what is held out, whoever heard it and under whatever name: beside its sound is silence alone."""

import warnings
from collections import Counter
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import JITTER_S, ticks, world_of

from n2s.data import SplitBySentence, SplitByStory, SplitByTime
from n2s.data.event_intervals import deal, territories, with_stretches
from n2s.data.splits import joined
from n2s.errors import UserError

SPLITS = {
    "story": lambda seed: SplitByStory(val_fraction=0.25, test_fraction=0.3, seed=seed),
    "sentence": lambda seed: SplitBySentence(val_fraction=0.2, test_fraction=0.3, seed=seed),
    "time": lambda seed: SplitByTime(n_folds=3 + seed % 3, test_fold=seed % 3, val_fold=(seed + 1) % 3),
}
FAST = settings(max_examples=7, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)


def heard_in(world, recording: str, start_s: float, stop_s: float) -> set[tuple[str, int]]:
    """Hundredths of seconds of sounds that a stretch of a recording plays, off its edges by what clocks may be wrong."""
    found = set()
    study = recording.split("/")[0]
    events = world.heard[study].events[recording]
    for row in events[events.kind == "sound"].itertuples():
        low, high = max(start_s, row.onset), min(stop_s, row.onset + row.duration)
        if high > low:
            shift = row.stimulus_onset - row.onset
            identity = world.identity[f"{study}/{row.stimulus}"]
            found |= {(identity, tick) for tick in ticks(low + shift + JITTER_S, high + shift - JITTER_S)}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPLITS)
def test_no_training_territory_holds_a_held_out_moment(kind):
    seen = Counter()

    @FAST
    @given(world=st.integers(0, 10**9), seed=st.integers(0, 99))
    def law(world, seed):
        world, split = world_of(Random(world)), SPLITS[kind](seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dealt = deal(split, world.heard)
                held = joined(split.intervals(world.heard), gap_s=0.0)
        except UserError:
            return
        tested = set()
        for row in held[held.split == "test"].itertuples():
            sound = world.identity[row.stimulus]
            tested |= {(sound, tick) for tick in ticks(row.stimulus_onset, row.stimulus_onset + row.duration)}
        trained = set()
        for recording in dealt.pieces.recording.unique():
            table = territories(dealt.of(recording), stop_s=1000.0, reach=0.1)
            assert (table.onset.to_numpy()[1:] >= (table.onset + table.duration).to_numpy()[:-1] - 1e-9).all()
            for row in table[table.split == "train"].itertuples():
                trained |= heard_in(world, recording, row.onset, row.onset + row.duration)
        seen.update(tried=1, both=bool(trained) and bool(tested))
        assert not trained & tested, sorted(trained & tested)[:5]

    law()
    assert seen["both"] >= 2  # or the law is empty


def pieces(*rows: tuple[float, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["onset", "stop", "split"])
    return table.assign(duration=table["stop"] - table.onset, unit="", story="")


def spans(table: pd.DataFrame) -> list[tuple]:
    stop = (table.onset + table.duration).round(6)
    return list(zip(table.onset.round(6), stop, table.split, strict=True))


def test_silence_belongs_to_what_is_nearest():
    found = territories(pieces((2, 3, "train"), (4, 5, "train"), (8, 9, "test")), stop_s=12.0, reach=0.0)
    assert spans(found) == [(0, 6.5, "train"), (6.5, 12.0, "test")]


def test_a_gap_is_cut_from_training_alone_and_only_at_a_border():
    found = territories(pieces((2, 3, "train"), (4, 5, "test"), (5.5, 6, "test")), stop_s=8.0, reach=1.0)
    assert spans(found) == [(0, 2.5, "train"), (3.5, 8.0, "test")]


def test_excluded_content_is_in_no_territory_and_its_silence_neither():
    found = territories(pieces((2, 3, "train"), (4, 5, "excluded"), (6, 7, "train")), stop_s=8.0, reach=0.0)
    assert spans(found) == [(0, 3.5, "train"), (5.5, 8.0, "train")]


def test_what_was_said_has_the_clock_of_its_recording():
    rows = [
        {"onset": 1.0, "duration": 0.5, "kind": "word", "text": "up", "story": "a", "condition": "overt"},
        {"onset": 1.1, "duration": 0.1, "kind": "phone", "text": "ʌ", "story": "a", "condition": "overt"},
        {"onset": 4.0, "duration": 0.0, "kind": "word", "text": "down", "story": "b", "condition": "imagined"},
    ]
    defaults = {"stimulus": "", "stimulus_onset": 0.0, "sequence": "", "language": "en", "speaker": "", "attended": ""}
    found = with_stretches(pd.DataFrame([defaults | row for row in rows]), "lab/sub-1_run-2")
    laid = found[found.kind == "sound"]
    assert list(laid.onset) == [1.0, 4.0]
    assert set(found.stimulus) == {"sub-1_run-2"}
    assert np.allclose(found.stimulus_onset, found.onset)
    assert (laid.duration > 0).all()
