"""Runs as time series: rows, responses, designs and repeats of BOLD and of sensors, each against another way to the same numbers."""

import numpy as np
import pytest
from encoding_runs import RATE_HZ, TR_S, F, RunsOfSentences, RunsOfStories
from nilearn.glm.first_level import compute_regressor
from tiny import LAG_S, RATE, TinyStudy

from n2s.data import FIR, EncodingDataModule, Glover, Lags, Preprocessing, SplitByStory
from n2s.data.encoding_responses import scaled
from n2s.errors import UserError
from n2s.features import WordRate
from n2s.features.layers import Layers
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.studies.study import Frames
from n2s.systems.encoding.ceilings import shared_targets
from n2s.systems.encoding.scoring import image

PLAN = {"1": [("a", 6.0)], "2": [("b", 6.0), ("c", 200.0)], "3": [("d", -5.0)], "4": [("d", 4.0)]}
TEST = SplitByStory(test=["d"], val=[])


class Two(Layers):
    """Two layers with two seeds each."""

    def members(self):
        return {"one": [Ready(F), Ready(F)], "two": [Ready(F), Ready(F)]}


def made(root, plan=PLAN, features=None, response=None, study=RunsOfStories, split=TEST, options=None, **more):
    data = EncodingDataModule(
        {"s": study(root, plan, **(options or {}))},
        features or {"f": Ready(F)},
        response or Glover(),
        split=split,
        **more,
    )
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return made(tmp_path_factory.mktemp("runs"), options={"n_subjects": 2})


def test_rows_say_what_was_heard(data):
    rows = data.rows("s/01")
    assert len(rows) == sum(round((max(at for _, at in one) + 140) / TR_S) for one in PLAN.values())
    own = rows[rows.recording == "s/sub-01_run-2"].reset_index(drop=True)
    heard = own.stimulus_s.notna()
    np.testing.assert_allclose(own.stimulus_s[heard & (own.story == "b")], own.time_s[heard & (own.story == "b")] - 6)
    assert own.time_s[own.story == "b"].tolist() == np.arange(6, 126 + 32, 2).tolist()  # the sound, and its response
    assert own.time_s[own.story == ""].tolist() == [0, 2, 4, *range(158, 200, 2)]
    early = rows[rows.recording == "s/sub-01_run-3"]
    assert early.stimulus_s.iloc[0] == 5 and set(early.repeat) == {0}
    late = rows[rows.recording == "s/sub-01_run-4"]
    assert set(late.repeat[late.unit != ""]) == {1}
    assert rows.split.value_counts().to_dict() == {"train": 216, "test": 138, "": 29}


def test_a_design_is_the_response_to_what_was_heard(data):
    """As nilearn makes it, from onsets a little early (it rounds those on its own grid into wrong bins), and z-scored."""
    (fold,) = data.folds("s/01")
    rows = data.rows("s/01")
    expected = []
    for number, plays in PLAN.items():
        times_s = rows.time_s[rows.recording == f"s/sub-01_run-{number}"].to_numpy()
        parts = np.zeros((len(times_s), F))
        for story, onset in plays:
            values = data.studies["s"].features(story).values
            at = onset + (np.arange(len(values)) - 0.01) / RATE_HZ
            for column in range(F):
                condition = (at, np.full(len(at), 1 / RATE_HZ), values[:, column])
                made_by = compute_regressor(condition, "glover", times_s, oversampling=10, min_onset=-40)
                parts[:, column] += made_by[0][:, 0]
        expected.append(parts)
    expected, same = np.concatenate(expected), data._people["s/01"].same
    train, test = data.design("s/01", fold, "f")
    used = np.isin(np.arange(len(rows)), fold.train) | np.isin(same, fold.test)
    for number in PLAN:  # each is trained on or held out, as a whole
        own = used & (rows.recording == f"s/sub-01_run-{number}").to_numpy()
        expected[own] -= expected[own].mean(0)
    mean, deviation = expected[fold.train].mean(0), expected[fold.train].std(0)
    np.testing.assert_allclose(train, (expected[fold.train] - mean) / deviation, atol=2e-4)
    heard = np.stack([expected[same == row].mean(0) for row in fold.test])  # in both presentations
    np.testing.assert_allclose(test, (heard - mean) / deviation, atol=2e-4)
    assert (
        train.dtype == np.float32 and data.delays("f", "s/01")[0].tolist() == [0] and data.delays("f", "s/01")[1] == F
    )


def test_responses_are_scaled_by_the_training_rows_of_their_run(data):
    (fold,) = data.folds("s/02")
    rows, (train, test) = data.rows("s/02"), data.responses("s/02", fold)
    assert train.shape == (len(fold.train), 6) and test.shape == (len(fold.test), 6) and test.dtype == np.float32
    study, recordings = data.studies["s"], data.studies["s"].recordings()
    for number, name in enumerate(rows.recording.unique()):
        raw = study.load(recordings[4 + number]).data
        own = np.flatnonzero(rows.recording == name)
        fitted = np.intersect1d(fold.train, own)
        if len(fitted):
            values = raw[fitted - own[0]]
            expected = (values - values.mean(0)) / values.std(0)
            np.testing.assert_allclose(train[np.isin(fold.train, own)], expected, atol=1e-3)


def test_repeats_are_averaged_on_the_sounds_clock(data):
    """Rows of two presentations that are half a row apart, at most, are one moment; a ceiling sees them side by side."""
    (fold,) = data.folds("s/01")
    rows = data.rows("s/01")
    assert (rows.split.to_numpy()[fold.test] == "test").all()
    repeats = data.repeats("s/01")
    assert list(repeats) == ["s/d"] and repeats["s/d"].shape[0] == 2
    _, test = data.responses("s/01", fold)
    both = repeats["s/d"].mean(0)
    assert (np.abs(test[:, None] - both[None]).max(2) < 1e-5).any(0).all()
    apart = made(data.studies["s"].root, average_repeats=False)
    assert len(apart.folds("s/01")[0].test) == (apart.rows("s/01").split == "test").sum() > len(fold.test)
    one, other = repeats["s/d"]
    assert np.mean([np.corrcoef(one[:, v], other[:, v])[0, 1] for v in range(6)]) > 0.3


def test_presentations_meet_at_equal_moments(data):
    rows, person = data._people["s/01"].rows, data._people["s/01"]
    (fold,) = data.folds("s/01")
    (places,) = person.presentations(fold).values()
    clock_s = rows.clock_s.to_numpy()[places]
    assert np.abs(clock_s[0] - clock_s[1]).max() <= TR_S / 2
    assert len(np.unique(places)) == places.size


def test_the_summary_the_loaders_and_the_shapes(data):
    assert "1 fold, 216 training" in str(data)
    assert [(one.subject, one.fold) for one in data.train_dataloader()] == [("s/01", 0), ("s/02", 0)]
    assert len(data.test_dataloader()) == 2 and not data.validates
    assert data.shapes() == {"n_subjects": 2, "n_features": F}
    assert len(data.data_hashes()) == 8 + 4
    assert data.rate_hz == {"s/01": 0.5, "s/02": 0.5}


def test_layers_are_spaces_in_their_order(tmp_path):
    with kept() as findings:
        data = made(tmp_path, features={"first": Ready(F), "net": Two()})
    assert any("began up to 1.00 s apart" in one.text for one in findings)
    assert data.spaces == {"first": 1, "net.one": 2, "net.two": 2}
    (fold,) = data.folds("s/01")
    np.testing.assert_array_equal(
        data.design("s/01", fold, "net.two", seed=1)[1], data.design("s/01", fold, "first")[1]
    )


def test_words_and_frames_side_by_side(tmp_path):
    data = made(
        tmp_path, features={"rate": WordRate(at="onset"), "f": Ready(F)}, response=FIR([1, 2]), study=RunsOfSentences
    )
    (fold,) = data.folds("s/01")
    train, test = data.design("s/01", fold, "rate")
    assert train.shape[1] == 2 and data.delays("rate", "s/01")[0].tolist() == [2, 4]
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-6)
    rows = data.rows("s/01").iloc[fold.train].reset_index(drop=True)
    word = np.isclose(rows.stimulus_s % 10, 0) & (rows.stimulus_s > 20) & (rows.stimulus_s < 100) & (rows.story == "a")
    later = np.flatnonzero(word) + 1
    assert train[later, 0].min() > train[np.flatnonzero(word), 0].max() and test.shape[1] == 2
    assert len(data.stimuli["s/a"].phones) == len(data.stimuli["s/a"].words) == 12
    assert set(data.stimuli["s/a"].phones.text) == {"a"}


def test_trends_are_of_training_rows_or_of_blocks(tmp_path):
    def drifting(recording, data):
        return data + np.linspace(0, 300, len(data))[:, None].astype(np.float32)

    options = {"noise": 0.01, "gain": 0.0}
    for detrend, moved in ((None, True), ("run", False), ("block", False)):
        data = EncodingDataModule(
            {"s": RunsOfStories(tmp_path, PLAN, **options)}, {"f": Ready(F)}, Glover(), split=TEST, detrend=detrend
        )
        data.studies["s"].spoil = drifting
        data.setup("fit")
        (fold,) = data.folds("s/01")
        train, _ = data.responses("s/01", fold)
        own = data.rows("s/01").recording.to_numpy()[fold.train] == "s/sub-01_run-1"
        assert (abs(np.corrcoef(train[own, 0], np.arange(own.sum()))[0, 1]) > 0.5) == moved


def test_a_region_and_trimmed_ends(tmp_path):
    data = made(tmp_path, roi="half", trim_s=(10.0, 6.0))
    what = data.measured("s/01")
    assert what.names.tolist() == ["0", "1", "2"] and what.rois["half"].all() and what.places.shape == (3, 3)
    assert what.kind == "vertex" and what.chosen.tolist() == [0, 1, 2]
    rows = data.rows("s/01")
    used = rows[rows.split != ""]
    assert used.time_s.min() == 10 and data.responses("s/01", data.folds("s/01")[0])[0].shape[1] == 3
    last = rows.groupby("recording").time_s.max()
    assert (used.groupby("recording").time_s.max() <= last - 6 + 1e-6).all()


def test_sensors_follow_their_features_at_the_right_lag(tmp_path):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=3, gain=3.0)
    data = EncodingDataModule(
        {"t": study},
        {"f": Ready(4)},
        Lags(-0.04, 0.2),
        preprocessing=Preprocessing(sfreq=RATE, picks=["eeg"]),
        split=SplitByStory(test=["story1"], val=[]),
    )
    data.setup("fit")
    (fold,) = data.folds("t/01")
    what, (train, test) = data.measured("t/01"), data.design("t/01", fold, "f")
    brain, held = data.responses("t/01", fold)
    lags_s, f = data.delays("f", "t/01")
    assert what.kind == "sensor" and len(what.names) == 8 == brain.shape[1] and what.places.shape == (8, 2)
    assert f == 4 and data.rate_hz == {"t/01": RATE} and train.shape[1] == 4 * len(lags_s)
    power = [np.square(np.linalg.lstsq(train[:, 4 * k : 4 * k + 4], brain)[0]).sum() for k in range(len(lags_s))]
    assert lags_s[int(np.argmax(power))] == pytest.approx(LAG_S)
    weights = np.linalg.lstsq(train, brain)[0]
    assert np.corrcoef((test @ weights).ravel(), held.ravel())[0, 1] > 0.7
    rows = data.rows("t/01").iloc[fold.test]
    values = study.features("story1").values
    now = list(lags_s).index(pytest.approx(0.0))
    column = np.array(
        [values[round(at * RATE), 0] if at * RATE < len(values) - 1 else np.nan for at in rows.stimulus_s.fillna(1e6)]
    )
    there = np.isfinite(column)
    assert np.corrcoef(test[there, 4 * now], column[there])[0, 1] > 0.9999


class Topics(RunsOfStories):
    """The features of each story are around another mean."""

    def features(self, stimulus):
        found = super().features(stimulus)
        return Frames(found.values + ord(stimulus) % 5 * np.array([0, 0.5, 1], np.float32), found.rate_hz)


@pytest.mark.slow
def test_features_lose_the_mean_of_a_run_as_responses_do(tmp_path):
    """A fit looked for means that z-scoring had taken out of the responses: R .81, without them .86."""
    plan = {str(number): [(story, 6.0)] for number, story in enumerate("abcdefghijkl")}
    found = {}
    for clean in (False, True):
        data = made(
            tmp_path, plan, study=Topics, split=SplitByStory(test=["k", "l"], val=[]),
            options={"n_voxels": 60}, clean_features=clean,
        )  # fmt: skip
        (fold,) = data.folds("s/01")
        (brain, held), (train, test) = data.responses("s/01", fold), data.design("s/01", fold, "f")
        predicted, run = test @ np.linalg.lstsq(train, brain)[0], data.rows("s/01").recording.to_numpy()[fold.test]
        for one in set(run):
            predicted[run == one] -= predicted[run == one].mean(0)
        found[clean] = np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(predicted.T, held.T, strict=True)])
    assert found[True] > found[False] + 0.05


def test_presentations_after_other_sounds_are_predicted_together(tmp_path):
    """The brain still responds to the sound before: of the features of the first presentation alone R was .72, not .92."""
    orders = {"1": "abcdefghij", "2": "klmnopqrst", "3": "uvwxyz", "4": "zwuyvx", "5": "vzxwyu"}
    plan = {run: [(story, 6 + 8.0 * i) for i, story in enumerate(order)] for run, order in orders.items()}
    options = {"n_voxels": 60, "noise": 0.3, "story_s": 8.0}
    data = made(tmp_path, plan, split=SplitByStory(test=list("uvwxyz"), val=[]), options=options)
    (fold,) = data.folds("s/01")
    (brain, held), (train, test) = data.responses("s/01", fold), data.design("s/01", fold, "f")
    predicted = test @ np.linalg.lstsq(train, brain)[0]
    assert np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(predicted.T, held.T, strict=True)]) > 0.88


class Implanted(TinyStudy):
    """Contacts inside the head."""

    def load(self, recording):
        raw = super().load(recording)
        return raw.set_channel_types(dict.fromkeys(raw.ch_names, "seeg"), verbose="error")


@pytest.mark.parametrize("study", [TinyStudy, Implanted])
def test_contacts_of_two_patients_are_not_compared(tmp_path, study):
    """Names such as A1 are there in every patient, elsewhere in each brain."""
    data = EncodingDataModule(
        {"t": study(tmp_path)},
        {"f": Ready(4)},
        Lags(0, 0.1),
        preprocessing=Preprocessing(picks=["seeg" if study is Implanted else "eeg"]),
    )
    data.setup("fit")
    inside = study is Implanted
    what = [data.measured(name) for name in data.subjects]
    assert (shared_targets(what) is None) == inside == image(what[0]).get("own_names", False)


@pytest.mark.parametrize("detrend", [None, "run", "block"])
def test_held_out_rows_keep_their_signal_wherever_training_rows_lie(detrend):
    """A line through far training rows, or the deviation of two of them, would put a trend or a scale of its own there."""
    rng, n = np.random.default_rng(0), 150
    signal = np.convolve(rng.standard_normal(n + 6), np.hanning(7), "valid")[:, None]
    noisy = signal + 0.5 * rng.standard_normal((n, 40))
    for train in (np.arange(n) > 110, np.arange(n) < 2, np.arange(n) > 60):
        found, _ = scaled(noisy, 2.0 * np.arange(n), train, np.where(train, 1, 0), detrend=detrend, clamp=None)
        true = np.corrcoef(np.c_[signal, noisy][~train].T)[0, 1:]
        left = np.corrcoef(np.c_[signal, found][~train].T)[0, 1:]
        assert left.mean() > true.mean() - 0.06
        assert 0.5 < found[~train].std() < 2


def test_what_was_listened_to_without_gaps(tmp_path):
    """Nothing is held out: every row in which something played, run by run, beside the feature at that moment."""
    data = made(
        tmp_path, {"1": [("a", 6.0), ("b", 150.0)], "2": [("c", 4.0)]}, split=None, n_folds=0, trim_s=(8.0, 0.0)
    )
    found = data.listened("s/01", "f")
    assert [brain.shape for brain, _ in found] == [(59, 6), (60, 6), (58, 6)]  # 8 s are trimmed off each run's start
    whole = data._scaling("s/01").whole()
    runs = data._person_of("s/01").runs
    for run in runs:
        raw = run.read(np.arange(run.n_rows), np.arange(6))
        np.testing.assert_allclose(whole[run.rows], (raw - raw.mean(0)) / raw.std(0), atol=1e-4)
    np.testing.assert_array_equal(found[1][0], whole[75:135])
    heard = data._heard.columns("s/01", runs, "f", 0)
    np.testing.assert_array_equal(found[1][1], heard[75:135])
    with pytest.raises(UserError, match="nothing is held out"):
        data.folds("s/01")
    assert "everything" not in str(data) and len(data.train_dataloader()) == 1
