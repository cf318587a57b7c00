"""False alarms of classifiers that know something else than the class: the condition, a wrong answer that all people share, noise in stretches."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from n2s.metrics.classification import balanced_accuracy, p_above, permutation_null
from n2s.metrics.score import ALL
from n2s.systems.event_classes.draws import Draws
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.transfer_result import TransferResult

NAMES = ["up", "down", "stop"]
SETTINGS = {"n_train": [10], "window_s": 0.5, "offset_s": 0.0, "classifier": "WindowLDA", "at": "onset", "fitted": "to each person alone", "average": 1}  # fmt: skip


def events_of(label, condition, n_subjects=1):
    """Runs (r, n) of classes and conditions, every 2 s, the same for everybody; each clock begins elsewhere."""
    rows = []
    for subject in range(n_subjects):
        for run, (own, when) in enumerate(zip(label, condition, strict=True)):
            start_s = 2.0 * np.arange(len(own)) + 0.37 * subject
            one = pd.DataFrame({"label": own, "condition": when, "start_s": start_s, "onset": start_s})
            rows.append(one.assign(subject=f"lab/{subject}", recording=f"lab/{subject}_{run}", unit=f"run-{run}"))
    events = pd.concat(rows, ignore_index=True)
    return events.assign(name=np.array(NAMES)[events.label], duration=0.4, text="", story="", previous="", pause_s=0.0)


def outcome(events, logits, **options) -> EventResult:
    given = {"names": NAMES, "trained": np.full(3, 50), "n_permutations": 99} | options
    return EventResult(events=events, logits=logits.astype(np.float32), **given)


def transferred(events, logits, **options) -> TransferResult:
    log_proba = (logits - np.log(np.exp(logits).sum(1, keepdims=True)))[None].astype(np.float32)
    pairs = np.stack([log_proba[:, :, j] - log_proba[:, :, i] for i, j in ((0, 1), (0, 2), (1, 2))])
    return TransferResult(**{
        "events": events.assign(best=-1, fold=0), "log_proba": log_proba, "names": NAMES, "pairs": [[0, 1], [0, 2], [1, 2]], "pair_scores": pairs,
        "decoders": pd.DataFrame({"band": ["whole"], "condition": ["listen"]}), "time_conditions": ["listen"], "times_s": [0.0],
        "predicted": logits.argmax(1)[None, :, None].astype(np.int16), "settings": SETTINGS, "n_permutations": 99,
    } | options)  # fmt: skip


def share(p):
    return float(np.mean(np.array(p) <= 0.05))


def test_a_network_that_knows_the_condition_alone_is_at_chance():
    """With labels permuted across conditions, it would be above chance in nine of ten data sets."""
    found, before = [], []
    for seed in range(40):
        rng, condition = np.random.default_rng(seed), np.tile(["listen", "overt"], 30)
        often = np.where(condition == "listen", 0, 1)
        label = [np.where(rng.random(60) < 0.4, often, rng.integers(0, 3, 60)) for _ in range(3)]
        events = events_of(label, [condition] * 3)
        logits = rng.standard_normal((180, 3)) + 1.5 * np.eye(3)[np.tile(often, 3)]
        result = outcome(events, logits, seed=seed)
        places = result.draws.places
        value = balanced_accuracy(result.labels, result.predicted, 3)
        for p, runs in ((found, places), (before, events.recording.to_numpy())):
            p.append(p_above(value, permutation_null(result.labels, result.predicted, runs, "balanced_accuracy", 99)))
    assert share(before) > 0.7 and share(found) <= 0.15
    assert result.summary.rows["permuted"].label == "labels permuted within runs and conditions"


def test_scores_of_each_condition_stand_beside_the_pooled_ones():
    rng, condition = np.random.default_rng(0), np.tile(["listen", "overt"], 30)
    events = events_of([rng.permutation(60) % 3 for _ in range(3)], [condition] * 3)
    knows = (events.condition == "overt").to_numpy()[:, None] * np.eye(3)[events.label] * 4
    result = outcome(events, rng.standard_normal((180, 3)) + knows)
    headings, rows = result.shown()[0].tables["Each condition"]
    assert [row[0] for row in rows] == ["listen", "overt"] and headings[1] == "tested"
    facts = result.facts()["conditions"]
    for name in ("listen", "overt"):
        own = (events.condition == name).to_numpy()
        expected = f1_score(events.label[own], result.predicted[own], average="macro")
        assert facts[name]["f1_macro"][0] == pytest.approx(expected) and facts[name]["n"] == 90
    assert facts["listen"]["p_holm"] > 0.05 and facts["overt"]["p_holm"] == pytest.approx(2 / 100)
    assert "Each condition" not in outcome(events_of([np.arange(9) % 3] * 2, [["listen"] * 9] * 2), rng.standard_normal((18, 3))).shown()[0].tables  # fmt: skip


def test_people_who_make_the_same_mistakes_are_no_evidence():
    """Six people, one wrong function of the event: with a draw for each person, chance is beaten in one of five data sets."""
    found, before = [], []
    for seed in range(60):
        rng, kept = (
            np.random.default_rng(seed),
            np.random.default_rng(seed).random(240) > 0.08,
        )  # everybody has lost other windows
        events = events_of([rng.permutation(40) % 3], [["listen"] * 40], n_subjects=6)[kept].reset_index(drop=True)
        said = (np.tile(rng.standard_normal((40, 3)), (6, 1)) + 0.5 * rng.standard_normal((240, 3)))[kept].argmax(1)
        label, who = events.label.to_numpy(), events.subject.to_numpy()
        places, values, apart, together = Draws(events, window_s=0.5).places, [], [], []
        for number, subject in enumerate(dict.fromkeys(who)):
            own = np.flatnonzero(who == subject)
            values.append(balanced_accuracy(label[own], said[own], 3))
            options = label[own], said[own], "balanced_accuracy", 99
            for nulls, runs, draw in (
                (apart, np.zeros(len(own)), 99 * seed + number),
                (together, places.some(own), seed),
            ):
                nulls.append(permutation_null(*options[:2], runs, *options[2:], draw, n_classes=3))
        before.append(p_above(np.mean(values), np.mean(apart, 0)))
        found.append(p_above(np.mean(values), np.mean(together, 0)))
    assert share(before) > 0.12 and share(found) <= 0.1


def test_the_null_of_people_who_are_all_alike_is_that_of_one():
    """Also of averages, whose windows are others in each person, and of pairs and single times."""
    rng = np.random.default_rng(0)
    label, listen, logits = (
        [rng.permutation(30) % 3 for _ in range(2)],
        [["listen"] * 30] * 2,
        rng.standard_normal((60, 3)),
    )
    for average in (1, 3):
        one, five = (
            [of(events_of(label, listen, n), np.tile(logits, (n, 1)), average=average) for of in (outcome, transferred)]
            for n in (1, 5)
        )
        for name in ("f1_macro", "balanced_accuracy", "auc"):
            assert np.allclose(five[0].summary.nulls[name][ALL], one[0].summary.nulls[name][ALL])
        (cell,) = one[1].cells
        for own in ("balanced", "areas", "paired"):
            assert np.allclose(getattr(five[1], own)[cell].null, getattr(one[1], own)[cell].null)
        assert five[1].timed[cell].high == pytest.approx(one[1].timed[cell].high)


def test_classes_in_stretches_and_noise_that_neighbours_share():
    """Blocks of a word, with windows that do not overlap: labels are turned and stretches change places; averages have no p."""
    p, before = [], []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        label = [np.repeat(rng.permutation(np.arange(12) % 3), 5) for _ in range(3)]
        noise = rng.standard_normal((184, 3))
        events, logits = events_of(label, [["listen"] * 60] * 3), sum(noise[i : i + 180] for i in range(5))
        transfer = transferred(events, logits, seed=seed, pair_scores=None, predicted=None)
        (cell,) = transfer.cells
        p.append(transfer.balanced[cell].p)
        before.append(p_above(transfer.balanced[cell].whole.mean, transfer.balanced[cell].null))
    assert share(before) > 0.12 and share(p) <= 0.1
    assert set(transfer.draws["listen"].ways) == {"permuted", "turned", "stretches in another order"}
    means = outcome(events, logits, average=4, alike={"listen": list(transfer.draws["listen"].alike)})
    shown = means.shown()[0]
    assert not means.summary.p and "No p: classes come in stretches" in " ".join(shown.notes)
    assert "without p" in " ".join(shown.headline) and means.facts()["tests"] == {}
    several = transferred(events, logits, average=4, settings=SETTINGS | {"alike": means.alike})
    assert np.isnan(several.tests.p_holm).all() and several.facts()["tests"][0]["p"] is None
    assert "classes come in stretches" in " ".join(several.shown()[0].notes)


def test_p_of_turned_labels_is_no_less_than_their_number_allows():
    label = np.repeat(np.arange(3), 4)
    events = events_of([label], [["listen"] * 12])
    result = outcome(events, 9 * np.eye(3)[label], n_permutations=999)
    assert result.draws.places.n_turns(result.draws.least_turn) == 11
    assert result.summary.p["f1_macro"] >= 1 / 12


def test_auc_compares_windows_of_one_model():
    """Decoders of two conditions, one of which is sure of one class: across them the order says nothing."""
    rng = np.random.default_rng(0)
    events = events_of([rng.permutation(60) % 3 for _ in range(3)], [np.tile(["listen", "overt"], 30)] * 3)
    logits = rng.standard_normal((180, 3)) + np.eye(3)[events.label]
    logits[(events.condition == "overt").to_numpy()] += [6, 0, 0]
    result = outcome(events, logits, by_condition=True)
    p, each = np.exp(result.log_proba), []
    for name in ("listen", "overt"):
        own = (events.condition == name).to_numpy()
        each.append([roc_auc_score(events.label[own] == k, p[own, k]) for k in range(3)])
    assert result.scores().get("auc", "model").mean == pytest.approx(np.mean(each), abs=0.01)
    assert outcome(events, logits).scores().get("auc", "model").mean < np.mean(each) - 0.03
    assert result.summary.nulls["auc"][ALL].mean() == pytest.approx(0.5, abs=0.02)
    assert "inside conditions: others are of other models" in " ".join(result.shown()[0].notes)


def test_frames_of_people_are_one_grid_whatever_is_said_there():
    """Frames were matched by their label: those that differ got places of their own at the same times, and turns broke there."""
    one, other = np.repeat([0, 1, 0, 1], 8), np.repeat([0, 1, 0, 0], 8)
    events = pd.concat([events_of([own], [["listen"] * 32]).assign(subject=who, recording=who) for who, own in (("lab/p", one), ("lab/q", other))], ignore_index=True)  # fmt: skip
    draws = Draws(events, window_s=2.0, frames=True, step_s=2.0)
    (places, circular) = draws.ways["turned"]
    assert circular and places.sizes.tolist() == [32] and np.array_equal(places.place, np.tile(np.arange(32), 2))
    assert draws.p(1.0, {"turned": np.zeros(999)}) == 1 / (1 + places.n_turns(draws.least_turn))


def test_who_lacks_a_class_does_not_blank_the_pairs_of_others():
    """One of three people has windows of one class alone: no pair. p of the rows of the table are corrected for their number."""
    rng = np.random.default_rng(1)
    events = events_of([rng.permutation(30) % 3 for _ in range(2)], [np.tile(["listen", "overt"], 15)] * 2, 3)
    events = events[(events.subject != "lab/1") | (events.label == 0)].reset_index(drop=True)
    result = transferred(events, rng.standard_normal((len(events), 3)) + np.eye(3)[events.label], predicted=None)
    first = result.paired[result.cells[0]]
    assert (
        set(first.by_subject) == {"lab/0", "lab/2"}
        and np.isfinite([first.mean, first.p_mean, *first.each, *first.p]).all()
    )
    raw, shown = [one.p_mean for one in result.paired.values()], list(result.p_of_pairs.values())
    assert len(raw) == 2 and max(shown) <= 2 * max(raw) and min(shown) == pytest.approx(min(1, 2 * min(raw)))
    shown = result.shown()[0]
    assert (
        "Pairs above chance" in " ".join(shown.notes)
        and "p, corrected" in shown.tables["Pairs of classes"][0]
        and len(first.null) == 99
    )
