"""The result of a fusion against loops, integrals and planted faults."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from planted_pairs import planted_pairs
from scipy import integrate, stats

from n2s.errors import UserError
from n2s.metrics.controls import chance_bounds
from n2s.metrics.result import record
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.shuffles import donors
from n2s.systems.fusion.words import headline, notes


@pytest.fixture(scope="module")
def result():
    return planted_pairs(estimate=0.5)


def top1(result, row, subject="all subjects"):
    return result.scores().get("top1", row, subject).mean


def first_of(d: float, k: int) -> float:
    """How often the true one of k candidates has the highest log-likelihood ratio, d apart: an integral over its own."""
    return integrate.quad(lambda z: stats.norm.pdf(z) * stats.norm.cdf(z + d) ** (k - 1), -8, 8)[0]


def first_despite(kept: float, moved: float, k: int) -> float:
    """The same if the second modality is of another candidate."""
    both = np.hypot(kept, moved)

    def found(z):
        other = stats.norm.cdf(z + (kept**2 - moved**2) / both)
        return stats.norm.pdf(z) * stats.norm.cdf(z + kept**2 / both) ** (k - 2) * other

    return integrate.quad(found, -8, 8)[0]


@pytest.mark.slow
def test_the_scores_are_those_of_integrals():
    """Independent noises: information adds, so that distances add as squares."""
    meg, fmri, n, k = 1.8, 1.3, 40, 40
    result = planted_pairs(meg=meg, fmri=fmri, n_subjects=n, n_per_story=k // 2, seed=1)
    expected = {
        "ceiling_meg": first_of(meg, k),
        "ceiling_fmri": first_of(fmri, k),
        "ceiling": first_of(np.hypot(meg, fmri), k),
        "ceiling_meg_shuffled": first_despite(fmri, meg, k),
        "ceiling_fmri_shuffled": first_despite(meg, fmri, k),
    }
    for row, share in expected.items():
        low, high = chance_bounds(n * k, share, level=0.999)
        assert low <= top1(result, row) <= high, row
        assert top1(result, row) == pytest.approx(top1(result, row.replace("ceiling_", "").replace("ceiling", "both")))
    assert result.reached["top1"].mean == 1
    found = result.differences["top1"]
    truth = {
        "over_meg": expected["ceiling"] - expected["ceiling_meg"],
        "over_fmri": expected["ceiling"] - expected["ceiling_fmri"],
        "cost_meg": expected["ceiling"] - expected["ceiling_meg_shuffled"],
        "cost_fmri": expected["ceiling"] - expected["ceiling_fmri_shuffled"],
    }
    for key, value in truth.items():
        assert found[key].best.mean == pytest.approx(value, abs=0.05), key
        assert found[key].positive and found[key].ratio.mean == 1, key


@pytest.mark.nightly
@pytest.mark.parametrize(("meg", "fmri"), [(1.6, 1.6), (2.2, 0.8)])
def test_intervals_over_segments_hold_the_integrals(meg, fmri):
    """95%; measured with 200 studies of 16 blocks: 91.5 to 96.5%."""
    n, k, both = 60, 48, np.hypot(meg, fmri)
    truth = {
        "over_meg": first_of(both, k) - first_of(meg, k),
        "over_fmri": first_of(both, k) - first_of(fmri, k),
        "cost_meg": first_of(both, k) - first_despite(fmri, meg, k),
        "cost_fmri": first_of(both, k) - first_despite(meg, fmri, k),
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(n):
        found = planted_pairs(meg=meg, fmri=fmri, with_ideal=False, seed=seed).differences["top1"]
        for key, value in truth.items():
            held[key] += found[key].segments.low <= value <= found[key].segments.high
    assert min(held.values()) >= 49  # of 60: 1 in 1000 at 93%


def test_the_numbers_are_those_of_loops(result):
    """Each pair by itself, without the functions of the package."""
    asked = donors(result)
    start_s, stimulus = (result.candidates[name].to_numpy() for name in ("start_s", "stimulus"))
    hits = {"both": [], "meg_shuffled": [], "fmri_shuffled": []}
    for i, target in enumerate(result.target):
        both = result.meg[i].astype(float) + result.fmri[i]
        hits["both"].append(np.argmax(both) == target)
        own = {"meg_shuffled": [], "fmri_shuffled": []}
        for row in asked[:, i][asked[:, i] >= 0]:
            assert result.subject[row] == result.subject[i]
            other = result.target[row]
            assert stimulus[other] != stimulus[target] or abs(start_s[other] - start_s[target]) >= 20
            own["meg_shuffled"].append(np.argmax(result.meg[row].astype(float) + result.fmri[i]) == target)
            own["fmri_shuffled"].append(np.argmax(result.fmri[row].astype(float) + result.meg[i]) == target)
        for name, values in own.items():
            assert len(values) > 40
            hits[name].append(np.mean(values))
    for name, values in hits.items():
        by_subject = [np.mean(np.array(values)[result.subject == who]) for who in np.unique(result.subject)]
        assert top1(result, name) == pytest.approx(np.mean(by_subject), abs=0.01 if "shuffled" in name else 1e-9)
        if name != "both":
            cost = result.differences["top1"][f"cost_{name.removesuffix('_shuffled')}"]
            assert cost.segments.mean == pytest.approx(top1(result, "both") - np.mean(by_subject), abs=1e-9)


def test_all_is_kept(result, tmp_path):
    FusionResult.settle({"test": result})
    result.save(tmp_path)
    loaded = FusionResult.load(tmp_path)
    for one in fields(FusionResult):
        before, after = getattr(result, one.name), getattr(loaded, one.name)
        if isinstance(before, pd.DataFrame):
            pd.testing.assert_frame_equal(before, after)
        elif isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after
    assert record(loaded) == record(result) == json.loads(json.dumps(record(result), allow_nan=False))


def test_a_table_of_an_older_version_is_read(result):
    older = replace(result, windows=result.windows[["recording", "stimulus", "stimulus_start_s", "extra"][:3]])
    assert (older.windows.fmri_recording == "").all() and older.windows.start_s.isna().all()
    assert older.scores().plain() == result.scores().plain()
    with pytest.raises(ValueError, match="lack the columns"):
        replace(result, windows=result.windows.drop(columns="stimulus"))


@pytest.mark.parametrize("there", ["meg", "fmri"])
def test_one_modality_alone(there):
    result = planted_pairs(**{"fmri" if there == "meg" else "meg": None})
    assert result.main == there
    assert list(result.scores().rows) == [there, "shuffled", "no_brain", "chance", f"ceiling_{there}"]
    assert result.differences == {} and result.reached["top1"].mean == 1
    assert result.facts()["tests"][there]["top1"]["p"] < 1e-3


def test_parts_that_do_not_fit_are_refused(result):
    for change, match in (
        ({"meg": None, "fmri": None, "ideal_meg": None, "ideal_fmri": None}, "neither"),
        ({"meg": None}, "no pair has this modality"),
        ({"fmri": result.fmri[:, 1:]}, "shape"),
        ({"target": result.target + 40}, "target"),
        ({"candidate_set": np.zeros(len(result.target))}, "belong together"),
        ({"seed": -1}, "seed"),
        ({"n_permutations": 0}, "n_permutations"),
    ):
        with pytest.raises(ValueError, match=match):
            replace(result, **change)


def test_noise_is_at_chance():
    result = planted_pairs(meg=1e-3, fmri=1e-3, with_ideal=False)
    for by_score in result.tests.values():
        for name, test in by_score.items():
            assert test.p is None or by_score is not result.tests["both"] or test.p > 0.001, name
    assert not any(one.positive for one in result.differences["top1"].values())


def test_equal_scores_find_nothing():
    """Ties count against a decoder: a constant is no hit."""
    result = replace(planted_pairs(meg=1e-3, fmri=1e-3), meg=np.zeros((192, 48)), fmri=np.zeros((192, 48)))
    assert top1(result, "both") == top1(result, "meg_shuffled") == 0
    assert not any(one.positive for one in result.differences["top1"].values())
    json.dumps(result.facts(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("silent", ["meg", "fmri"])
def test_a_modality_that_carries_nothing_is_not_said_to_be_used(silent):
    """Its scores are as large as those of the other, and say nothing: 12 studies, of which one may err."""
    used = 0
    for seed in range(12):
        result = planted_pairs(n_subjects=2, **{silent: 0.0}, seed=seed)
        noise = np.random.default_rng(seed + 1000).standard_normal(result.meg.shape)
        found = replace(result, **{silent: noise}).differences["top1"]
        used += found[f"cost_{silent}"].positive
        assert found["cost_fmri" if silent == "meg" else "cost_meg"].positive
        assert found[f"cost_{silent}"].ratio is None  # the theory knows no cost
    assert used <= 1


def test_people_with_segments_of_their_own():
    """Each is ranked among what it heard, and responses are exchanged inside a person."""
    whole = planted_pairs(n_subjects=2, meg=2.0, fmri=2.0)
    kept = (whole.target % 2 == 0) == (whole.subject == "01")
    sets = np.stack([np.arange(48) % 2 == 0, np.arange(48) % 2 == 1])
    cut = {name: getattr(whole, name)[kept] for name in ("target", "subject", "meg", "fmri", "ideal_meg", "ideal_fmri")}
    own = (cut["subject"] == "02").astype(int)
    for name in ("meg", "fmri"):  # what a person never heard is shouted
        cut[name] = cut[name] + 100.0 * ~sets[own]
    result = replace(
        whole,
        **cut,
        windows=whole.windows[kept],
        no_brain=None,
        meg_to_fmri=None,
        fmri_to_meg=None,
        candidate_sets=sets,
        candidate_set=own,
    )
    assert set(result.n_candidates) == {24} and result.scores().get("top1", "chance").mean == pytest.approx(1 / 24)
    assert top1(result, "both") > 0.5 and result.differences["top1"]["cost_meg"].positive
    asked = donors(result)
    assert (asked >= 0).any() and (result.subject[asked[asked >= 0]] == result.subject[np.nonzero(asked >= 0)[1]]).all()


def test_pairs_without_a_partner_are_left_out_of_what_is_found_across(result):
    across = result.meg_to_fmri.copy()
    across[:, :12] = np.nan  # 12 segments have no fMRI
    found = replace(result, meg_to_fmri=across)
    kept = found.target >= 12
    np.testing.assert_array_equal(found.ranks["meg_to_fmri"] >= 0, kept)
    expected = [
        np.mean(across[rows][:, 12:].argmax(1) + 12 == found.target[rows])
        for who in np.unique(found.subject)
        for rows in [np.flatnonzero(kept & (found.subject == who))]
    ]
    assert top1(found, "meg_to_fmri") == pytest.approx(np.mean(expected))
    assert top1(found, "chance_meg_to_fmri") == pytest.approx(1 / 36)
    assert "chance_fmri_to_meg" not in found.scores().rows  # as that of the other rows
    nothing = replace(result, meg_to_fmri=np.full_like(across, np.nan))
    assert "meg_to_fmri" not in nothing.scores().rows


@pytest.mark.parametrize(
    "options",
    [
        {"n_per_story": 1, "stories": ("a",)},
        {"n_per_story": 2, "stories": ("a",)},
        {"n_per_story": 3},
        {"n_per_story": 1, "stories": tuple("abcdef")},
        {"n_subjects": 1},
        {"n_repeats": 2},
        {"with_ideal": False},
    ],
)
def test_small_and_odd_tests_have_scores(options):
    result = planted_pairs(**options)
    json.dumps(record(result), allow_nan=False)
    rows = result.scores().rows
    assert {"meg", "fmri", "both", "chance"} <= set(rows) and ("ceiling" in rows) == options.get("with_ideal", True)


def test_tests_are_corrected_for_all_that_are_shown(result):
    other = planted_pairs(meg=0.5, fmri=0.5, seed=3)
    alone = other.tests["both"]["top1"].p_corrected
    FusionResult.settle({"a": other, "b": result})
    assert other.n_tests == result.n_tests == 2 * 18
    assert other.tests["both"]["top1"].p_corrected >= alone
    FusionResult.settle({"test": result})


def test_folds_with_other_modalities_keep_what_all_have():
    both, alone = planted_pairs(n_per_story=8, seed=1), planted_pairs(n_per_story=8, fmri=None, seed=2)
    pooled = FusionResult.pooled([both, alone])
    assert pooled.main == "meg" and "pooled without fMRI: folds 2 have none" in pooled.said
    np.testing.assert_array_equal(pooled.ranks["meg"], np.concatenate([both.ranks["meg"], alone.ranks["meg"]]))
    with pytest.raises(UserError, match="cannot be pooled"):
        FusionResult.pooled([planted_pairs(n_per_story=8, meg=None), alone])


ODD = {
    "texts are missing": lambda one: {
        "windows": one.windows.assign(condition=None, study=np.nan, recording=None),
        "candidates": one.candidates.assign(text=None, audio=None),
    },
    "texts are categories": lambda one: {"windows": one.windows.astype({"condition": "category", "study": "category"})},
    "subjects are numbers": lambda one: {"subject": one.subject.astype(int)},
    "short sentences": lambda one: {
        "candidates": one.candidates.assign(stimulus=[f"s{i}" for i in range(24)], start_s=0.0, duration_s=2.5)
    },
    "durations differ": lambda one: {"candidates": one.candidates.assign(duration_s=np.linspace(2, 15, 24))},
    "one candidate each": lambda one: {"candidate_sets": np.eye(24, dtype=bool), "candidate_set": one.target},
    "likelihoods are 0": lambda one: {"meg": np.where(np.arange(24) % 3, one.meg, -np.inf)},
    "no number at all": lambda one: {"meg": np.full_like(one.meg, np.nan)},
    "weights of each person": lambda one: {"weights": {"meg": {"01": 1.0, "02": 0.5}, "fmri": None}},
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_results_are_scored_and_told(odd):
    one = planted_pairs(n_per_story=12)
    result = replace(one, **ODD[odd](one))
    json.dumps(record(result), allow_nan=False)
    assert all("nan" not in text.lower() for text in (*headline(result), *notes(result))), odd
    assert len(result.retrieved()) == 5
    expected = {"one candidate each": 1.0, "no number at all": 0.0}.get(odd, top1(one, "both"))
    if odd != "likelihoods are 0":
        assert top1(result, "both") == expected


def test_folds_are_ranked_apart():
    parts = [planted_pairs(n_per_story=n, stories=(f"a{n}", f"b{n}"), n_subjects=2, seed=n) for n in (10, 14)]
    pooled = FusionResult.pooled(parts)
    louder = FusionResult.pooled([parts[0], replace(parts[1], meg=parts[1].meg + 1000)])
    for row in ("meg", "fmri", "both", "ceiling", "meg_to_fmri"):
        np.testing.assert_array_equal(pooled.ranks[row], np.concatenate([one.ranks[row] for one in parts]))
    for row in ("meg_shuffled", "shuffled"):
        np.testing.assert_array_equal(louder.ranks[row], pooled.ranks[row])
    asked = donors(pooled)
    fold = np.append(pooled.fold, -1)
    assert (fold[asked][asked >= 0] == np.broadcast_to(pooled.fold, asked.shape)[asked >= 0]).all()
    assert pooled.n_folds == 2 and sorted(set(pooled.n_candidates)) == [20, 28]
