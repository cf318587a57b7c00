"""Decoders of listeners in memory: scores by hand, chance on noise, no trace of held-out rows, odd data."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from encoding_memory import Memory, slow
from sklearn.linear_model import Ridge

from n2s.data.encoding_data import Fold
from n2s.errors import UserError
from n2s.findings import kept
from n2s.systems import LinearDecoder
from n2s.systems.linear.fit import Recipe, fit_fold
from n2s.systems.linear.inputs import Band
from n2s.systems.linear.reconstruct import reconstruct
from n2s.systems.linear.scores import Options
from n2s.systems.linear.scoring import Scorer

RECIPE = Recipe((0.0, 0.3), Band(), (0.01, 0.1, 1.0), 3)
OPTIONS = Options((5.0,), (1,), 10.0, 100, 0)
N, RUN = 1000, 250


@dataclass
class Listeners(Memory):
    """Sensors at 10 Hz, four runs. ``features`` are as they are heard; ``cut``: rows of the first run that are held out, alone."""

    cut: tuple[int, int] | None = None

    def heard(self, subject, fold, space, seed=0):
        values = self.features[space][seed].astype(np.float32)
        return values[fold.train], values[fold.test]

    def folds(self, subject):
        if self.cut is None:
            return super().folds(subject)
        test = np.zeros(N, bool)
        test[slice(*self.cut)] = True
        train = np.flatnonzero(~test)
        return [Fold("held-out", train, np.flatnonzero(test), (train // 100).astype(str))]

    def delays(self, space, subject):
        return np.arange(-2, 7) * self.tr_s, self.features[space][0].shape[1]

    def rows(self, subject):
        found = super().rows(subject)
        names = {name: found[name].astype("category") for name in ("recording", "stimulus")}
        return found.assign(**names, unattended="")


def listeners(n_subjects=1, *, gain=1.0, n_features=2, seed=0, cut=None) -> Listeners:
    """Six sensors that follow the feature by 0.2 s."""
    rng = np.random.default_rng(seed)
    feature = slow(rng, N, n_features, 0.5)
    brains = {}
    for number in range(n_subjects):
        later = np.roll(feature, 2, 0)
        brains[f"study/{number + 1:02d}"] = gain * later @ rng.normal(size=(n_features, 6)) + slow(rng, N, 6, 0.5)
    return Listeners({"env": [feature]}, brains, n_runs=4, tr_s=0.1, kind="sensor", cut=cut)


def fitted(data, recipe=RECIPE, targets=("env",)):
    return {
        one: {fold.name: fit_fold(data, one, fold, targets, recipe).plain() for fold in data.folds(one)}
        for one in data.subjects
    }


def scored(data, recipe=RECIPE, options=OPTIONS):
    scorer = Scorer(data, fitted(data, recipe), ["env"], recipe, options)
    for one in data.subjects:
        scorer.add(one)
    return scorer.result()


def lagged(brain):
    """(t, c) -> (t, c 4): the brain now and up to 0.3 s later, at its mean behind the end."""
    padded = np.pad(brain, ((0, 3), (0, 0)))
    return np.stack([padded[lag : lag + len(brain)] for lag in range(4)], 2).reshape(len(brain), -1)


def test_r_is_that_of_scikit_learn():
    data = listeners()
    result = scored(data, replace(RECIPE, alphas=(0.1,)))
    (brain,), (feature,) = data.brains.values(), data.features["env"]
    brain, feature = brain.astype(np.float32).astype(float), feature.astype(np.float32).astype(float)
    predicted, true = [], []
    for fold in data.folds("study/01"):
        mean, deviation = brain[fold.train].mean(0), brain[fold.train].std(0)
        x = (brain - mean) / deviation
        y = (feature - feature[fold.train].mean(0)) / feature[fold.train].std(0)
        runs = [np.arange(start, start + RUN) for start in range(0, N, RUN)]
        train = [run for run in runs if run[0] in fold.train]
        rows = np.concatenate([lagged(x[run])[:-3] for run in train])  # lags do not reach from one run to the next
        wanted = np.concatenate([y[run][:-3] for run in train])
        made = Ridge(0.1 * len(rows), fit_intercept=False).fit(rows, wanted).predict(lagged(x[fold.test]))
        predicted.append((made - made.mean(0)) * feature[fold.train].std(0))
        true.append(feature[fold.test] - feature[fold.test].mean(0))
    predicted, true = np.concatenate(predicted), np.concatenate(true)
    level = np.concatenate([one / one.std(0) for one in np.split(predicted, len(data.folds("study/01")))])
    r = [np.corrcoef(p, t)[0, 1] for p, t in zip(level.T, true.T, strict=True)]
    np.testing.assert_allclose(result.features.r, r, atol=1e-6)
    assert result.values.value[0] == pytest.approx(np.mean(r)) and np.mean(r) > 0.6
    scale = np.mean([feature[fold.train].std(0) for fold in data.folds("study/01")], 0)
    windows = [(slice(a, a + 50)) for a in range(0, N, 50)]
    flat = [[(one[w] / scale).ravel() for w in windows] for one in (predicted, true)]
    table = np.corrcoef(flat[0], flat[1])[:20, 20:]
    share = (table.diagonal()[:, None] > table).sum(1) / 19
    np.testing.assert_allclose(result.windows.correct, share, atol=1e-9)
    assert result.values.value[1] == pytest.approx(share.mean())


def test_noise_is_at_chance_with_many_shifts_and_subjects():
    result = scored(listeners(8, gain=0.0))
    by = result.values.set_index("measure")
    assert abs(by.loc["r"].value.mean()) < 0.03 and (by.loc["r"].p < 0.05).sum() <= 2
    assert by.loc["match, 5 s"].value.mean() == pytest.approx(0.5, abs=0.06)
    scores = result.scores()
    assert scores.get("r", "env").low < 0 < scores.get("r", "env").high
    assert scores.get("top-1, 5 s", "chance").mean == pytest.approx(1 / 20)


def test_a_fit_has_no_trace_of_held_out_rows():
    """What is held out is replaced by a thousand times something else: the fit is bit by bit the same."""
    data = listeners(cut=(100, 180))
    before = fitted(data)["study/01"]["held-out"]["decoders"]["env"]
    other = listeners(cut=(100, 180))
    other.brains["study/01"][100:180] = 1e3 * np.random.default_rng(5).normal(size=(80, 6))
    other.features["env"][0][100:180] = 1e3 * np.random.default_rng(6).normal(size=(80, 2))
    after = fitted(other, replace(RECIPE, band=Band()))["study/01"]["held-out"]["decoders"]["env"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    banded = [replace(RECIPE, band=Band(0.5, 4.0))] * 2
    before, after = (
        fitted(one, how)["study/01"]["held-out"]["decoders"]["env"]
        for one, how in zip((data, other), banded, strict=True)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)  # no filter crosses the border


def test_a_brain_that_knows_that_a_sound_is_on_decodes_nothing():
    """Sentences of 4 s and a second of silence: rows of silence are no part of the score."""
    data, rng, on = listeners(gain=0.0, n_features=1), np.random.default_rng(4), np.arange(N) % 50 < 40
    rows = data.rows
    data.rows = lambda subject: rows(subject).assign(stimulus_s=np.where(on, rows(subject).stimulus_s, np.nan))
    data.features["env"][0] = np.where(on, 2 + rng.normal(size=N), 0.0)[:, None]
    data.brains["study/01"] = on[:, None] + 0.3 * rng.normal(size=(N, 6))
    result = scored(data, options=replace(OPTIONS, windows_s=(2.0,)))
    line = result.values.set_index("measure").loc["r"]
    assert abs(line.value) < 0.1  # .64 with silence
    assert line.n == on.sum() and result.folds.n_rows.sum() == on.sum() and len(result.windows) == 40


def test_a_planted_leak_shows():
    """Held-out rows that are in training, too: on noise r is far above its null."""
    data = listeners(gain=0.0, n_features=1, cut=(100, 180))
    data.brains["study/01"] = np.random.default_rng(3).normal(size=(N, 60))  # as many weights as can learn by heart
    fold = data.folds("study/01")[0]
    honest = reconstruct(data, "study/01", "env", fitted(data)["study/01"], RECIPE)
    recipe = replace(RECIPE, alphas=(1e-4,))
    leaky = replace(fold, train=np.arange(N), groups=np.zeros(N), stretches=None)
    found = fit_fold(data, "study/01", leaky, ["env"], recipe)
    found.marks.clear()
    spoiled = reconstruct(data, "study/01", "env", {"held-out": found.plain()}, recipe)
    r = [np.corrcoef(one.predicted[:, 0], one.true[:, 0])[0, 1] for one in (honest, spoiled)]
    assert abs(r[0]) < 0.3 < r[1]


def test_other_data_than_those_of_the_fit_are_refused():
    data = listeners()
    fits = fitted(data)
    data.brains["study/01"] *= 2
    with pytest.raises(UserError, match="the values of the brain's responses are not those"):
        reconstruct(data, "study/01", "env", fits["study/01"], RECIPE)
    with pytest.raises(UserError, match="no decoder of 'mel'"):
        reconstruct(data, "study/01", "mel", fits["study/01"], RECIPE)
    with pytest.raises(UserError, match="4 lags; this decoder has 3"):
        reconstruct(listeners(), "study/01", "env", fits["study/01"], replace(RECIPE, lags_s=(0.0, 0.2)))


def test_a_fold_whose_reconstruction_is_constant_has_no_scale():
    data = listeners()
    fits = fitted(data)
    whole = reconstruct(data, "study/01", "env", fits["study/01"], RECIPE)
    predicted = whole.predicted.copy()
    flat = whole.fold == 1
    predicted[flat] = 1e-16 * np.random.default_rng(0).normal(
        size=predicted[flat].shape
    )  # what centring leaves of a constant
    found = replace(whole, predicted=predicted).levelled
    assert not found[flat].any()
    for number in (0, 2, 3):
        np.testing.assert_allclose(found[whole.fold == number].std(0), 1, rtol=0.02)


def test_constant_sensors_and_features_are_left_out_and_told():
    data = listeners(n_features=3)
    data.brains["study/01"][:, 2] = 4.0
    data.features["env"][0][:, 1] = 0.0
    with kept() as findings:
        result = scored(data)
    told = " ".join(one.text for one in findings)
    assert "1 of 6 sensors or voxels do not change" in told and "1 of 3 columns of 'env'" in told
    assert np.isnan(result.features.r[1]) and result.features.r[[0, 2]].min() > 0.3
    assert result.values.value[0] == pytest.approx(result.features.r[[0, 2]].mean())
    data.features["env"][0][:] = 1.0
    with pytest.raises(UserError, match="does not change in training rows"):
        scored(data)
    data.features["env"][0][5] = np.nan
    with pytest.raises(UserError, match="not finite, in its columns"):
        scored(data)


def test_a_very_short_held_out_part_has_no_windows_and_says_so():
    data = listeners(cut=(100, 130))
    with kept() as findings:
        result = scored(data)
    told = " ".join(one.text for one in findings)
    assert "at least 4 windows" in told and "the null of r" not in told
    assert list(result.values.measure) == ["r"] and result.windows is None
    assert np.isfinite(result.values[["p", "null_low"]].to_numpy()).all()
    assert "r" in result.scores().values and result.shown()[0].drawings
    json_ready = result.facts()
    assert json_ready["n_subjects"] == 1


def test_rows_that_cannot_be_moved_have_no_p_and_say_so():
    with kept() as findings:
        result = scored(listeners(cut=(100, 115)))
    assert "15 held-out rows (1.5 s) can be moved in time in fewer than 39 ways" in " ".join(
        one.text for one in findings
    )
    line = result.values.iloc[0]
    assert np.isfinite(line.value) and np.isnan(line.p) and np.isnan(line.null_mean)
    assert "env (shifted)" not in result.scores().values["r"] and result.shown()[0].drawings


def test_windows_that_all_play_one_moment_are_left_out_and_told():
    data = listeners()
    rows = data.rows
    data.rows = lambda subject: rows(subject).assign(
        stimulus="a", stimulus_s=np.arange(N) % 50 * 0.1
    )  # 5 s, again and again
    with kept() as findings:
        result = scored(data, options=replace(OPTIONS, windows_s=(4.9, 2.0)))
    assert list(result.values.measure) == ["r", "match, 2 s", "top-1, 2 s"]
    assert any("the same moment" in one.text for one in findings)


def test_several_targets_have_a_row_and_a_control_each():
    data = listeners(2)
    data.features["words"] = [slow(np.random.default_rng(9), N, 1, 0.5)]  # nothing follows them
    fits = fitted(data, targets=("env", "words"))
    scorer = Scorer(data, fits, ["env", "words"], RECIPE, OPTIONS)
    for one in data.subjects:
        scorer.add(one)
    scores = scorer.result().scores()
    assert list(scores.rows) == ["env", "words", "env (shifted)", "words (shifted)", "chance"]
    assert scores.get("r", "env").mean > 0.6 > 0.15 > abs(scores.get("r", "words").mean)
    assert scores.get("match, 5 s", "words (shifted)").mean == pytest.approx(0.5, abs=0.03)


def followers(n_subjects=3):
    """Listeners whose sensors mix the feature alike, each with their own noise."""
    rng = np.random.default_rng(4)
    feature, mixing = slow(rng, N, 1, 0.5), rng.normal(size=(1, 6))
    brains = {
        f"study/{number + 1:02d}": np.roll(feature, 2, 0) @ mixing + 2 * slow(rng, N, 6, 0.5)
        for number in range(n_subjects)
    }
    return Listeners({"env": [feature]}, brains, n_runs=4, tr_s=0.1, kind="sensor")


@pytest.mark.slow
def test_a_decoder_of_other_people_has_seen_neither_the_person_nor_what_is_held_out():
    recipe, name = replace(RECIPE, other_people=True), "env, by other people's decoder"
    data = followers()
    fits = fitted(data, recipe)
    scores = scored(data, recipe).scores()
    assert scores.get("r", name).mean > 0.4 and f"{name} (shifted)" in scores.rows
    other = followers()
    other.brains["study/01"][:] = 0.5 * np.random.default_rng(1).normal(size=(N, 6))  # the person: anything
    first = data.folds("study/01")[0]
    for brain in other.brains.values():
        brain[first.test] = 7.0
    other.features["env"][0][first.test] = 7.0
    before, after = (one["study/01"][first.name]["decoders"][name] for one in (fits, fitted(other, recipe)))
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_other_people_with_other_sensors_or_content_are_refused():
    recipe = replace(RECIPE, other_people=True)
    data = followers()
    data.brains["study/02"] = data.brains["study/02"][:, :5]
    with pytest.raises(UserError, match="6 sensors, study/02 5"):
        fitted(data, recipe)
    with pytest.raises(UserError, match="no other subject to learn from"):
        fitted(followers(1), recipe)
    data = followers(2)
    own = data.folds("study/01")
    data.folds = lambda subject: [replace(own[1], name=own[0].name)] if subject == "study/02" else [own[0]]
    with pytest.raises(UserError, match="hears in training what is held out"):
        fitted(data, recipe)


def test_too_few_rows_for_the_lags():
    data = listeners(cut=(6, 1000))
    with pytest.raises(UserError, match=r"study/01, held-out: no decoder of 'env'.*model.n_folds"):
        fitted(data)


def test_results_are_kept_and_drawn_for_many_features(tmp_path):
    result = scored(listeners(2, n_features=6))
    result.save(tmp_path)
    again = type(result).load(tmp_path)
    assert (
        again.scores().plain() == result.scores().plain()
        and again.settings["n_sensors"] == result.settings["n_sensors"]
    )
    (shown,) = again.shown()
    assert [one.title for one in shown.drawings] == ["Reconstruction of env", "r of env", "Match-mismatch of env"]
    assert (
        "2 subjects, 6 sensors. A ridge decodes what was heard from the brain 0 to 0.3 s after it." in shown.headline[0]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"band_hz": [4.0, 0.5]}, "the lower edge first"),
        ({"band_hz": [-1.0, 4.0]}, "model.band_hz"),
        ({"windows_s": []}, "model.windows_s is empty"),
        ({"windows_s": [0.0]}, "model.windows_s"),
        ({"top_k": [0]}, "model.top_k"),
        ({"alphas": [0.0]}, "model.alphas"),
        ({"n_folds": 1}, "model.n_folds"),
        ({"lags_s": [0.3, 0.0]}, "the first lag, then the last"),
        ({"n_components": 0}, "model.n_components"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(UserError, match=said):
        LinearDecoder(**options)


def test_options_that_the_data_cannot_hold():
    data = listeners()
    with pytest.raises(UserError, match=r"goes to 8 Hz, and its rows come at 10 Hz"):
        Band(0.5, 8.0).check(10.0, "study/01")
    Band(0.5, 4.0).check(10.0, "study/01")
    with pytest.raises(UserError, match=r"beyond data.response \(-0.2 to 0.6 s\)"):
        replace(RECIPE, lags_s=(0.0, 0.7)).lags(data, "env", "study/01")
    assert replace(RECIPE, lags_s=None).lags(data, "env", "study/01") == pytest.approx((-0.2, 0.6))


def test_stretches_shorter_than_the_filter_of_targets_are_told_once():
    """Training rows of 10 and 25 s, held-out ones of 5 s; the filter from 0.5 Hz is 6.7 s long."""
    data = listeners(2, cut=(100, 150))
    band = Band(0.5, 4.0)
    assert band.length_s(10.0) == pytest.approx(6.7, abs=0.1) and Band().length_s(10.0) == 0
    with kept() as findings:
        band.tell_short(data, data.subjects)
    (one,) = findings
    assert (one.kind, one.where) == ("odd", "model.band_hz")
    assert "2 of 12 stretches" in one.text and "shorter (5 s; of 2 subjects, all folds)" in one.text
    with kept() as findings:
        Band(2.0, 4.0).tell_short(data, data.subjects)  # 1.7 s
        Band().tell_short(data, data.subjects)
        band.tell_short(listeners(), ["study/01"])
    assert not findings


@pytest.mark.parametrize("n", [1, 3, 5, 16, 32, 300])
def test_a_high_pass_leaves_nothing_of_the_level_of_a_stretch_however_short(n):
    """MNE's filter alone leaves a third of it in half a second, and all of it in three samples."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 2))
    found = Band(0.5, 4.0).of(values + [100.0, -3.0], 32.0)
    np.testing.assert_allclose(found, Band(0.5, 4.0).of(values, 32.0), atol=1e-9)
    assert np.abs(Band(0.5, None).of(np.full((n, 1), 7.0), 32.0)).max() < 1e-9
    assert Band(None, 4.0).of(np.full((n, 1), 7.0), 32.0).mean() > 6.9 or n < 32  # a low-pass keeps it
