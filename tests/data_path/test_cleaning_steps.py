"""ICA, components by reference, regression and SSP: what they remove of known artifacts in a run that they did not learn from."""

import mne
import numpy as np
import pytest
from artifact_worlds import RunsStudy, band, run, world

from n2s.data import SSP, Preprocessing, RegressOut, RemoveByReference, RemoveICA
from n2s.data.cleaning.components import rank_of
from n2s.data.cleaning.dependence import binned, by_correlation, by_information, information
from n2s.data.cleaning.run import Cleaning, run_step
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.findings import kept


def learned(step, *seeds, **more):
    return step.fit([world(seed, **more).raw for seed in seeds])


def cleaned(step, what, one):
    """Power of what is wrong afterwards, as a share of the artifact's, and the correlation with the brain."""
    with kept():
        raw = run_step(step, one.raw.copy(), "here", what)[0]
    wrong, artifact = (band(each, 0.5, None) for each in (raw.get_data("eeg") - one.brain, one.artifact))
    same = [np.corrcoef(a, b)[0, 1] for a, b in zip(raw.get_data("eeg"), one.brain, strict=True)]
    return (wrong**2).sum() / (artifact**2).sum(), float(np.mean(same))


STEPS = {
    "ica": (RemoveICA(14, find=["eog", "muscle"], method="picard", fit_on="training"), {}, 0.1, 0.9),
    "emg by correlation": (RemoveByReference(["emg"], n_components=8), {"blink": 0.0}, 0.1, 0.9),
    "voice by information": (RemoveByReference(["audio"], measure="information", n_components=8), {"blink": 0.0, "lag_s": 0.2}, 0.1, 0.9),
    "regression": (RegressOut(["emg", "eog"]), {}, 0.02, 0.99),
    "head": (RegressOut(["head"]), {"blink": 0.0, "muscle": 0.0, "jaw": 6.0}, 0.08, 0.9),
    "ssp": (SSP("eog", n_components=1), {"muscle": 0.0, "blink": 6.0}, 0.1, 0.85),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_artifacts_of_a_run_it_did_not_learn_from_fall_and_the_brain_stays(name):
    step, more, left_at_most, same_at_least = STEPS[name]
    what = learned(step, 1, 2, **more)
    left, same = cleaned(step, what, world(3, **more))
    print(f"{name}: {100 * left:.2f}% of the artifact left, brain {same:.3f}, {what.notes}")
    assert left < left_at_most and same > same_at_least


def test_squares_of_head_positions_matter():
    """A tenth of the artifact's power is quadratic in the head's place."""
    more = {"blink": 0.0, "muscle": 0.0, "jaw": 6.0}
    linear = RegressOut(["head"], squares=False)
    assert cleaned(linear, learned(linear, 1, 2, **more), world(3, **more))[0] > 0.1


def test_regression_is_that_of_an_independent_library():
    """MNE's, of the same signals without a high-pass; ours has a tiny penalty and the sensors' own units."""
    one = world(1, blink=0.0)
    step = RegressOut(["EMG"], highpass_hz=None)
    what = step.fit([one.raw.copy()])
    own = what.arrays["weights"]
    raw = one.raw.copy()
    raw.set_channel_types({"AUDIO": "eog"}, verbose="error")
    raw._data[raw.ch_names.index("AUDIO")] = step._signals(one.raw)["named EMG (envelope)"]
    model = mne.preprocessing.EOGRegression(picks="eeg", picks_artifact=["EMG", "AUDIO"]).fit(
        raw.set_eeg_reference([], verbose="error")
    )
    assert what.notes["regressors"] == ["named EMG", "named EMG (envelope)"]
    np.testing.assert_allclose(own[0], model.coef_[:, 0], rtol=2e-3, atol=1e-3 * np.abs(own[0]).max())


def test_lags_are_needed_where_the_artifact_is_later():
    one, other = world(1, blink=0.0), world(2, blink=0.0)
    for each in (one, other):
        each.raw._data[:24] = each.brain + np.roll(each.artifact, 5, axis=1)  # 20 ms
        each.artifacts["muscle"] = np.roll(each.artifact, 5, axis=1)
    plain, lagged = RegressOut(["emg"]), RegressOut(["emg"], lag_s=0.04, lag_step_s=0.004)
    assert lagged.support_s == pytest.approx(0.08 + 2 / 0.3)
    before, after = (cleaned(step, step.fit([one.raw.copy()]), other)[0] for step in (plain, lagged))
    assert before > 0.5 and after < 0.15


@pytest.mark.slow
def test_an_artifact_of_the_test_run_alone_moves_no_coefficient(tmp_path):
    """The muscle is in the held-out run only: steps that learned on all runs would remove it."""
    runs = {run(n): world(n, muscle=4.0 if n == 3 else 0.0, duration_s=32.0).raw for n in (1, 2, 3)}
    silent = {one: raw.copy() for one, raw in runs.items()}
    silent[run(3)] = world(3, muscle=0.0, duration_s=32.0).raw
    training = {run(n).name: [(0.0, 32.0)] for n in (1, 2)}
    steps = [SSP("eog", n_components=1), RegressOut(["emg"]), RemoveByReference(["emg"], n_components=8)]

    def made(name, raws, told):
        preprocessing = Preprocessing(sfreq=50.0, picks=["eeg"], steps=steps).fitted_on(told)
        return {one.recording: one for one in prepare(RunsStudy(tmp_path / name, raws), preprocessing)}

    loud, quiet = made("loud", runs, training), made("quiet", silent, training)
    for one in (run(1), run(2)):
        np.testing.assert_array_equal(loud[one].brain, quiet[one].brain)
        assert loud[one].meta["cleaned"] == quiet[one].meta["cleaned"]
    numbers = [
        {k: v for k, v in one.items() if k not in ("variance", "removed")} for one in loud[run(3)].meta["cleaned"]
    ]
    assert numbers == [
        {k: v for k, v in one.items() if k not in ("variance", "removed")} for one in quiet[run(3)].meta["cleaned"]
    ]
    assert numbers[2]["components_removed"] == 0 and numbers[1]["explained_in_training"]["eeg"] < 0.02
    leaked = made("leaked", runs, training | {run(3).name: [(0.0, 32.0)]})
    again = leaked[run(3)].meta["cleaned"]
    assert again[2]["components_removed"] > 0 or again[1]["explained_in_training"]["eeg"] > 0.02
    assert np.abs(leaked[run(1)].brain - loud[run(1)].brain).max() > 1  # uV


def test_every_step_keeps_its_numbers():
    one = world(1)
    step = RemoveICA(14, find=["eog", "muscle"], method="picard", fit_on="itself")
    cleaning = Cleaning.alone([step])
    with kept() as told:
        raw, _ = cleaning.run(one.raw.copy(), "here", [[0.0, 10.0]])
    (numbers,) = cleaning.removed
    variance = numbers["variance"]["eeg"]
    inside = slice(round(10 * 250), None)
    assert variance["unit"] == "uV^2"
    assert variance["before"] == pytest.approx(1e12 * one.raw.get_data("eeg")[:, inside].var(1).mean())
    assert variance["after"] == pytest.approx(1e12 * raw.get_data("eeg")[:, inside].var(1).mean())
    assert numbers["removed"]["eeg"] == pytest.approx(1 - variance["after"] / variance["before"])
    assert numbers["components_removed"] == len({*numbers["found"]["eog"], *numbers["found"]["muscle"]}) > 0
    where = [each.where for each in told if "removed what it took for artifacts" in each.text]
    assert (
        len(where) == 1
        and f"{numbers['components_removed']} components" in where[0]
        and "of the variance of eeg" in where[0]
    )


def test_ica_is_that_of_mne():
    raw = world(1, muscle=0.0, duration_s=25.0).raw
    step = RemoveICA(12, seed=3, method="picard")
    found = step.fit([raw.copy()])
    ica = mne.preprocessing.ICA(
        12,
        method="picard",
        fit_params={"ortho": False, "extended": True},
        random_state=3,
        max_iter="auto",
        verbose="error",
    )
    ica.fit(raw.copy().filter(1.0, None, verbose="error"), verbose="error")
    ica.exclude = found.notes["found"]["eog"]
    assert ica.exclude
    expected = ica.apply(raw.copy(), verbose="error").get_data("eeg")
    own = step.apply(raw.copy(), found).get_data("eeg")
    centred = [
        each - each.mean(1, keepdims=True) for each in (own, expected)
    ]  # MNE puts the mean of the filtered signal back
    np.testing.assert_allclose(*centred, atol=1e-6 * expected.std())


def test_rank_falls_with_each_step():
    raw = world(1, duration_s=15.0).raw
    assert rank_of(raw) == 24
    step = SSP("eog", n_components=2, fit_on="itself")
    raw = step(raw)
    assert rank_of(raw) == 22
    found = RemoveICA(30, find=["eog", "muscle"], method="picard").fit([raw.copy()])
    assert (found.notes["n_components"], found.notes["rank"], found.notes["n_components_asked"]) == (22, 22, 30)
    share = RemoveICA(0.9, find=["eog", "muscle"], method="picard").fit([raw.copy()])
    assert 2 <= share.notes["n_components"] < 22 and "n_components_asked" not in share.notes


def test_a_channel_that_is_bad_in_the_test_run_is_predicted():
    step = RemoveByReference(["emg"], n_components=8)
    what = learned(step, 1, 2, blink=0.0)
    one = world(3, blink=0.0)
    worst = int(np.abs(what.arrays["filters"]).sum(0).argmax())
    one.raw._data[worst] = 5e-3 * np.random.default_rng(0).standard_normal(one.raw.n_times)
    one.raw.info["bads"] = [one.raw.ch_names[worst]]
    with kept() as told:
        raw = run_step(step, one.raw.copy(), "here", what)[0]
    good = np.arange(24) != worst
    wrong = (raw.get_data("eeg", exclude=()) - one.brain)[good]
    left = ((wrong - wrong.mean(1, keepdims=True)) ** 2).sum() / (one.artifact[good] ** 2).sum()
    print(left)
    assert left < 0.3
    assert any("predict bad channels from the others, by the training runs" in each.text for each in told)


def test_channels_that_differ_between_runs():
    step = RegressOut(["emg"])
    first, second = world(1).raw, world(2).raw
    first.info["bads"] = [first.ch_names[4]]
    second.drop_channels([second.ch_names[7]])
    what = step.fit([first, second])
    assert len(what.arrays["names"]) == 22
    with kept() as told:
        raw = run_step(step, world(3).raw, "here", what)[0]
    assert raw.info["bads"] == sorted([first.ch_names[4], first.ch_names[7]])
    assert any("could not learn on (bad or absent in training runs) are bad here, too" in one.text for one in told)
    few = world(3).raw.pick(world(3).raw.ch_names[:6] + ["EMG"])
    spatial = RemoveByReference(["emg"], n_components=8)
    with pytest.raises(UserError, match="of 24 channels that it learned on, the recording has 6 good ones"):
        run_step(spatial, few, "here", learned(spatial, 1, 2, blink=0.0))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda: RegressOut(["emg"]), "RegressOut: no EMG channel; there are 24 eeg; misc AUDIO"),
        (lambda: RegressOut(["EOG9"]), "RegressOut: no channel 'EOG9'; there are"),
        (lambda: RegressOut(["head"]), "RegressOut: no head position channel"),
        (lambda: RemoveByReference(["ecg"]), "RemoveByReference: no ECG channel; there are"),
        (lambda: SSP("eog"), "SSP: of is eog, and the recording has channels of type .*expected an EOG channel"),
        (lambda: SSP("ecg"), "SSP: of is ecg, .*expected an ECG channel .or magnetometers"),
        (lambda: SSP("eog", n_components=24), "SSP: n_components is 24, and there are {'eeg': 24} good sensors"),
        (lambda: RegressOut(["AUDIO"], lag_s=9.0, lag_step_s=0.004), "samples for 9002 regressors"),
    ],
)
def test_what_is_missing_is_said(step, message):
    raw = world(1).raw
    raw.drop_channels([name for name in raw.ch_names if name in ("EOG", "EMG") or name.startswith("QUAT")])
    with pytest.raises(UserError, match=message):
        step().fit([raw])


def test_dead_references_and_too_short_learning():
    raw = world(1).raw
    raw._data[raw.ch_names.index("EMG")] = 0.0
    with pytest.raises(UserError, match="no EMG channel .those of EMG never change"):
        RegressOut(["emg"]).fit([raw])
    with pytest.raises(UserError, match="20 s to learn from, expected 30 s or more"):
        RemoveByReference(["emg"], n_components=5).fit([world(1, duration_s=20.0).raw])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RemoveICA(method="fastICA"), "method is 'fastICA'; expected one of fastica"),
        (lambda: RemoveICA(1), "n_components is 1, expected 2 or more, or a share"),
        (lambda: RemoveICA(find=["eyes"]), "find is 'eyes'; expected one of eog"),
        (lambda: RemoveICA(find=[]), "find is empty"),
        (lambda: RemoveICA(find=["labels"]), "whose networks learned from infomax"),
        (
            lambda: RemoveICA(find=["labels"], method="infomax", labels=["blinks"]),
            "labels holds 'blinks'.*Nearest: eye blink",
        ),
        (
            lambda: RegressOut(fit_on="itself"),
            "RegressOut: fit_on is itself, but its numbers come from training runs alone",
        ),
        (lambda: RegressOut([]), "references is"),
        (lambda: RegressOut("emg"), "references is 'emg', expected a list"),
        (lambda: RegressOut(lag_s=-1), "lag_s is -1"),
        (lambda: RemoveByReference(threshold=1.0), "threshold is 1; expected a number above 0 and below 1"),
        (lambda: SSP("block"), "of is block, and fit_on is training"),
        (lambda: SSP("emg"), "SSP: of is 'emg'; expected one of eog, ecg, block"),
    ],
)
def test_options_that_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_patterns_of_a_block_of_gestures():
    step = SSP("block", n_components=1, fit_on="gestures")
    block = world(5, muscle=0.0, blink=0.0, jaw=16.0, duration_s=40.0)
    what = step.fit([block.raw.copy()])
    assert what.notes["variance_of_training"]["eeg"] > 0.3
    left, same = cleaned(step, what, world(3, muscle=0.0, blink=0.0, jaw=3.0))
    assert left < 0.3 and same > 0.85


@pytest.mark.parametrize("test", [by_correlation, by_information])
def test_chance_is_kept_on_noise_and_a_lagged_copy_is_found(test):
    rng, n = np.random.default_rng(0), 1600
    smooth = lambda x: np.apply_along_axis(np.convolve, -1, x, np.hanning(15), "same")  # noqa: E731
    n_found = 0
    for _ in range(4):
        seen, heard = smooth(rng.standard_normal((6, 2, n))), smooth(rng.standard_normal((2, n)))
        result = test(seen, heard, rate_hz=50.0, lag_s=0.3, seed=0)
        n_found += bool((result.score > result.chance).any())
    assert n_found <= 2
    seen[2, 1] = np.roll(heard[1], 10) + 0.5 * smooth(rng.standard_normal(n))  # the component is 0.2 s later
    result = test(seen, heard, rate_hz=50.0, lag_s=0.3, seed=0)
    assert result.score.argmax() == 2 and result.reference[2] == 1 and result.score[2] > result.chance
    assert result.lag_s[2] == pytest.approx(0.2, abs=0.03) and result.score[2] > 0.7


def test_information_is_that_of_an_independent_library():
    from sklearn.metrics import mutual_info_score

    rng = np.random.default_rng(1)
    a = rng.standard_normal(5000)
    b = np.abs(a) + 0.3 * rng.standard_normal(5000)  # without correlation
    first, second = binned(a), binned(b)
    assert set(np.bincount(first)) == {625}
    bias = 49 / 10000  # all 64 cells are filled
    assert information(first, second) == pytest.approx(mutual_info_score(first, second), abs=bias + 1e-12)
    assert abs(information(first, binned(rng.standard_normal(5000)))) < 0.003


def test_a_reference_that_its_file_calls_eeg_stays_as_it_is_and_is_no_sensor():
    """Bipolar EMG in two electrodes of the cap: regressed out of themselves, nothing would be left of them."""

    def relabelled(seed):
        raw = world(seed, blink=0.0, duration_s=20.0).raw
        other = raw.copy().pick(["EMG"]).rename_channels({"EMG": "X2"})
        other._data[:] = 1e-5 * np.random.default_rng(seed).standard_normal(other._data.shape)
        raw._data[raw.ch_names.index("EMG")] += other._data[0]
        raw.add_channels([other], force_update_info=True).rename_channels({"EMG": "X1"})
        return raw.set_channel_types({"X1": "eeg", "X2": "eeg"}, verbose="error")

    step = RegressOut(["X1-X2"])
    what = step.fit([relabelled(1)])
    assert not {"X1", "X2"} & set(what.arrays["names"].tolist()) and what.notes["regressors"][0] == "named X1-X2"
    with kept():
        raw = run_step(step, relabelled(2), "here", what)[0]
    assert raw.info["bads"] == ["X1", "X2"] and what.notes["explained_in_training"]["eeg"] > 0.1
    other = relabelled(2)
    other.info["bads"] = ["X1"]
    with pytest.raises(UserError, match="no channel 'X1-X2' that is not bad"):
        step.fit([other])


def test_lags_learned_at_another_rate_are_refused():
    step = RegressOut(["emg"], lag_s=0.04)
    what = step.fit([world(1, duration_s=20.0).raw])
    with pytest.raises(UserError, match="it learned lags at 250 Hz, and this recording has 200 Hz"):
        run_step(step, world(2, duration_s=20.0).raw.resample(200.0, verbose="error"), "here", what)
    with pytest.raises(UserError, match="1.00 s to learn from, expected 5 s"):
        RemoveICA(6).fit([world(1, duration_s=1.0).raw])
