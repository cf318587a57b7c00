"""No second of any held-out content, whoever heard it, under whatever name, in whatever language, is in training.

``N2S_LAW=20000`` tries so many worlds instead of the usual number.
"""

import os
import warnings
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import lay, leaks, world_of

from n2s.data import CrossValidated, SplitBySentence, SplitByStory, SplitByTime, held_out
from n2s.data.splits import Split
from n2s.errors import UserError

EXAMPLES = int(os.environ.get("N2S_LAW", 8))
SPLITS = {
    "story": lambda seed: SplitByStory(val_fraction=0.25, test_fraction=0.3, seed=seed),
    "sentence": lambda seed: SplitBySentence(val_fraction=0.2, test_fraction=0.3, seed=seed),
    "blocks": lambda seed: SplitBySentence(val_fraction=0.2, test_fraction=0.3, min_block_s=3.0, seed=seed),
    "time": lambda seed: SplitByTime(n_folds=3 + seed % 3, test_fold=seed % 3, val_fold=(seed + 1) % 3),
}
FAST = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize="N2S_LAW" not in os.environ,  # the same worlds each time, unless more are asked for
)


def judged(random, split: Split, of: str, *, blind=lambda world: None) -> tuple[list[str], Counter]:
    """The leaks of one world, and what it was; ``blind`` takes away what a worse n2s would not know."""
    world = world_of(random)
    blind(world)
    about = Counter({"versions": world.versions, "official": any(one.official for one in world.heard.values())})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            laid = lay(
                world, split, window_s=random.choice([0.5, 1.0]), step_s=random.choice([0.1, 0.3]),
                jitter=random.random() < 0.5, gap_s=random.choice([0.0, 0.0, 0.2]),
            )  # fmt: skip
    except UserError as error:
        told = str(error)
        refused = world.contradicts if "contradicts itself" in told else world.versions and "SplitByTime" in told
        refused = refused or (isinstance(split, CrossValidated) and "number of folds" in told)
        assert refused, error
        return [], about + Counter(refused=1)
    both = bool(laid.trained) and (laid.table.split != "train").any()
    return leaks(world, laid, of=of), about + Counter(trained_and_held_out=both)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPLITS)
def test_no_second_of_what_is_held_out_is_in_training(kind):
    seen = Counter()

    @FAST
    @given(world=st.integers(0, 10**9), seed=st.integers(0, 99))
    def law(world, seed):
        found, about = judged(Random(world), SPLITS[kind](seed), "sentence" if kind == "blocks" else kind)
        seen.update(about + Counter(tried=1))
        assert not found, found[:5]

    law()
    print(kind, dict(seen))
    assert seen["trained_and_held_out"] > 0.3 * seen["tried"]  # or the law is empty


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blocks", "time"])
def test_no_second_of_the_fold_that_is_held_out_is_in_training(kind):
    seen = Counter()

    @FAST
    @given(world=st.integers(0, 10**9), seed=st.integers(0, 99))
    def law(world, seed):
        n_folds = 2 + seed % 2
        folds = CrossValidated(
            SPLITS[kind](seed), n_folds=n_folds, fold=seed % n_folds, validation=n_folds > 2, seed=seed
        )
        found, about = judged(Random(world), folds, "sentence" if kind == "blocks" else kind)
        seen.update(about + Counter(tried=1))
        assert not found, found[:5]

    law()
    assert seen["trained_and_held_out"] > 0.2 * seen["tried"]  # or the law is empty


# -- the law can be broken ------------------------------------------------------------------------------------------------


def bridge(monkeypatch):
    monkeypatch.setattr(
        held_out, "_foreign", lambda rows: dict.fromkeys(zip(rows["sound"], rows.split, strict=True), NOTHING)
    )
    monkeypatch.setattr(held_out, "_cut", lambda rows, held: rows)


def cut_presentations(monkeypatch):
    def units(self, rows, said):
        parts = rows.loc[rows.index.repeat(self.n_folds)].reset_index(drop=True)
        fold = np.tile(np.arange(self.n_folds), len(rows))
        length = parts.duration / self.n_folds
        shift = fold * length
        unit = [f"{name}#{i}" for name, i in zip(parts.stimulus, fold, strict=True)]
        parts = parts.assign(onset=parts.onset + shift, stimulus_onset=parts.stimulus_onset + shift, duration=length)
        return parts.assign(unit=unit, drawn=unit)

    monkeypatch.setattr(SplitByTime, "units", units)
    monkeypatch.setattr(held_out, "_cut", lambda rows, held: rows)


def deaf_to_sounds(world):
    for study, one in world.heard.items():
        object.__setattr__(one, "sounds", {name: f"{study}/{name}" for name in one.sounds})


def deaf_to_content(world):
    for one in world.heard.values():
        object.__setattr__(one, "content", {})


def blocks_alone(monkeypatch):
    units = SplitBySentence.units
    monkeypatch.setattr(SplitBySentence, "units", lambda *given: units(*given).assign(unit=lambda rows: rows.drawn))


def no_borders(monkeypatch):
    monkeypatch.setattr(held_out, "_borders", lambda rows: np.array([0.0, np.inf]))


NOTHING = np.zeros((0, 2))
BROKEN = {
    "joins over what was cut out": ("blocks", bridge, None),
    "cuts presentations": ("time", cut_presentations, None),
    "takes two names for two sounds (stories)": ("story", None, deaf_to_sounds),
    "takes two names for two sounds (time)": ("time", None, deaf_to_sounds),
    "draws a sentence anew in each block": ("blocks", blocks_alone, None),
    "takes no heed of languages (stories)": ("story", None, deaf_to_content),
    "takes no heed of languages (sentences)": ("sentence", None, deaf_to_content),
    "contextual features hear across": ("time", no_borders, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", BROKEN)
def test_the_law_sees_each_fault(monkeypatch, fault):
    kind, patch, blind = BROKEN[fault]
    if patch:
        patch(monkeypatch)

    blind = blind or (lambda world: None)
    of = "sentence" if kind == "blocks" else kind
    assert any(judged(Random(world), SPLITS[kind](world), of, blind=blind)[0] for world in range(100))
