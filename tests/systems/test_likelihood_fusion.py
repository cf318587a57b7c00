"""Likelihoods of MEG and BOLD under encoding models: the arithmetic, what a fit may know, and runs that do not fit together."""

from copy import copy

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from tiny import TinyStudy
from tiny_pairs import LEAD_S, TR_S, TinyScanner, tiny_pairs

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitByStory
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.systems.fusion.bold_design import heard_in_run, slow_columns, with_playing
from n2s.systems.fusion.bold_model import BoldDecoder
from n2s.systems.fusion.bold_rows import APART, training_rows, volumes_of
from n2s.systems.fusion.bold_scores import bold_scores
from n2s.systems.fusion.likelihoods import fit_person, likelihood_results, people_of, results_of, scored, temperature
from n2s.systems.fusion.trained_on import data_hash

pytestmark = pytest.mark.slow
DELAYS_S = (-1.5, 0.0)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    data = tiny_pairs(tmp_path_factory.mktemp("study"))
    data.setup("fit")
    return data


def paired(meg, fmri, test, **options):
    """Data of a helmet and a scanner: as `tiny_pairs`, of other studies."""
    given = {
        "split": SplitByStory(val=[], test=test, val_fraction=0.0),
        "preprocessing": Preprocessing(sfreq=50.0, highpass_hz=0.1, picks=["eeg"]),
        "segment_s": 5.0,
        "offset_s": 0.1,
        "lags_s": (2.0, 8.0),
        "bin_s": 1.0,
        "response_s": 10.0,
        "n_components": 8,
        "train_windows": Grid(2.0),
        "n_jobs": 1,
    } | options
    data = PairedDataModule({"meg": meg, "fmri": fmri}, Ready(4), **given)
    data.setup("fit")
    return data


def found(result):
    """The share of rows whose true candidate comes first, by MEG, BOLD and both."""
    scores = {"meg": result.meg, "fmri": result.fmri, "both": result.meg + result.fmri}
    return {name: float((one.argmax(1) == result.target).mean()) for name, one in scores.items()}


def test_scores_are_dense_gaussian_log_densities():
    rng = np.random.default_rng(0)
    k, t, p, q, c, d, v = 4, 5, 6, 2, 7, 4, 3
    memory = 0.7 ** np.arange(t)
    turn, features, weights = rng.standard_normal((p, v)), rng.standard_normal((c, d)), rng.standard_normal((q, d, v))
    model = BoldDecoder(*map(torch.tensor, ([0.0, 1.0], features, turn, weights, memory)), held_out=[], chosen={})
    columns, run = rng.standard_normal((k, t, q, c)), rng.standard_normal((12, p))
    basis = np.linalg.qr(np.column_stack([np.ones(12), rng.standard_normal((12, 2))]))[0]
    cleaning = (np.eye(12) - basis @ basis.T)[4 : 4 + t]
    would = torch.stack([model.would(torch.from_numpy(one)) for one in columns])
    scores = model.scores(would, *map(torch.from_numpy, (cleaning @ run, cleaning))).numpy()
    whole = np.r_[memory, np.zeros(12 - t)][np.abs(np.subtract.outer(np.arange(12), np.arange(12)))]
    dense = np.kron(cleaning @ whole @ cleaning.T, np.eye(v))  # of volumes, then components
    means = sum(columns[:, :, lag] @ features @ weights[lag] for lag in range(q))
    seen = cleaning @ run @ turn
    expected = np.array([multivariate_normal.logpdf(seen.ravel(), mean.ravel(), dense) for mean in means])
    np.testing.assert_allclose(scores - scores[0], expected - expected[0], rtol=1e-6, atol=1e-6)


def test_both_find_segments_and_their_sum_does(pairs):
    (result,) = likelihood_results(pairs, 0).values()
    assert result.method == "likelihoods" and result.weights == {"meg": 1.0, "fmri": 1.0}
    assert min(found(result).values()) > 0.8  # chance: 1 of 8
    assert sum("Segments of left-out training sounds" in one for one in result.said) == 2
    assert np.isfinite(result.meg).all() and np.isfinite(result.fmri).all()


def test_noise_is_at_chance(tmp_path):
    many = {"n_subjects": 2, "n_stories": 8, "story_s": 40.0}
    studies = TinyStudy(tmp_path, gain=0.0, **many), TinyScanner(tmp_path, bold_gain=0.0, **many)
    data = paired(*studies, ["story4", "story5", "story6", "story7"], segment_s=4.0)
    (result,) = likelihood_results(data, 0).values()
    n, k = result.meg.shape
    assert (n, k) == (80, 40)
    for name, share in found(result).items():  # 3 deviations of a binomial share
        assert share < 1 / k + 3 * np.sqrt(1 / k * (1 - 1 / k) / n), name
    both = result.meg + result.fmri
    ranks = (both > both[np.arange(n), result.target][:, None]).sum(1) / (k - 1)
    assert abs(ranks.mean() - 0.5) < 3 * np.sqrt(1 / 12 / n)


class OtherSound(TinyStudy):
    """The last story is another one."""

    def features(self, stimulus):
        frames = super().features(stimulus)
        return frames if stimulus != "story5" else type(frames)(3.0 - 2.0 * frames.values[::-1], frames.rate_hz)


class OtherVolumes(TinyScanner):
    """The last story is another one, and so is what the brain did."""

    def __init__(self, root, **tiny):
        super().__init__(root, **tiny)
        self.tiny = OtherSound(root, **tiny)

    def load(self, recording):
        bold = super().load(recording)
        if recording.task == "story5":
            bold.data[:] = 100 + np.random.default_rng(7).standard_normal(bold.data.shape)
        return bold

    def settings(self):
        return super().settings() | {"other": True}


def test_nothing_of_a_fit_is_from_held_out_stories(tmp_path):
    tiny = {"n_subjects": 1, "n_stories": 6, "story_s": 40.0}
    usual = paired(TinyStudy(tmp_path, **tiny), TinyScanner(tmp_path, **tiny), ["story5"])
    other = paired(OtherSound(tmp_path / "other", **tiny), OtherVolumes(tmp_path / "other", **tiny), ["story5"])
    fits = {}
    for modality, subject in people_of(usual):
        own, expected = (fit_person(data, modality, subject, DELAYS_S) for data in (other, usual))
        fits.setdefault(modality, {})[subject] = own
        tensors = {name: value for name, value in own.items() if isinstance(value, torch.Tensor)}
        assert len(tensors) > 4
        for name, value in tensors.items():
            torch.testing.assert_close(value, expected[name], rtol=0, atol=0, msg=f"{modality} {name}")
    for modality in ("meg", "fmri"):  # what is tested did change
        assert np.abs(scored(other, fits, "test")[modality] - scored(usual, fits, "test")[modality]).max() > 1


class OffTheGrid(TinyScanner):
    """Sounds begin at other moments of the TR."""

    name = "off_the_grid"

    def events(self, recording):
        table = super().events(recording)
        table["onset"] = LEAD_S + 0.37 * (int(recording.task[5:]) % 3)
        return table


def test_a_candidate_is_placed_where_the_window_is_and_cleaned_as_its_run(tmp_path):
    """Scores by other means: the candidate's sound in the window's run, all volumes, cleaned by least squares."""
    tiny = {"n_subjects": 1, "n_stories": 8, "story_s": 40.0}
    data = paired(TinyStudy(tmp_path, **tiny), OffTheGrid(tmp_path, **tiny), ["story5", "story6", "story7"])
    (subject,) = data.fmri_subjects
    model = BoldDecoder(**fit_person(data, "fmri", subject, DELAYS_S))
    own, courses = volumes_of(data, subject, "test"), data.courses(subject)
    assert own.begins_s.mod(1.0).round(2).nunique() == 3
    rows, scores = bold_scores(data, model, subject, "test")
    for at in range(0, len(own), 5):
        row = own.iloc[at]
        values, tr_s = courses.courses[row.recording], courses.tr_s[row.recording]
        playing = with_playing(courses.nuisances[row.recording], heard_in_run(data, row.recording), tr_s, DELAYS_S)
        out = np.column_stack([np.ones(len(values)), playing])
        seen, maker = slice(row["first"], row.stop), np.eye(len(values)) - out @ np.linalg.pinv(out)
        found = []
        for one in data.windows["test"].segments.itertuples():
            later_s = row.begins_s - one.start_s
            pieces = [type(p)(p.values, p.rate_hz, p.start_s + later_s) for p in data.targets.courses(one.stimulus)]
            columns = maker @ slow_columns(pieces, tr_s, len(values), DELAYS_S, 4).reshape(len(values), -1)
            found.append(model.would(torch.from_numpy(columns.reshape(-1, 2, 4)[seen])))
        given = torch.from_numpy(maker[seen] @ values), torch.from_numpy(maker[seen])
        expected = model.scores(torch.stack(found), *given).numpy()
        np.testing.assert_allclose(scores[at], expected, atol=0.02 * np.abs(expected).max())
    assert len(rows) == len(own) and np.isfinite(scores).all()
    target = data.windows["test"].segment[rows]
    assert (scores.argmax(1) == target).mean() > 0.5  # of 24 candidates


class OnOff(TinyScanner):
    """Voxels follow that a sound plays, and nothing of it: they rise and fall within 6 s."""

    name = "on_off"

    def load(self, recording):
        bold = super().load(recording)
        after_s = np.arange(len(bold.data)) * TR_S - LEAD_S - 2
        playing = (np.clip(after_s, 0, 6) - np.clip(after_s - self.tiny.story_s, 0, 6)) / 6
        gains = np.random.default_rng([9, int(recording.subject)]).uniform(0.25, 0.75, bold.data.shape[1])
        return type(bold)((bold.data + playing[:, None] * gains).astype(np.float32), TR_S, {})


class Censored(TinyScanner):
    """Noise alone in the tests, with nuisances of single volumes in bursts."""

    name = "censored"

    def load(self, recording):
        gain, self.gain = self.gain, 0.0 if int(recording.task[5:]) > 3 else self.gain
        bold = super().load(recording)
        self.gain = gain
        draw, each = np.random.default_rng([int(recording.subject), int(recording.task[5:])]), []
        for first in draw.choice(len(bold.data) - 4, 3, replace=False):
            each.append(np.eye(len(bold.data))[:, first : first + 4])
        return type(bold)(bold.data, TR_S, {}, nuisances=np.column_stack(each))


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [OnOff, Censored])
def test_where_in_a_run_a_segment_was_is_not_found(tmp_path, kind):
    many, hits, n = {"n_subjects": 2, "n_stories": 8, "story_s": 40.0}, 0.0, 0
    for seed in range(2):
        gain = {"bold_gain": 0.0 if kind is OnOff else 0.1}
        meg, fmri = (
            TinyStudy(tmp_path / f"{seed}", seed=seed, **many),
            kind(tmp_path / f"{seed}", seed=seed, **gain, **many),
        )
        test = ["story4", "story5", "story6", "story7"]
        data = paired(meg, fmri, test, segment_s=4.0, modalities=["fmri"])
        (result,) = likelihood_results(data, seed).values()
        true = result.fmri[np.arange(len(result.target)), result.target][:, None]
        hits, n = hits + ((result.fmri > true).sum(1) < 4).sum(), n + len(true)
    assert n == 160 and hits / n < 0.1 + 3 * np.sqrt(0.1 * 0.9 / n)  # 4 of 40 candidates


def test_people_without_one_modality_are_scored_by_the_other(tmp_path):
    lacks = [("02", f"story{one}") for one in range(6)]
    data = tiny_pairs(tmp_path, scanner={"lacks": lacks})
    data.setup("fit")
    results = likelihood_results(data, 0)
    assert set(results) == {"test", "test, MEG only"}
    alone = results["test, MEG only"]
    assert alone.fmri is None and set(alone.subject) == {"meg/02"} and set(results["test"].subject) == {"01"}
    parts = scored(data, {}, "test")
    assert not parts["meg"].any() and not parts["fmri"].any()


def test_pairs_of_one_without_a_model_are_scored_by_the_other_modality(pairs):
    fits = {"meg": {}, "fmri": {}}
    for modality, subject in people_of(pairs):
        if (modality, subject) != ("fmri", "fmri/02"):
            fits[modality][subject] = fit_person(pairs, modality, subject, DELAYS_S)
    with kept() as findings:
        results = results_of(pairs, fits, 0)
    assert set(results) == {"test", "test, MEG only"}
    alone, both = results["test, MEG only"], results["test"]
    assert set(both.subject) == {"01"} and set(alone.subject) == {"02"} and alone.fmri is None
    assert set(alone.windows.fmri_recording) == {""} and (alone.windows.recording != "").all()
    assert any("fmri/02" in one.where and "scored without it" in one.text for one in findings)
    only = results_of(pairs, {"meg": fits["meg"]}, 0)
    assert set(only) == {"test"} and only["test"].fmri is None


def test_one_who_has_too_few_training_sounds_is_left_out_aloud(tmp_path):
    lacks = [("02", f"story{one}") for one in (0, 1, 2)]
    data = tiny_pairs(tmp_path, scanner={"lacks": lacks})
    data.setup("fit")
    with kept() as findings:
        fits = {name: fit_person(data, *name, DELAYS_S) for name in people_of(data)}
    assert fits["fmri", "fmri/02"] is None and fits["fmri", "fmri/01"] is not None and fits["meg", "meg/02"] is not None
    assert any("no encoding model of fMRI from 1 sounds; expected 3 or more" in one.text for one in findings)


def test_training_volumes_are_cleaned_by_themselves_and_windows_share_no_sound(pairs):
    rows = training_rows(pairs, "fmri/01", DELAYS_S)
    run, volume = np.divmod(rows.place, APART)
    assert rows.design.shape == (len(rows.response), 2, 4) and len(np.unique(run)) == len(np.unique(rows.group)) == 4
    for one in np.unique(run):
        assert np.abs(rows.design[run == one].mean(0)).max() < 1e-9 > np.abs(rows.response[run == one].mean(0)).max()
    assert (
        rows.windows.shape[1] == 11 and (np.diff(volume[rows.windows], axis=1) == 1).all()
    )  # of 11 s, a volume a second
    for at, name in enumerate(
        dict.fromkeys(volumes_of(pairs, "fmri/01", "train").recording)
    ):  # that a sound plays is gone
        length, own = len(pairs.courses("fmri/01").courses[name]), volume[run == at]
        playing = with_playing(np.zeros((length, 0)), heard_in_run(pairs, name), TR_S, DELAYS_S)[own]
        left = rows.response[run == at].T @ playing, rows.design[run == at].reshape(len(own), -1).T @ playing
        assert max(np.abs(one).max() for one in left) < 1e-8
    first = rows.windows[:, 0]
    assert (np.diff(volume[first])[np.diff(run[first]) == 0] >= 5).all()  # segments of 5 s


def test_data_of_other_targets_and_scales_have_another_hash(pairs):
    first, target = data_hash(pairs), pairs.target
    for name, value in (("target", Ready(9)), ("per_dimension", False), ("clamp", 1.0), ("scalers", {})):
        other = copy(pairs)
        setattr(other, name, value)
        assert data_hash(other) != first, name
    assert data_hash(copy(pairs)) == first and pairs.target is target


def test_the_temperature_is_1_for_calibrated_scores_and_what_they_were_multiplied_by():
    rng, n, k = np.random.default_rng(0), 400, 20
    blocks = []
    for _ in range(n // k):
        would = rng.standard_normal((k, 2))
        seen = would + rng.standard_normal((k, 2))
        blocks.append(seen @ would.T - 0.5 * np.square(would).sum(1))
    assert temperature(blocks) == pytest.approx(1.0, abs=0.25)
    assert temperature([3 * one for one in blocks]) == pytest.approx(3 * temperature(blocks), rel=1e-3)
    assert np.isnan(temperature([]))
