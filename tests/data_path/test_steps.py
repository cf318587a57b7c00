"""What SSS and ICA cannot take is refused in plain words, before MNE meets it."""

import json

import mne
import numpy as np
import pytest
from builders import helmet_raw, simulated_raw
from jsonargparse import ArgumentParser
from test_bad_channels import helmet_with_noise

from n2s.data import Preprocessing
from n2s.data.preprocessing import SSS, RemoveICA, Step
from n2s.errors import UserError
from n2s.findings import kept


def clean(raw, *steps, **options):
    return Preprocessing(**{"sfreq": 50.0, "picks": ["meg"], "steps": list(steps)} | options)(raw, "here")


@pytest.mark.slow
def test_sss_needs_a_head_or_the_device():
    raw = helmet_with_noise()
    raw.info["bads"] = [raw.ch_names[5]]
    alike = clean(raw.copy(), SSS(), sfreq=100.0)[0]
    for lost, message in (
        ("dev_head_t", "no transform from device to head"),
        ("dig", "0 digitised points of the head"),
    ):
        bare = raw.copy()
        with bare.info._unlock():
            bare.info[lost] = None
        with pytest.raises(UserError, match=f"here: SSS: the recording has {message}.*set coord_frame to meg"):
            clean(bare, SSS())
        data = clean(bare, SSS(coord_frame="meg"), sfreq=100.0)[0]
        assert np.isfinite(data).all() and 0.5 < data.std() / alike.std() < 2


def test_sss_twice_site_files_and_order(real_data):
    raw = mne.io.read_raw_fif(real_data / "meg_formats" / "sample_audvis_trunc_raw_sss.fif", verbose="error")
    with pytest.raises(UserError, match="already processed by MaxFilter"):
        clean(raw, SSS())
    with pytest.raises(UserError, match="calibration is nowhere/sss_cal.dat, which is no file"):
        clean(helmet_with_noise(), SSS(calibration="nowhere/sss_cal.dat"))
    with pytest.raises(UserError, match="the recording has no good MEG channel"):
        clean(simulated_raw(kind="eeg"), SSS(), picks=["eeg"])
    with pytest.raises(UserError, match="SSS comes after RemoveICA"):
        Preprocessing(steps=[RemoveICA(), SSS()])
    with pytest.raises(UserError, match="st_duration_s is -1"):
        SSS(st_duration_s=-1)


def test_sss_of_kit_leaves_the_reference_sensors_out(real_data):
    """MNE cannot use them, and says so with a NotImplementedError."""
    folder = real_data / "meg_formats" / "kit"
    files = {name: folder / f"test{end}" for name, end in (("mrk", "_mrk.sqd"), ("elp", ".elp"), ("hsp", ".hsp"))}
    raw = mne.io.read_raw_kit(folder / "test.sqd", **files, verbose="error")
    data = clean(raw, SSS(), sfreq=100.0)[0]
    assert data.shape == (200, 157) and 100 < data.std() < 1000  # fT


def test_active_shielding_needs_sss():
    raw = helmet_with_noise()
    raw.info["bads"] = [raw.ch_names[5]]
    with raw.info._unlock():
        raw.info["maxshield"] = True
    with pytest.raises(UserError, match=r"here: the recording was made with active shielding \(MaxShield\)"):
        clean(raw)
    assert np.isfinite(clean(raw, SSS())[0]).all()


def eeg_with_eyes(n: int) -> mne.io.RawArray:
    raw = simulated_raw(n, kind="eeg", duration_s=30.0)
    blinks = np.convolve(np.arange(3000) % 400 == 200, np.hanning(40), "same")
    eye = mne.io.RawArray(2e-4 * blinks[None] + 1e-6, mne.create_info(["EOG"], 100.0, "eog"), verbose="error")
    raw._data += 1e-4 * blinks * np.linspace(1, 0.1, n)[:, None]
    return raw.add_channels([eye], force_update_info=True)


def test_ica_removes_blinks_and_estimates_no_more_components_than_the_rank():
    raw = eeg_with_eyes(24)
    raw.info["bads"] = [raw.ch_names[3]]
    with kept() as found:
        data = clean(raw, RemoveICA(n_components=30), picks=["eeg"])[0]
    text = "RemoveICA: 23 components are estimated, not n_components 30: the good channels have no higher rank"
    assert ("corrected", "here", text) in [(one.kind, one.where, one.text[: len(text)]) for one in found]
    assert any(one.where.startswith("here (RemoveICA: 1 components, ") and "removed" in one.text for one in found)
    assert data[:, 0].std() < 0.7 * clean(eeg_with_eyes(24), picks=["eeg"])[0][:, 0].std()


def test_ica_that_finds_nothing_to_remove_says_so():
    """The score of a component among 8 cannot reach MNE's threshold of 3 deviations."""
    with kept() as found:
        data = clean(eeg_with_eyes(8), RemoveICA(), picks=["eeg"])[0]
    assert any("none of 8 components follows the eye or heart channels" in one.text for one in found)
    np.testing.assert_allclose(data, clean(eeg_with_eyes(8), picks=["eeg"])[0], atol=1e-3)


def test_ica_without_eyes_or_heart_is_refused():
    with pytest.raises(UserError, match="here: RemoveICA.*expected an EOG or ECG channel"):
        clean(simulated_raw(kind="eeg"), RemoveICA(), picks=["eeg"])


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_dead_channel_is_named_before_a_step_spreads_it(value):
    raw = helmet_with_noise()
    raw._data[7] = value
    with pytest.raises(UserError, match=rf"1 of 306 good channels carry no signal \(.*{raw.ch_names[7]}"):
        clean(raw, SSS())


class Broken(Step):
    """A step of somebody's own."""

    def __init__(self, does):
        self.does = does

    def settings(self):
        return {}

    def __call__(self, raw):
        return self.does(raw)


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda raw: None, "the step Broken gives NoneType"),
        (lambda raw: raw.resample(50.0), "changes rate and length from 100 Hz, 2000 samples to 50 Hz, 1000"),
        (lambda raw: raw.crop(1.0), "changes rate and length"),
    ],
)
def test_an_own_step_that_breaks_the_times_is_refused(does, message):
    with pytest.raises(UserError, match=f"here: .*{message}"):
        clean(helmet_raw(), Broken(does))


def test_steps_are_written_in_recipes():
    """As `data.preprocessing` takes them: by class path, whole numbers and shares of components, lists as bands."""
    parser = ArgumentParser()
    parser.add_subclass_arguments(Preprocessing, "preprocessing")
    asked = [
        ("FindBadChannels", {"limit": 8}), ("SSS", {"st_duration_s": 10, "st_correlation": 0.9, "head_pos": "chpi", "destination": [0, 0, 0.04]}),
        ("AnnotateMovement", {"distance_m": 0.01, "drop": False}), ("AnnotateMuscle", {"filter_freq": [100, 120], "spared": ["overt", "silent"]}),
        ("SSP", {"of": "ecg"}), ("RegressOut", {"references": ["emg", "head"], "lag_s": 0.1}),
        ("RemoveByReference", {"references": ["audio"], "fit_on": "gestures", "n_components": 0.99}), ("RemoveICA", {"n_components": 20}),
    ]  # fmt: skip
    steps = [{"class_path": f"n2s.data.{name}", "init_args": options} for name, options in asked]
    config = parser.parse_object(
        {"preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"steps": steps}}}
    )
    made = parser.instantiate_classes(config).preprocessing
    assert [type(step).__name__ for step in made.steps] == [name for name, _ in asked] and made.learns
    for step, (_, options) in zip(made.steps, asked, strict=True):
        assert {name: step.settings()[name] for name in options} == options
    json.dumps(made.settings())
    assert isinstance(made.steps[-1].n_components, int)
