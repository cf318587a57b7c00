"""The transfer matrix: decoders against independent ones, a code whose shared part is known, noise, leaks, and people who lack something."""

import numpy as np
import pandas as pd
import pytest
from mne.decoding import GeneralizingEstimator
from shared_code import SharedCode
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transfer_runs import cross_validated, data_of, fitted, result_of, transfer

from n2s.data import AtEvents, Labels, SplitByRun
from n2s.errors import UserError
from n2s.findings import kept
from n2s.metrics.score import ALL
from n2s.models import SlidingLDA, WindowLDA
from n2s.systems.event_classes.linear_fit import check_people
from n2s.systems.event_classes.linear_scoring import own_logits
from n2s.systems.event_classes.transfer import Cell
from n2s.systems.event_classes.transfer_result import TransferResult
from n2s.systems.event_classes.transfer_words import headline

WEAK = {"n_channels": 32, "gain": 0.35, "n_trials": 48}


def cells(result):
    return {(one.trained, one.tested): result.balanced[one].whole.mean for one in result.cells_of()}


@pytest.mark.slow
def test_scores_are_those_of_independent_decoders(tmp_path):
    """LDA of scikit-learn and temporal generalisation of MNE, on the same arrays, give the same matrix, pairs and times."""
    data = data_of(tmp_path, study={"n_subjects": 2, "gain": 0.5})
    found = transfer(
        data, classifier=WindowLDA(0.2, None, balanced=False), times=SlidingLDA(0.2, balanced=False), pairs=[(0, 2)]
    )

    def lda():
        return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2))

    tables, arrays = ({split: of(split) for split in ("train", "test")} for of in (data.events, data.arrays))
    for cell in found.cells:
        own, time, pair, areas = [], [], [], []
        for subject in data.subjects:
            train, test = (
                ((tables[split].subject == subject) & (tables[split].condition == condition)).to_numpy()
                for split, condition in (("train", cell.trained), ("test", cell.tested))
            )
            flat = {split: value.reshape(len(value), -1) for split, value in arrays.items()}
            y, true = tables["train"].label[train], tables["test"].label[test]
            model = lda().fit(flat["train"][train], y)
            own.append(balanced_accuracy_score(true, model.predict(flat["test"][test])))
            areas.append(
                np.mean([roc_auc_score(true == k, model.predict_log_proba(flat["test"][test])[:, k]) for k in range(3)])
            )
            across = GeneralizingEstimator(lda(), verbose="error").fit(arrays["train"][train], y)
            said = across.predict(arrays["test"][test])
            time.append([[balanced_accuracy_score(true, said[:, i, j]) for j in range(20)] for i in range(20)])
            two = {name: np.isin(labels, (0, 2)) for name, labels in (("train", y), ("test", true))}
            model = lda().fit(flat["train"][train][two["train"]], y[two["train"]])
            guess = model.decision_function(flat["test"][test][two["test"]]) > 0
            pair.append(balanced_accuracy_score(true[two["test"]] == 2, guess))
        assert found.balanced[cell].whole.mean == pytest.approx(np.mean(own))
        assert found.areas[cell].whole.mean == pytest.approx(np.mean(areas))
        np.testing.assert_allclose(found.timed[cell].matrix, np.mean(time, 0), atol=0.02)  # float32 windows
        np.testing.assert_allclose(found.timed[cell].course, np.diag(np.mean(time, 0)), atol=0.02)
        assert found.paired[cell].mean == pytest.approx(np.mean(pair))


@pytest.mark.slow
def test_what_conditions_share_carries_over(tmp_path):
    means, ratios = {}, {}
    for shared in (0.0, 0.5, 1.0):
        found = result_of(tmp_path / f"{shared}", study=WEAK | {"n_subjects": 2, "shared": shared})
        scores = cells(found)
        assert min(scores["listen", "listen"], scores["overt", "overt"]) > 0.7
        for (
            condition,
            best,
        ) in found.best.items():  # the nearest of the true patterns: no decoder is better, but by chance
            assert set(best) == set(found.subjects)
            assert scores[condition, condition] - 0.1 < np.mean([one.mean for one in best.values()]) <= 1
        assert set(found.best) == {"listen", "overt"} and found.scores().rows["best|overt"].role == "ceiling"
        means[shared] = (scores["listen", "overt"] + scores["overt", "listen"]) / 2
        ratios[shared] = found.tests[found.tests.trained != found.tests.tested].ratio.mean()
    assert means[0.0] < 0.48 and means[0.0] + 0.1 < means[0.5] < means[1.0] - 0.05
    assert ratios[1.0] == pytest.approx(1.0, abs=0.2) and ratios[0.0] < 0.35


@pytest.mark.slow
def test_noise_is_at_chance_and_its_intervals_hold_it(tmp_path):
    means, p = [], []
    for seed in range(3):
        found = cross_validated(tmp_path / f"{seed}", study={"gain": 0.0, "seed": seed}, pairs=[(0, 1)])
        assert len(found.events) == 4 * 36 and not found.events.duplicated(["recording", "onset"]).any()
        means += [one.whole.mean for one in found.balanced.values()]
        p += list(found.tests.p)
        inside = [one.whole.low <= 1 / 3 <= one.whole.high for one in found.balanced.values()]
        assert np.mean(inside) >= 0.5
        null = found.balanced[found.cells[0]].null
        assert null.mean() == pytest.approx(1 / 3, abs=0.03)
        assert found.paired[found.cells[0]].null.mean() == pytest.approx(0.5, abs=0.03)
    assert np.mean(means) == pytest.approx(1 / 3, abs=0.05) and np.min(p) > 0.001 and np.median(p) > 0.15


def test_a_code_of_the_test_run_alone_is_not_learned(tmp_path):
    """A fit that saw the test run would find it: with that run in training and tested on itself, it does."""
    planted = {"gain": 0.0, "last_run_gain": 3.0}
    data = data_of(tmp_path / "lab", study=planted)
    honest = transfer(data)
    assert max(cells(honest).values()) < 0.55
    leaked = data_of(tmp_path / "lab", study=planted)
    leaked.tables["train"], leaked.windows["train"] = leaked.tables["test"], leaked.windows["test"]
    leaked._readers = {}
    assert min(value for (one, other), value in cells(transfer(leaked)).items() if one == other) > 0.9


@pytest.mark.slow
def test_a_person_without_a_condition_has_no_such_score(tmp_path):
    study = {"n_subjects": 2, "missing": {"02": ["overt"]}, "gain": 1.0}
    data = data_of(tmp_path, study=study)
    with kept() as told:
        check_people(dict(iter(data.events("train").groupby("subject"))), data.class_names)
    assert [(one.where, one.text) for one in told] == [
        ("lab/02", "no training windows of overt: what is trained on that has no score.")
    ]
    found = transfer(data)
    scores = found.scores().values["balanced_accuracy"]
    assert set(scores["whole|listen|listen"]) == {ALL, "lab/01", "lab/02"}
    assert all(
        set(scores[f"whole|{one}"]) == {ALL, "lab/01"} for one in ("listen|overt", "overt|listen", "overt|overt")
    )
    (part,) = found.shown()
    assert part.tables["Subjects"][1][1][1:].count("n/a") == 3


def test_a_class_that_one_condition_lacks_is_left_out_of_all(tmp_path):
    data = data_of(tmp_path, study={"unsaid": ["overt", "stop"], "gain": 1.0})
    with kept() as told:
        check_people(dict(iter(data.events("train").groupby("subject"))), data.class_names)
    assert "stop: fewer than 2 training windows in a condition (listen, overt)" in told[0].text
    found = transfer(data, pairs=[(0, 1), (1, 2)], times=SlidingLDA(n_bins=4))
    assert set(found.events.name) == {"up", "down"}
    assert all(one.chance == {"lab/01": 0.5} for one in found.balanced.values())
    assert all(np.isnan(one.each[1]) and one.each[0] > 0.3 for one in found.paired.values())
    assert cells(found)["listen", "listen"] > 0.8 and found.timed[found.cells[0]].chance == 0.5
    found.shown()
    with kept() as told:
        row, logits = own_logits(*fitted(data))
    table = data.events("test")
    assert len(row) == (table.name != "stop").sum() < len(table) and np.isfinite(logits.numpy()[:, :2]).all()
    assert "test windows have no decoder" in told[0].text and "lab/01 listen stop (" in told[0].text


def test_no_two_classes_are_left(tmp_path):
    events = pd.DataFrame({"condition": ["listen"] * 4 + ["overt"] * 4, "label": [0, 0, 1, 1, 1, 1, 2, 2]})
    names = ["up", "down", "stop"]
    events["name"] = [names[one] for one in events.label]
    with pytest.raises(UserError, match=r"lab/01: no two classes .* down in overt \(2\)"):
        check_people({"lab/01": events}, names)


@pytest.mark.slow
def test_everybody_together_averages_and_bands(tmp_path):
    study = {"n_subjects": 2, "gain": 0.6}
    found = result_of(tmp_path, study=study, bands={"slow": (1.0, 8.0)}, average=3, data={"average": 2}, together=True)
    assert found.average == 3 and found.bands == ["whole", "slow"] and len(found.cells) == 8
    table = found.events.groupby(["recording", "condition", "label"]).size()
    assert len(found.events) < 72 / 2 and len(table) == 12  # two people, two conditions, three classes of one run
    assert found.settings["fitted"] == "to everybody together"
    (part,) = found.shown()
    assert "no single-trial scores" in part.notes[0] and any("slow" in one for one in part.notes)
    assert {"Bands", "Subjects"} <= {one.title for one in part.drawings}


@pytest.mark.slow
def test_five_people_are_tested_over_people(tmp_path):
    """By SciPy, of the scores of the page; and a result is the same when it is read again."""
    from scipy.stats import wilcoxon

    study = {"n_subjects": 5, "gain": 0.4, "n_trials": 24}
    found = result_of(tmp_path / "lab", study=study, data={"split": SplitByRun(test=["3", "4"], val_fraction=0.0)})
    for cell, row in zip(found.cells, found.tests.itertuples(), strict=True):
        values = found.balanced[cell].values
        assert row.p_wilcoxon == pytest.approx(wilcoxon(values - 1 / 3, alternative="greater", method="exact").pvalue)
        assert row.n_subjects == 5
    found.save(tmp_path / "kept")
    again = type(found).load(tmp_path / "kept")
    pd.testing.assert_frame_equal(again.tests, found.tests)
    found.export(tmp_path / "kept")
    csv = pd.read_csv(tmp_path / "kept" / "windows.csv")
    hits = (csv["whole|listen"] == csv.name)[csv.condition == "listen"]
    assert hits.groupby(csv.subject).mean().mean() == pytest.approx(cells(found)["listen", "listen"], abs=0.06)


def test_windows_of_one_condition(tmp_path):
    windows = AtEvents(Labels(["up", "down", "stop"]), kind="word", conditions=["overt"])
    found = result_of(tmp_path, data={"windows": windows})
    assert found.cells == [Cell("whole", "overt", "overt")] and len(found.shown()[0].headline) == 1


def test_bands_that_cannot_be(tmp_path):
    data = data_of(tmp_path)
    with pytest.raises(UserError, match="model.bands.high is 20 to 30 Hz; expected .* between 0 and 25"):
        transfer(data, bands={"high": (20.0, 30.0)})
    data.preprocessing = SharedCode(tmp_path)
    with pytest.raises(UserError, match="SharedCode, which has no band"):
        transfer(data, bands={"low": (1.0, 4.0)})


def kept_scores(conditions, n=30, k=3, seed=0, **fields):
    """A result of right guesses by decoders of some conditions; windows of two conditions."""
    rng = np.random.default_rng(seed)
    label, tested = np.arange(n) % k, np.array(["listen", "overt"])[np.arange(n) // k % 2]
    events = pd.DataFrame(
        {"subject": "lab/01", "recording": f"lab/01_{seed}", "unit": "run", "condition": tested, "label": label}
    )
    events = events.assign(
        name="x", onset=2.0 * np.arange(n), start_s=2.0 * np.arange(n), duration=0.4, best=-1, fold=0
    )
    log_proba = np.log(np.where(np.eye(k)[label] > 0, 0.8, 0.1))[None].repeat(len(conditions), 0).astype(np.float32)
    return TransferResult(**{
        "events": events, "log_proba": log_proba, "names": ["up", "down", "stop"], "pairs": [[0, 1]], "times_s": [0.0, 0.1],
        "decoders": pd.DataFrame({"band": "whole", "condition": conditions}), "time_conditions": list(conditions),
        "pair_scores": rng.standard_normal((1, len(conditions), n)).astype(np.float32),
        "predicted": np.tile(label[:, None, None], (len(conditions), 1, 2, 2)).astype(np.int16),
        "settings": {"n_train": [10], "window_s": 0.4}, "n_permutations": 20,
    } | fields)  # fmt: skip


def test_folds_that_lack_a_condition_are_pooled():
    """A decoder that a fold did not have has no score there; windows keep their own fold, in which AUC compares them."""
    whole = TransferResult.pooled([kept_scores(["listen", "overt"]), kept_scores(["overt"], seed=1)])
    assert whole.n_folds == 2 and list(whole.decoders.condition) == ["listen", "overt"]
    assert list(whole.events.fold) == [0] * 30 + [1] * 30
    cell = Cell("whole", "listen", "overt")
    assert list(whole.rows(cell, "lab/01")) == [one for one in range(30) if one // 3 % 2 == 1]
    assert len(whole.rows(Cell("whole", "overt", "overt"), "lab/01")) == 30
    assert np.isnan(whole.pair_scores[:, 0, 30:]).all() and (whole.predicted[0, 30:] == -1).all()
    assert whole.balanced[cell].whole.mean == whole.areas[cell].whole.mean == 1
    assert whole.timed[cell].matrix.min() == pytest.approx(1)
    with pytest.raises(UserError, match="other classes, pairs or times"):
        TransferResult.pooled([kept_scores(["overt"]), kept_scores(["overt"], names=["up", "down", "left"])])


def test_a_score_is_only_compared_inside_its_fold():
    """Log-probabilities of one fold are all lower: across folds they would rank classes wrong."""
    one, other = kept_scores(["overt"]), kept_scores(["overt"], seed=1)
    other.log_proba = other.log_proba - 5
    whole = TransferResult.pooled([one, other])
    assert whole.areas[Cell("whole", "overt", "overt")].whole.mean == 1


def test_a_decoder_that_is_better_than_the_best_possible_one_decodes_artifacts():
    right = kept_scores(["overt"], n=120)
    label = right.events.label.to_numpy()
    for best, told in ((label, False), ((label + (np.arange(120) % 2)) % 3, True), (np.full(120, -1), False)):
        found = kept_scores(["overt"], n=120, events=right.events.assign(best=best))
        assert ("more than the brain alone allows" in " ".join(headline(found))) == told


def test_more_permutations_where_many_rows_are_corrected_for():
    assert (
        kept_scores(["listen", "overt"]).n_draws == 160 and kept_scores(["overt"], n_permutations=1000).n_draws == 1000
    )
