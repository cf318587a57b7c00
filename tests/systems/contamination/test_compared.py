"""The same windows and folds for each source: equal to scikit-learn's, chance of noise, and nothing of a tested run in training."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from n2s.data.event_folds import Fold, folds_of
from n2s.errors import UserError
from n2s.findings import kept
from n2s.metrics.score import ALL
from n2s.models import WindowLDA
from n2s.systems.contamination.brain import Brain
from n2s.systems.contamination.compared import Rows, Scored, checked_rows, decoded, scored, table_of
from n2s.systems.contamination.sources import Sensors, separation


class Far:
    """A recording whose filters reach so far."""

    def __init__(self, gap_s: float):
        self.reach = type("Reach", (), {"gap_s": gap_s})


def windows(n_runs: int = 4, n: int = 15, k: int = 3, seed: int = 0) -> tuple[pd.DataFrame, Rows]:
    """A table of windows three seconds apart, and its rows in folds of runs."""
    rng = np.random.default_rng(seed)
    run = np.repeat([f"run-{i}" for i in range(n_runs)], n)
    table = pd.DataFrame({
        "label": np.concatenate([rng.permutation(np.arange(n) % k) for _ in range(n_runs)]), "unit": run, "recording": run,
        "start_s": np.tile(3.0 * np.arange(n), n_runs), "subject": "lab/01",
    })  # fmt: skip
    unit, folds = folds_of(table, {one: Far(1.0) for one in set(run)}, n_folds=5, window_s=0.5)
    return table, Rows.of(table, unit, folds, n_classes=k, window_s=0.5)


def test_scores_are_those_of_scikit_learn():
    table, rows = windows()
    x = np.random.default_rng(1).standard_normal((60, 4, 5)) + 0.8 * np.eye(4)[table.label][:, :, None]
    logs = decoded(x, rows, WindowLDA())
    one = scored("brain", "lab/01", logs, rows, n_permutations=200, seed=0)
    assert len(rows.folds) == 4 and one.value == pytest.approx(balanced_accuracy_score(table.label, logs.argmax(1)))
    by_fold = [
        np.mean([roc_auc_score(table.label[f.test] == c, logs[f.test, c]) for c in range(3)]) for f in rows.folds
    ]
    assert one.auc == pytest.approx(np.mean(by_fold))
    assert one.low < one.value < one.high
    assert table_of([one]).p.max() < 0.01


def test_what_is_written_into_a_tested_run_alone_is_not_learned():
    """A leak that training runs do not have: the class is in every window of its own run, in another code each."""
    table, rows = windows()
    rng = np.random.default_rng(2)
    codes = {run: rng.permutation(3) for run in set(table.unit)}
    x = np.stack([np.eye(3)[codes[run][label]] for run, label in zip(table.unit, table.label, strict=True)])[:, :, None]
    x = x + 0.01 * rng.standard_normal((60, 3, 4))
    for fold in rows.folds:
        assert not set(table.unit.iloc[fold.train]) & set(table.unit.iloc[fold.test])
    one = scored("brain", "lab/01", decoded(x, rows, WindowLDA()), rows, n_permutations=200, seed=0)
    mixed = [
        Fold(np.setdiff1d(np.arange(60), part), part, frozenset()) for part in np.arange(60).reshape(4, 15, order="F")
    ]
    leaky = Rows(rows.label, rows.unit, rows.recording, rows.start_s, mixed, 3, 0.5)
    other = np.stack([np.eye(12)[4 * label + int(run[-1])] for run, label in zip(table.unit, table.label, strict=True)])
    other = other[:, :, None] + 0.01 * rng.standard_normal((60, 12, 4))  # each run's own code
    assert (
        decoded(other, leaky, WindowLDA()).argmax(1).tolist() == table.label.tolist()
    )  # folds of windows would have it
    assert decoded(other, rows, WindowLDA()).argmax(1).tolist() != table.label.tolist()
    assert one.value < 0.9


def test_noise_is_at_chance_whatever_the_folds():
    """Cross-validation of noise: with the narrow null of fixed guesses, too many sets would be above chance."""
    p, narrow = [], []
    for seed in range(60):
        _, rows = windows(seed=seed)
        x = np.random.default_rng([9, seed]).standard_normal((60, 3, 4))
        one = scored("brain", "lab/01", decoded(x, rows, WindowLDA()), rows, n_permutations=100, seed=seed)
        p.append(table_of([one]).p.iloc[0])
        close = one.null.mean() + (one.null - one.null.mean()) / np.sqrt(2)
        narrow.append((1 + (close >= one.value - 1e-12).sum()) / 101)
    assert np.mean(np.array(p) <= 0.05) <= 0.09
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(narrow) <= 0.05) > np.mean(np.array(p) <= 0.05)


def test_one_run_is_cut_into_blocks_with_gaps_and_that_is_told():
    table, _ = windows(n_runs=1, n=40)
    with kept() as found:
        unit, folds = folds_of(table, {"run-0": Far(4.0)}, n_folds=4, window_s=0.5)
    assert "blocks of time" in found[0].text and len(set(unit)) == 4
    start = table.start_s.to_numpy()
    for fold in folds:
        assert np.abs(start[fold.train][:, None] - start[fold.test]).min() >= 4.5
    assert sorted(np.concatenate([one.test for one in folds])) == list(range(40))


def test_classes_of_one_run_are_left_out_and_too_few_are_refused():
    table, rows = windows()
    label = table.label.to_numpy().copy()
    label[:5] = 3
    odd = Rows(label, rows.unit, rows.recording, rows.start_s, rows.folds, 4, 0.5)
    assert (checked_rows(odd, "lab/01") == (label != 3)).all()
    with pytest.raises(UserError, match="60 windows of 1 classes in 4 runs"):
        checked_rows(Rows(np.zeros(60, int), *[getattr(rows, n) for n in ("unit", "recording", "start_s", "folds")], 3, 0.5), "lab/01")  # fmt: skip


def test_overlapping_windows_turn_their_labels():
    """In one run of 12 windows there are 9 turns: p is no less than .1, of one and of several who share them. It was .001."""
    table, rows = windows()
    logs = np.log(np.full((60, 3), 1 / 3) + 0.1 * np.eye(3)[table.label])
    apart = scored("brain", "lab/01", logs, rows, n_permutations=999, seed=0)
    near = replace(rows, start_s=rows.start_s / 30)
    one = scored("brain", "lab/01", logs, near, n_permutations=999, seed=0)
    assert one.value == 1.0 and np.unique(one.null).size > 3
    assert np.isinf(apart.n_turns) and one.n_turns == 6**4  # a third of 15 windows at least: 5 to 10
    few = replace(near.some(np.arange(60) < 12), start_s=0.25 * np.arange(12))
    people = [scored("brain", f"lab/{i}", logs[:12], few, n_permutations=999, seed=0) for i in range(3)]
    assert (table_of(people).p >= 0.1).all() and people[0].n_turns <= 9 and table_of([apart]).p.max() == 0.001


def test_people_who_hear_the_same_err_alike():
    """Ten people with the same guesses are no more than one: the null of their mean is as wide."""
    _, rows = windows()
    logs = decoded(np.random.default_rng(4).standard_normal((60, 3, 4)), rows, WindowLDA())
    people = [scored("audio", f"lab/{i}", logs, rows, n_permutations=100, seed=0) for i in range(10)]
    table = table_of(people).set_index("subject")
    assert table.null_high[ALL] == pytest.approx(table.null_high["lab/0"]) and table.p[ALL] == table.p["lab/0"]


def test_classes_in_blocks_change_places_as_blocks():
    """Each block is like itself: twelve blocks are twelve guesses, which permuted windows would take for 120."""
    _, rows = windows(n=30)
    rng, p = np.random.default_rng(5), []
    for seed in range(30):
        order = np.concatenate([rng.permutation(3) for _ in range(4)])
        blocks = replace(rows, label=np.repeat(order, 10))
        own = rng.standard_normal((12, 3, 1)).repeat(10, 0) + 0.1 * rng.standard_normal((120, 3, 1))
        one = scored("brain", "lab/01", decoded(own, blocks, WindowLDA()), blocks, n_permutations=100, seed=seed)
        p.append(table_of([one]).p.iloc[0])
    assert np.mean(np.array(p) <= 0.05) <= 0.1


def test_the_mean_of_people_has_their_own_chance():
    two = [Scored("brain", f"lab/{i}", v, 0.1, 0.9, 0.6, np.full(9, c), c, 20, 2, "95% over runs") for i, (v, c) in enumerate([(0.8, 0.5), (0.5, 0.25)])]  # fmt: skip
    both = table_of([*two, Scored("brain", "lab/2", why="no EMG")])
    row = both[both.subject == ALL].iloc[0]
    assert (row.value, row.chance) == pytest.approx((0.65, 0.375)) and row.why == "without lab/2: no EMG"
    assert row.interval == "95% over 2 subjects" and row.n_windows == 40


def test_separation_is_eta_squared_less_chance():
    rng = np.random.default_rng(3)
    label = np.arange(300) % 3
    x = rng.standard_normal((300, 2, 4))
    x[:, 1] += 2.0 * label[:, None]
    found = separation(x, label, n_bins=4)
    assert abs(found[0]) < 0.02
    assert found[1] == pytest.approx(4 * np.var([0, 1, 2]) / (4 * np.var([0, 1, 2]) + 1), abs=0.05)


def test_edge_and_middle_are_thirds_by_place():
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    radius = np.repeat([0.1, 0.3, 0.5], 10)
    places = 0.5 + radius[:, None] * np.stack([np.cos(3 * angle), np.sin(3 * angle)], 1)
    edge, middle = Sensors([str(i) for i in range(30)], places, ["eeg"] * 30, {}).edge_and_middle()
    assert edge.tolist() == list(range(20, 30)) and middle.tolist() == list(range(10))
    assert Sensors(["a"] * 30, places, ["seeg"] * 30, {}).edge_and_middle() is None
    assert Sensors(["a"] * 8, places[:8], ["eeg"] * 8, {}).edge_and_middle() is None


@pytest.mark.parametrize("learns", [False, True])
def test_sensors_are_known_by_name_where_a_run_has_others(learns):
    """The second run has the same sensors in another order, and one more: each fold that it is cleaned for takes them by name."""
    values = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)

    def item(names: str) -> SimpleNamespace:
        meta = {"ch_names": list(names), "good": [True] * len(names), "positions": [[0.5, 0.5]] * len(names)}
        info = SimpleNamespace(get_channel_types=lambda: ["eeg"] * len(names))
        return SimpleNamespace(meta=meta, info=info, brain=values[:, ["abx".index(one) for one in names]])

    runs = {"run-0": item("ab"), "run-1": item("xba")}
    table = pd.DataFrame({"recording": ["run-0", "run-1"], "first": [50, 50]})
    folds = [Fold(np.array([1 - i]), np.array([i]), frozenset({f"run-{i}"})) for i in range(2)]
    rows = Rows(np.arange(2), np.array(["run-0", "run-1"]), table.recording.to_numpy(str), np.zeros(2), folds, 2, 0.5)
    data = SimpleNamespace(preprocessing=SimpleNamespace(learns=learns), shape=SimpleNamespace(n_window=20, n_baseline=0))  # fmt: skip
    brain = Brain(SimpleNamespace(data=data, cleaned_for=lambda subject, units: runs), "lab/01", table, rows)
    both = brain.windows(np.ones(2, bool), folds[0].units)
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(brain.windows(np.array([False, True]), folds[1].units)[0], both[0])
