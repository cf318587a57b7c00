"""What is held out reaches no training row: an oracle looks at every row, planted changes stay outside, and noise scores chance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from encoding_runs import RATE_HZ, TR_S, F, RunsOfSentences, RunsOfStories
from tiny import TinyStudy

from n2s.data import FIR, EncodingDataModule, Glover, Lags, Preprocessing, SplitBySentence, SplitByStory
from n2s.data.bold_steps import cosines
from n2s.data.dealing import borders
from n2s.data.encoding_designs import standardised
from n2s.data.encoding_sides import parts_of, take_out
from n2s.data.response_model import ResponseModel
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.metrics.correlation import column_correlation

#: The test story lies between others, is heard again in a training run, and once before the run begins.
PLAN = {
    "1": [("a", 6.0), ("d", 130.0), ("b", 255.0)],
    "2": [("c", 0.0), ("a", 125.0)],
    "3": [("d", -30.0), ("e", 160.0)],
    "4": [("b", 4.0)],
}
OTHER = {"1": [("b", 10.0), ("e", 131.0)], "2": [("d", 3.0)]}


def made(root, plan=PLAN, *, study=RunsOfStories, response=None, options=None, louder=(), **more):
    one = study(root, plan, **(options or {}))
    one.louder = louder
    more = {"split": SplitByStory(test=["d"], val=[])} | more
    data = EncodingDataModule({"s": one}, {"f": Ready(F)}, response or Glover(), **more)
    data.setup("fit")
    return data


def is_apart(data, subject, response, unit_of):
    """By brute force: no training row sees, within the response's reach, sound of a unit that is tested, nor is near a test row."""
    rows, study = data.rows(subject), data.studies["s"]
    before_s, after_s = response.reach_s(TR_S)
    for fold in data.folds(subject):
        held = {
            unit_of(story, at)
            for story, at in zip(rows.story[fold.test], rows.stimulus_s[fold.test].fillna(-1), strict=True)
        } - {None}
        for recording in study.recordings():
            name = f"s/{recording.name}"
            own = np.flatnonzero(rows.recording == name)
            if not len(own):
                continue
            train, test = (np.intersect1d(part, own) for part in (fold.train, fold.test))
            time_s = rows.time_s.to_numpy()
            for row in train:
                for story, onset in study.plan_of(recording.subject)[recording.run]:
                    at = np.arange(0.05, study.story_s, 0.5)
                    seen = at[(onset + at > time_s[row] - before_s) & (onset + at < time_s[row] + after_s)]
                    if {unit_of(story, moment) for moment in seen} & held:
                        return False
                if len(test) and np.abs(time_s[test] - time_s[row]).min() < before_s + after_s - 1e-6:
                    return False
    return True


@pytest.mark.parametrize("response", [Glover(), FIR([1, 2, 3, 4])])
@pytest.mark.parametrize("n_folds", [None, 3])
def test_no_training_row_depends_on_what_is_held_out(tmp_path, response, n_folds):
    data = made(tmp_path, response=response, n_folds=n_folds, options={"n_subjects": 2, "plans": {"02": OTHER}})
    for subject in data.subjects:
        assert len(data.folds(subject)) >= 1 and all(len(fold.train) for fold in data.folds(subject))
        assert is_apart(data, subject, response, lambda story, at: story)
    assert data._people["s/01"].n_purged > 0


def test_blocks_of_sentences_are_held_out_whole(tmp_path):
    split, response = SplitBySentence(min_block_s=30.0, test_fraction=0.3, val_fraction=0.0), FIR([1, 2])
    plan = {"1": [("a", 6.0), ("b", 140.0)], "2": [("c", 4.0)], "3": [("b", 4.0)]}
    data = made(tmp_path, plan, study=RunsOfSentences, response=response, split=split, n_folds=4, detrend="block")
    rows = data.rows("s/01")
    blocks = rows[rows.unit != ""].groupby("unit").stimulus_s.agg(lambda at: at.max() - at.min())
    assert len(blocks) == 9 and (blocks > 25).all() and (blocks < 60).all()
    block_of = {
        (story, int(at // 10)): unit
        for story, at, unit in zip(rows.story, rows.stimulus_s.fillna(-10), rows.unit, strict=True)
    }
    assert is_apart(data, "s/01", response, lambda story, at: block_of.get((story, int(at // 10))) if at >= 0 else None)
    tested = np.concatenate([fold.test for fold in data.folds("s/01")])
    assert len(np.unique(tested)) == len(tested)
    assert set(rows.unit.to_numpy()[tested]) == set(blocks.index)
    fold = data.folds("s/01")[0]
    train, test = data.responses("s/01", fold)
    assert np.isfinite(train).all() and np.isfinite(test).all() and len(fold.groups) == len(train)


@pytest.mark.parametrize("detrend", ["run", "block"])
def test_training_arrays_do_not_change_when_what_is_held_out_does(tmp_path, detrend):
    """Features and responses of the held-out story become 20 times larger: no scale, trend or purged border lets it through."""
    clean, other = (made(tmp_path, detrend=detrend, louder=louder) for louder in ((), ("d",)))
    for one, two in ((clean.folds("s/01")[0], other.folds("s/01")[0]),):
        np.testing.assert_array_equal(one.train, two.train)
        np.testing.assert_allclose(clean.design("s/01", one, "f")[0], other.design("s/01", two, "f")[0], atol=1e-6)
        np.testing.assert_array_equal(clean.responses("s/01", one)[0], other.responses("s/01", two)[0])
        assert np.abs(clean.responses("s/01", one)[1] - other.responses("s/01", two)[1]).max() > 1


@pytest.mark.parametrize("response", [Glover(), FIR([1, 2, 3, 4])])
def test_stretches_of_training_rows_share_nothing(tmp_path, response):
    """By brute force: rows of two stretches are in two runs, or further apart than what both depend on."""
    data = made(tmp_path, response=response, n_folds=3)
    before_s, after_s = response.reach_s(TR_S)
    rows = data.rows("s/01")
    for fold in data.folds("s/01"):
        own = rows.iloc[fold.train]
        apart = fold.stretches[:, None] != fold.stretches
        same_run = own.recording.to_numpy()[:, None] == own.recording.to_numpy()
        time_s = own.time_s.to_numpy()
        assert np.abs(time_s[:, None] - time_s)[apart & same_run].min(initial=np.inf) >= before_s + after_s - 1e-6
        assert set(fold.stretches) == set(range(fold.stretches.max() + 1))
        assert pd.DataFrame({"unit": fold.groups, "of": fold.stretches}).groupby("unit").of.nunique().max() == 1
    assert 1 < max(fold.stretches.max() + 1 for fold in data.folds("s/01")) < rows.unit.nunique()
    touching = made(tmp_path, {"1": [("a", 6.0), ("b", 130.0), ("d", 300.0)]}, response=response)
    assert set(touching.folds("s/01")[0].groups) == {"s/a", "s/b"} and not touching.folds("s/01")[0].stretches.any()


class DriftingRuns(RunsOfStories):
    """Runs whose study takes drifts and motion out of them."""

    def load(self, recording):
        bold = super().load(recording)
        steps = np.random.default_rng([5, *map(ord, recording.run)]).standard_normal((len(bold.data), 4))
        drifts = cosines(len(bold.data), TR_S, 0.01)
        return replace(bold, nuisances=np.column_stack([drifts, np.cumsum(steps, 0)]))


@pytest.mark.parametrize("detrend", [None, "run", "block"])
def test_what_is_taken_out_of_a_run_leaves_no_trace_of_its_other_side(tmp_path, detrend):
    """Cleaned as a whole run, training rows would have a trace of the held-out ones: of responses, and of features."""
    more = {"study": DriftingRuns, "detrend": detrend}
    clean, other = (made(tmp_path, louder=louder, **more) for louder in ((), ("d",)))
    fold = clean.folds("s/01")[0]
    (x, x_held), (y, y_held) = clean.design("s/01", fold, "f"), clean.responses("s/01", fold)
    np.testing.assert_allclose(x, other.design("s/01", fold, "f")[0], atol=1e-5)
    np.testing.assert_allclose(y, other.responses("s/01", fold)[0], atol=1e-3)
    mixed = [part for part in parts_of(clean._people["s/01"], fold) if not part.whole]
    assert mixed
    for part in mixed:  # features and responses lost the same
        own = np.searchsorted(fold.train, part.rows[part.train])
        for values in (x[own], y[own]):
            assert np.abs(part.run.nuisances[part.own][part.train].T @ (values - values.mean(0))).max() < 1e-3
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    assert column_correlation(x_held @ weights, y_held).mean() > 0.5
    plain = made(tmp_path, clean_features=False, **more)
    assert not np.allclose(plain.design("s/01", fold, "f")[0], x, atol=0.1)


def test_weights_of_cleaned_sides_are_those_of_one_model_with_the_nuisances(tmp_path):
    """Frisch-Waugh-Lovell: features that keep what responses lost have other weights."""
    data = made(tmp_path, study=DriftingRuns)
    person, fold = data._people["s/01"], data.folds("s/01")[0]
    part = next(one for one in parts_of(person, fold) if one.nuisances is not None and not one.train.all())
    rng, rows = np.random.default_rng(0), part.train
    nuisances = np.column_stack([np.ones(len(rows)), part.run.nuisances[part.own]])[rows]
    x = (rng.normal(size=(len(rows), 3)) + 60 * part.run.nuisances[part.own, :3]).astype(np.float32)
    y = (x @ rng.normal(size=(3, 2)) + rng.normal(size=(len(rows), 2))).astype(np.float32)
    expected = np.linalg.lstsq(np.column_stack([x[rows], nuisances]), y[rows], rcond=None)[0][:3]
    raw = x.copy()
    for values in (x, y):
        take_out(values, part.run.times_s[part.own], rows, part.blocks, part.nuisances, detrend=None)
    np.testing.assert_allclose(np.linalg.lstsq(x[rows], y[rows], rcond=None)[0], expected, atol=1e-3)
    one_sided = np.linalg.lstsq(raw[rows] - raw[rows].mean(0), y[rows], rcond=None)[0]
    assert np.abs(one_sided).sum() < 0.7 * np.abs(expected).sum()


class Blind(Glover):
    """Says that rows depend on nothing but their own moment: nothing is purged."""

    def reach_s(self, step_s):
        return 0.0, 0.0


def test_without_the_purge_it_would_leak(tmp_path, monkeypatch):
    """The tests above can fail."""
    clean, other = (made(tmp_path, response=Blind(), louder=louder) for louder in ((), ("d",)))
    real = Glover().reach_s(TR_S)
    for one in (clean, other):  # the columns are whole, only the purge is blind
        monkeypatch.setattr(one._designs, "response", Glover())
    fold = clean.folds("s/01")[0]
    assert not is_apart(clean, "s/01", Glover(), lambda story, at: story) and real[0] == 32
    moved = np.abs(clean.responses("s/01", fold)[0] - other.responses("s/01", other.folds("s/01")[0])[0]).max()
    assert moved > 0.5


def test_noise_scores_chance(tmp_path):
    """A ridge on noise: the mean correlation on held-out rows, over folds and voxels, is 0 within its error."""
    data = made(tmp_path, n_folds=4, options={"gain": 0.0, "n_voxels": 40}, detrend="block")
    scores = []
    for fold in data.folds("s/01"):
        (x, x_test), (y, y_test) = data.design("s/01", fold, "f"), data.responses("s/01", fold)
        weights = np.linalg.solve(x.T @ x + 10 * np.eye(x.shape[1]), x.T @ y)
        scores.append(column_correlation(x_test @ weights, y_test))
    scores = np.array(scores)
    assert np.abs(scores.mean()) < 4 * scores.std() / np.sqrt(scores.size)
    assert scores.std() > 0.05


def test_repeats_and_copies_are_on_one_side(tmp_path):
    """One story in two runs, for two subjects, and one sound under two names."""
    plan = {"1": [("a", 0.0)], "2": [("b", 0.0)], "3": [("a2", 0.0)], "4": [("c", 0.0)], "5": [("a", 0.0)]}

    class Copied(RunsOfStories):
        def features(self, stimulus):
            return super().features(stimulus.removesuffix("2"))

    data = made(
        tmp_path,
        plan,
        study=Copied,
        n_folds=3,
        split=SplitByStory(),
        options={"n_subjects": 2, "plans": {"02": {"1": [("c", 5.0)], "2": [("a2", 1.0)]}}},
    )
    fold_of = {}
    for subject in data.subjects:
        rows = data.rows(subject)
        for fold in data.folds(subject):
            for story in set(rows.story.to_numpy()[fold.test]):
                assert fold_of.setdefault(story, fold.name) == fold.name  # the same for all subjects
    assert fold_of["a"] == fold_of["a2"] and len(set(fold_of.values())) == 3
    assert data.repeats("s/01")["s/a"].shape[0] == 3


def test_every_unit_is_held_out_once(tmp_path):
    data = made(tmp_path, n_folds=5)
    rows, folds = data.rows("s/01"), data.folds("s/01")
    assert [fold.name for fold in folds] == [f"fold {i} of 5" for i in range(1, 6)]
    units = [set(rows.unit.to_numpy()[fold.test]) for fold in folds]
    assert sorted(unit for one in units for unit in one) == [f"s/{name}" for name in "abcde"]
    with pytest.raises(UserError, match="n_folds is 6, but only 5 units"):
        made(tmp_path, n_folds=6)


def test_validation_stories_are_trained_on_or_left_out(tmp_path):
    split = SplitByStory(test=["d"], val=["c"])
    both, without = (made(tmp_path, split=split, train_on_val=one) for one in (True, False))
    story = both.rows("s/01").story.to_numpy()
    assert "c" in story[both.folds("s/01")[0].train] and "c" not in story[without.folds("s/01")[0].train]
    assert set(without.rows("s/01").split) == {"train", "val", "test", ""}


def test_two_studies_share_their_split(tmp_path):
    plan = {"1": [("a", 0.0)], "2": [("d", 0.0)], "3": [("b", 0.0)]}
    studies = {name: RunsOfStories(tmp_path / name, plan, seed=seed) for name, seed in (("s", 0), ("u", 1))}
    data = EncodingDataModule(studies, {"f": Ready(F)}, Glover(), split=SplitByStory(test=["d"], val=[]))
    data.setup("fit")
    assert data.subjects == ["s/01", "u/01"]
    for subject in data.subjects:
        (fold,) = data.folds(subject)
        assert set(data.rows(subject).story.to_numpy()[fold.test]) == {"d"}


def test_no_context_crosses_a_border_between_folds():
    """Borders lie in the middle of the gap between sentences of two folds, for all listeners of a sound; clocks may differ."""
    dealt = pd.DataFrame(
        [
            ("x", 0.0, 5.0, 0),
            ("x", 6.0, 4.0, 0),
            ("x", 10.5, 4.5, 1),
            ("x", 0.01, 5.0, 0),
            ("x", 16.0, 4.0, 0),
            ("y", 0.0, 9.0, 1),
        ],
        columns=["sound", "stimulus_onset", "duration", "fold"],
    )
    found = borders(dealt, dealt.fold)
    np.testing.assert_allclose(found["x"], [10.25, 15.5])
    assert len(found["y"]) == 0


def test_held_out_sound_that_no_event_names_is_held_out_too(tmp_path):
    """A second listener's run has no sentence in the middle of the story, which is tested for the first."""

    class Unnamed(RunsOfSentences):
        def events(self, recording):
            rows = super().events(recording)
            hidden = (rows.kind != "sound") & rows.stimulus_onset.between(40, 79)
            return rows[~hidden].reset_index(drop=True) if recording.subject == "02" else rows

    plans = {"01": {"1": [("a", 4.0)], "2": [("b", 4.0)]}, "02": {"1": [("a", 4.0)], "2": [("b", 4.0)]}}
    split, response = SplitBySentence(min_block_s=36.0), FIR([1])
    data = made(
        tmp_path,
        {},
        study=Unnamed,
        response=response,
        split=split,
        n_folds=2,
        seed=7,
        options={"n_subjects": 2, "plans": plans},
    )
    before_s, after_s = response.reach_s(TR_S)
    one, two = data.rows("s/01"), data.rows("s/02")
    assert len(data.folds("s/02")) == 2
    for fold in data.folds("s/02"):
        for story in "ab":
            of_fold = [other for other in data.folds("s/01") if other.name == fold.name]
            tested = {
                at for other in of_fold for at in one.stimulus_s[other.test][(one.story == story)[other.test]].dropna()
            }
            own = fold.train[(two.recording == f"s/sub-02_run-{'ab'.index(story) + 1}").to_numpy()[fold.train]]
            at_s = two.time_s.to_numpy()[own] - 4
            for moment in tested:
                assert not ((at_s - before_s < moment) & (moment < at_s + after_s)).any()


class Pushed(TinyStudy):
    """Another brain while the held-out story plays."""

    def load(self, recording):
        raw = super().load(recording)
        for name, onset in self._played(recording).items():
            if name in (self.only or []):
                first = round(onset * self.sfreq)
                raw._data[:, first : first + round(self.story_s * self.sfreq)] *= 10
        return raw


@pytest.mark.parametrize("filters", [{}, {"highpass_hz": 1.0, "lowpass_hz": 20.0}])
def test_sensors_beside_what_is_held_out_are_purged(tmp_path, filters):
    """Stories follow each other in one recording: lags, and filters, reach over the border."""
    found = []
    for only in (None, ["story1"]):
        study = Pushed(tmp_path / str(bool(only)), n_subjects=1, n_stories=3, together=True, only=only)
        data = EncodingDataModule(
            {"s": study},
            {"f": Ready(4)},
            Lags(-0.1, 0.3),
            preprocessing=Preprocessing(sfreq=50, picks=["eeg"], **filters),
            split=SplitByStory(test=["story1"], val=[]),
        )
        data.setup("fit")
        found.append(data)
    data, other = found
    fold = data.folds("s/01")[0]
    train, test = (data.rows("s/01").time_s.to_numpy()[part] for part in (fold.train, fold.test))
    gap_s = np.abs(train[:, None] - test[None, ::10]).min()
    before_s, after_s = Lags(-0.1, 0.3).reach_s(1 / 50)
    assert gap_s >= before_s + after_s + data._people["s/01"].runs[0].filter_s - 1e-6
    one, two = data.responses("s/01", fold)[0], other.responses("s/01", other.folds("s/01")[0])[0]
    np.testing.assert_allclose(one, two, atol=1e-3 if filters else 1e-5)  # resampling by FFT rounds blocks differently
    assert isinstance(data.response, ResponseModel) and RATE_HZ


def test_an_event_of_held_out_rows_alone_spoils_no_prediction():
    """Training holds the last trace of its response: brought to a deviation of 1, it would be tens of thousands where it happens."""
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(60, 5)).astype(np.float32)
    columns[:, 1] = 0
    columns[38:40, 1] = [1e-4, 3e-5]  # of training
    columns[40:48, 1] = [0.1, 2, 5, 6, 4, 2, 1, 0.5]
    columns[:, 2] = 7
    columns[:40, 3] *= 1e-3  # all of training, but faint
    columns[:, 4] = 0
    columns[[3, 9, 20, 21, 30, 35, 50], 4] = 1  # six events
    found = standardised(columns[:40].copy(), columns[40:].copy(), np.abs(columns[:40]).max(0))
    assert found.still.tolist() == [False, False, True, False, False]
    assert found.rare.tolist() == [False, True, False, False, False]
    assert found.unseen.tolist() == [False, False, False, True, False]
    assert not found.test[:, 1:4].any() and not found.train[:, 1:3].any()
    assert np.allclose(found.train[:, [0, 3, 4]].std(0), 1, atol=1e-3)  # training rows depend on no held-out value
    for column in (0, 4):
        mean, deviation = columns[:40, column].mean(), columns[:40, column].std()
        np.testing.assert_allclose(
            found.test[:, column], (columns[40:, column] - mean) / deviation, rtol=1e-4, atol=1e-5
        )
    with kept() as findings:
        found.tell("phones", "s/01")
    assert [one.kind for one in findings] == ["left out", "left out"] and "1 of 5" in findings[0].text


@pytest.mark.parametrize("n", [1, 3, 8])
def test_columns_of_few_events_are_left_out(n):
    columns = np.zeros((400, 1), np.float32)
    columns[10 : 10 + 20 * n : 20] = 1
    assert standardised(columns, columns[:10].copy(), np.ones(1)).rare[0] == (n < 5)
