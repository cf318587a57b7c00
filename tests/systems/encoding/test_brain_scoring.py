"""Fits and scores of subjects in memory: by hand with scikit-learn and himalaya, on noise, with planted leaks, shifts and ceilings."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from encoding_memory import AUDITORY, Memory, driven, slow
from sklearn.linear_model import Ridge

from n2s.errors import UserError
from n2s.metrics.ceilings import explainable_variance, intersubject, noise_ceiling
from n2s.systems.encoding.ceilings import n_averaged, shared_rows
from n2s.systems.encoding.evaluation import product_measure
from n2s.systems.encoding.fit import Recipe, check_recipe, check_units, fit_fold
from n2s.systems.encoding.predict import HeldOut
from n2s.systems.encoding.rows import model_rows, unique_fits
from n2s.systems.encoding.scoring import Options, Scorer
from n2s.systems.encoding.weights import solved

RECIPE = Recipe((1.0, 10.0, 100.0, 1000.0), 2, 10.0, 0)
FEW = Options(n_permutations=99, n_shifts=2)


def fitted(data: Memory, rows, recipe: Recipe = RECIPE, options: Options = FEW, **more) -> dict:
    fits = unique_fits(rows, options.lags(data, rows))
    return {
        name: {fold.name: fit_fold(data, name, fold, fits, recipe, **more).plain() for fold in data.folds(name)}
        for name in data.subjects
    }


def score_all(data: Memory, *given, **more):
    scorer = Scorer(data, *given, **more)
    for name in data.subjects:
        scorer.add(name)
    return scorer.result()


def scored(data: Memory, options: Options = FEW, recipe: Recipe = RECIPE, **rows):
    made = model_rows(data.spaces, n_shifts=options.n_shifts, **rows)
    return score_all(data, fitted(data, made, recipe, options), made, recipe, options)


@pytest.fixture(scope="module")
def data() -> Memory:
    return driven()


@pytest.fixture(scope="module")
def result(data):
    networks = {"model": ["mel", "phones"], "net": ["mel", "net"]}
    return scored(data, networks=networks, controls=["word_rate"], banded=["mel", "phones"])


def by_hand(data: Memory, subject: str, spaces: list[str], seed: int = 0) -> np.ndarray:
    """(v,) R with scikit-learn, a penalty a target, chosen by group."""
    true, predicted = [], []
    for fold in data.folds(subject):
        train, test = (
            np.hstack(part)
            for part in zip(*(data.design(subject, fold, s, seed * (s[:3] == "net")) for s in spaces), strict=True)
        )
        y, y_test = data.responses(subject, fold)
        names = list(dict.fromkeys(fold.groups))
        inner = np.array([names.index(group) % 2 for group in fold.groups])
        r2 = np.zeros((len(RECIPE.alphas), y.shape[1]))
        for number, alpha in enumerate(RECIPE.alphas):
            for out in (0, 1):
                made = Ridge(alpha).fit(train[inner != out], y[inner != out]).predict(train[inner == out])
                left = y[inner == out]
                r2[number] += 1 - ((left - made) ** 2).sum(0) / ((left - left.mean(0)) ** 2).sum(0)
        alphas = np.array(RECIPE.alphas)[r2.argmax(0)]
        made = Ridge(alphas).fit(train, y).predict(test)
        predicted.append((made - made.mean(0)) / made.std(0))
        true.append(y_test - y_test.mean(0))
    true, predicted = np.concatenate(true), np.concatenate(predicted)
    return np.array([np.corrcoef(p, t)[0, 1] for p, t in zip(predicted.T, true.T, strict=True)])


def test_scores_are_those_of_scikit_learn(data, result):
    for subject in data.subjects:
        own = result.targets[result.targets.subject == subject]
        assert np.allclose(own["r:model/mel"], by_hand(data, subject, ["mel"]), atol=2e-4)
        assert np.allclose(own["r:model/phones"], by_hand(data, subject, ["mel", "phones"]), atol=2e-4)
        seeds = [by_hand(data, subject, ["mel", "net.deep"], seed) for seed in (0, 1)]
        assert np.allclose(own["r:net/deep"], np.mean(seeds, 0), atol=2e-4)
        assert np.allclose(own["gain:model/phones"], own["r:model/phones"] - own["r:model/mel"])


def test_planted_drivers_are_found_where_they_are_planted(result):
    table = result.targets
    voxel = np.tile(np.arange(12), 2)
    assert (table["r:model/mel"][voxel < 4] > 0.5).all()
    assert (table["gain:model/phones"][(voxel >= 4) & (voxel < 8)].mean()) > 0.1
    assert abs(table["gain:model/phones"][voxel < 4].mean()) < 0.05
    assert (table["p:model/phones"][voxel < 8] == 0.01).all()  # (1 + 0) / (1 + 99)
    for column in ("r:model (shifted)", "r:word_rate"):
        assert abs(table[column].mean()) < 0.1
    assert abs(table["r:model/phones"][voxel >= 8].mean()) < 0.2
    assert (table["p:model/phones"][voxel >= 8] > 0.05).mean() > 0.8
    counts = result.significant["model/phones"]["auditory"]
    assert {one["significant"] for one in counts.values()} == {8}


def test_shares_sum_to_r2_and_are_himalayas():
    from himalaya.scoring import r2_score_split

    rng = np.random.default_rng(0)
    bands, true = rng.normal(size=(3, 60, 5)), rng.normal(size=(60, 5))
    bands, true = bands - bands.mean(1, keepdims=True), true - true.mean(0)
    made = product_measure(bands, true)
    r2 = 1 - ((true - bands.sum(0)) ** 2).sum(0) / (true**2).sum(0)
    assert np.allclose(made.sum(0), r2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.allclose(made, np.asarray(r2_score_split(true, bands)), atol=1e-6)


def test_the_banded_model_gives_each_space_its_share(result):
    table, voxel = result.targets, np.tile(np.arange(12), 2)
    assert table["share:mel"][voxel < 4].mean() > 0.2 > abs(table["share:phones"][voxel < 4].mean())
    assert table["share:phones"][(voxel >= 4) & (voxel < 8)].mean() > 0.05
    assert result.scores().get("share of R2, auditory", "share mel").mean > 0.1


@pytest.mark.parametrize("shape", [(80, 12), (40, 90)])
def test_weights_solved_again_are_scikit_learns(shape):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape) + 1, rng.normal(size=(shape[0], 7)) + 2
    alphas = np.array([1.0, 10, 100, 10, 1, 1000, 1])
    made = solved(*map(torch.from_numpy, (x, y, alphas)), [shape[1]])
    assert np.allclose(made.numpy(), Ridge(alphas).fit(x, y).coef_.T, rtol=1e-5, atol=1e-7)
    bands = np.stack([alphas, alphas[::-1]])
    widths = [5, shape[1] - 5]
    scale = np.repeat(bands, widths, axis=0) ** -0.5
    naive = [Ridge(1.0).fit(x * scale[:, [t]].T, y[:, t]).coef_ * scale[:, t] for t in range(7)]
    made = solved(*map(torch.from_numpy, (x, y, bands)), widths)
    assert np.allclose(made.numpy(), np.transpose(naive), rtol=1e-5, atol=1e-7)


def test_kept_weights_give_the_same_scores(tmp_path):
    data = driven(1)
    rows = model_rows(
        data.spaces, networks={"model": ["mel", "phones"]}, banded=["mel", "phones"], alone=False, n_shifts=1
    )
    fits = fitted(data, rows, keep=tmp_path)
    again, kept = (score_all(data, fits, rows, RECIPE, FEW, weights=folder).targets for folder in (None, tmp_path))
    assert len(list(tmp_path.rglob("*.npy"))) == len(data.subjects) * 5 * len(unique_fits(rows))
    for column in [name for name in again if name.startswith(("r:", "share:"))]:
        assert np.allclose(again[column], kept[column], atol=1e-4), column


def test_noise_scores_chance_and_a_held_out_run_that_leaks_is_worth_no_more():
    """A feature that is the held-out run's own brain, but noise in training, has no weight that could use it."""
    data = driven(1, noise=1.0, seed=3)
    brain = data.brains["study/01"]
    brain[:] = slow(np.random.default_rng(5), *brain.shape)  # nothing drives it
    data.n_folds = 1
    test = data.folds("study/01")[0].test
    leak = slow(np.random.default_rng(6), *brain.shape)
    leak[test] = brain[test]
    data.features["leak"] = [leak]
    table = scored(data, networks={"model": ["leak"], "noise": ["mel", "phones"]}).targets
    for column in ("r:model/leak", "r:noise/phones"):
        assert abs(table[column].mean()) < 0.15, column
    assert (table["p:noise/phones"] < 0.05).mean() <= 0.25


def test_a_folds_mean_does_not_lower_the_score_of_noise():
    """Without centring, the mean of training rows is anti-correlated with that of held-out rows: R far below 0."""
    rng = np.random.default_rng(0)
    data = driven(1, seed=1)
    data.brains["study/01"] = np.repeat(rng.normal(size=(5, 12)) * 3, 60, axis=0) + slow(rng, 300, 12)
    table = scored(data, networks={"model": ["word_rate"]}).targets
    assert abs(table["r:model/word_rate"].mean()) < 0.12


def test_noise_scores_nothing_over_folds():
    """On the scale as predicted, folds that happen to agree in training would count more just where they are wrong: r of -.03 here."""
    rng = np.random.default_rng(0)
    data = Memory({"mel": [rng.normal(size=(480, 10))]}, {"study/01": rng.normal(size=(480, 600))}, n_runs=8, n_folds=8)
    recipe = Recipe((10.0, 1e3, 1e5), 2, 10.0, 0)
    table = scored(data, Options(n_permutations=199, n_shifts=0), recipe, networks={"model": ["mel"]}).targets
    r = table["r:model/mel"]
    assert abs(r.mean()) < 0.01
    assert 0.02 < (table["p:model/mel"] < 0.05).mean() < 0.07


def test_a_fold_that_predicts_a_constant_has_no_scale(data):
    rows = model_rows(data.spaces, n_shifts=0, networks={"model": ["mel"]})
    held = HeldOut(data, "study/01", fitted(data, rows, options=Options(n_shifts=0))["study/01"], RECIPE)
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(60, 2)).astype(np.float32) * 10**-number for number in range(5)]
    parts[1][:, 0] = 0.3 + 1e-9 * parts[1][:, 0]
    found = held.levelled(parts)
    sizes = np.array([found[held.fold == number].std(0) for number in range(5)])
    np.testing.assert_allclose(sizes, [[1, 1], [0, 1], [1, 1], [1, 1], [1, 1]], rtol=1e-5)


def test_ceilings_are_those_of_the_metrics(data):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40, 12)) * AUDITORY
    repeated = {name: np.stack([signal + rng.normal(size=(40, 12)) for _ in range(3)]) for name in ("a", "b")}
    table = scored(driven(2, repeated=repeated), networks={"model": ["mel"]}).targets
    biased, corrected = explainable_variance(np.concatenate(list(repeated.values()), axis=1))
    own = table[table.subject == "study/01"]
    assert np.allclose(own["ceiling:ev"], biased) and np.allclose(own["ceiling:ev_corrected"], corrected)
    assert np.allclose(own["ceiling:r"], noise_ceiling(corrected), equal_nan=True)  # rows are single responses
    held = {name: data.brains[name].reshape(5, 60, 12) for name in data.subjects}
    true = np.stack([(one - one.mean(1, keepdims=True)).reshape(-1, 12) for one in held.values()])
    assert np.allclose(own["ceiling:isc"], intersubject(true.astype(np.float32))[0], atol=1e-5)


def test_means_of_presentations_have_the_ceiling_of_a_mean():
    """Half of the rows are means of four responses: a perfect model reaches sqrt(EV / (EV + (1 - EV) (1/4 + 1) / 2))."""
    rng = np.random.default_rng(0)
    signal, n = rng.normal(size=40_000), 20_000
    noise = np.concatenate([rng.normal(size=n), rng.normal(size=(4, n)).mean(0)])
    found = noise_ceiling(np.array([0.5]), n_averaged(pd.DataFrame({"averaged": np.repeat([1, 4], n)})))
    assert found[0] == pytest.approx(np.corrcoef(signal, signal + noise)[0, 1], abs=0.01)
    assert n_averaged(pd.DataFrame({"averaged": [1, 1, 1]})) == 1  # each presentation has rows of its own


@pytest.mark.parametrize("change", [{"template": None}, {"kind": "sensor"}])
def test_subjects_are_compared_only_where_targets_are_the_same(change):
    isc = scored(driven(2, **change), networks={"model": ["mel"]}).targets["ceiling:isc"]
    assert isc.isna().all() == ("template" in change)


@pytest.mark.parametrize("late_s", [0.012, -0.012, 0.7, 1.3])
def test_subjects_meet_at_the_nearest_rows(late_s):
    """One sound on the volume and one 12 ms later met a whole volume apart."""
    time_s = 2.0 * np.arange(40)
    heard = [time_s, time_s - late_s]
    tables = [pd.DataFrame({"stimulus": "a", "stimulus_s": np.where(one < 0, np.nan, one)}) for one in heard]
    first, second = (np.concatenate(one) for one in shared_rows(tables, 0.5))
    assert len(first) >= 38 and np.abs(heard[0][first] - heard[1][second]).max() <= 1.0


def test_lags_alone_and_kernels_of_sensors():
    """Sensor 0 follows the feature by two samples: lag 2 is the best, and the kernel's peak."""
    rng = np.random.default_rng(0)
    sound = slow(rng, 300, 1, keep=0.2)
    lags = np.hstack([np.roll(sound, lag, axis=0) for lag in range(4)])
    brain = 0.5 * rng.normal(size=(300, 3))
    brain[:, 0] += lags[:, 2]
    data = Memory({"mel": [lags]}, {"study/01": brain}, lags_s=np.arange(4) / 100, kind="sensor", tr_s=0.5)
    made = scored(data, Options(n_permutations=0, n_shifts=1, per_lag=True, kernels=True))
    first = made.lags[made.lags.name == "MEG000"].set_index("lag_s")["r:model/mel"]
    assert first.idxmax() == 0.02 and first.max() > 0.7
    kernel = made.kernels[made.kernels.name == "MEG000"].set_index("lag_s").weight
    assert kernel.idxmax() == 0.02 and len(made.kernels) == 4 * 3
    assert not [name for name in made.targets if name.startswith("p:")]


def test_other_data_than_those_of_the_fit_are_refused():
    data = driven(1)
    rows = model_rows(data.spaces, networks={"model": ["mel", "phones"]}, alone=False, n_shifts=0)
    fits = fitted(data, rows)

    def refused(told: str, change: Callable[[Memory], object]) -> None:
        other = driven(1)
        change(other)
        with pytest.raises(UserError, match=told):
            score_all(other, fits, rows, RECIPE, FEW)

    refused("the values of the brain's responses", lambda o: o.brains["study/01"].__imul__(1.1))
    refused("the values of the feature 'phones'", lambda o: o.features["phones"][0].__setitem__(slice(0, 50), 0.0))
    refused("number of columns of the feature 'mel'", lambda o: o.features.update(mel=[o.features["phones"][0]]))
    refused("rows of its training and test", rename)
    with pytest.raises(UserError, match="has no fit of 'word_rate'"):
        score_all(data, fits, model_rows(data.spaces, networks={"model": ["word_rate"]}), RECIPE, FEW)


def rename(data: Memory) -> None:
    """Six runs, whose folds are called as those of five."""
    data.n_runs = 6
    folds = data.folds
    data.folds = lambda subject: [
        type(fold)(f"fold {n + 1} of 5", fold.train, fold.test, fold.groups)
        for n, fold in enumerate(folds(subject)[:5])
    ]


def test_messages_of_features_and_units(data):
    rows = model_rows(data.spaces, networks={"model": ["mel"]}, n_shifts=0)
    with pytest.raises(UserError, match=r"4 units \(stories, blocks\).*7 folds \(model.n_folds\)"):
        check_units(data.folds("study/01")[0], Recipe(RECIPE.alphas, 7, 10.0, 0), "study/01")
    broken = driven(1)
    broken.features["mel"][0][:] = np.nan
    with pytest.raises(UserError, match="feature 'mel' holds values that are not finite, in 3 of 3 columns"):
        fitted(broken, rows)
    broken = driven(1)
    broken.brains["study/01"][7, 3] = np.inf
    with pytest.raises(UserError, match="1 of 12 voxels or sensors"):
        fitted(broken, rows)


def test_a_constant_voxel_and_a_constant_feature_have_no_score():
    data = driven(1)
    data.brains["study/01"][:, 5] = 0.0
    data.features["word_rate"][0][:] = 1.0
    made = scored(data, networks={"model": ["mel"]}, controls=["word_rate"])
    table = made.targets
    assert np.isnan(table["r:model/mel"][5]) and np.isnan(table["p:model/mel"][5])
    assert table["r:word_rate"].isna().all() and made.scores().get("R, whole", "word_rate") is None
    assert np.isfinite(made.scores().get("R, whole", "model/mel").mean)


def test_shifted_features_do_not_come_back_through_a_lag():
    """Moved by 10 s or more, with lags of 0 to 20 s the true columns would be there again: chance would have the model's R."""
    rng = np.random.default_rng(0)
    sound = slow(rng, 600, 1, keep=0.1)
    lags = np.hstack([np.roll(sound, lag, axis=0) for lag in range(11)])
    brain = sound @ rng.normal(size=(1, 4)) + 0.3 * rng.normal(size=(600, 4))
    data = Memory({"mel": [lags]}, {"study/01": brain}, lags_s=2.0 * np.arange(11))
    table = scored(data, Options(n_permutations=0, n_shifts=3)).targets
    assert table["r:model/mel"].mean() > 0.8 and abs(table["r:model (shifted)"].mean()) < 0.15


def test_the_length_of_blocks_is_the_one_that_was_permuted():
    """Held-out runs of 17 rows of 2 s: blocks of 20 s would leave 7 of them out, so whole runs are permuted."""
    rng = np.random.default_rng(0)
    data = Memory({"mel": [rng.normal(size=(204, 2))]}, {"study/01": rng.normal(size=(204, 3))}, n_runs=12, n_folds=12)
    found = scored(data, Options(n_permutations=19, n_shifts=0, null_by="block"))
    assert found.settings["n_blocks"] == [12, 12] and found.settings["blocks_s"] == [34.0, 34.0]
    assert any("permuted blocks of 34 s" in text for text in found.shown()[0].notes)


def test_a_table_does_not_tell_of_options_that_the_fit_did_not_have():
    kept = {"alphas": [1.0, 10.0], "n_folds": 2, "shift_s": 10.0, "seed": 0}
    check_recipe(kept, Recipe((1.0, 10.0), 2, 30.0, 5), shifted=False)
    check_recipe(None, Recipe((1.0,), 3, 10.0, 0), shifted=True)
    for other, told in (
        (Recipe((1.0,), 2, 10.0, 0), r"model.alphas is \[1.0\], but the run was fitted with \[1.0, 10.0\]"),
        (Recipe((1.0, 10.0), 3, 10.0, 0), "model.n_folds is 3"),
        (Recipe((1.0, 10.0), 2, 30.0, 0), "model.shift_s is 30"),
    ):
        with pytest.raises(UserError, match=told):
            check_recipe(kept, other, shifted=True)
