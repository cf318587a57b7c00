"""Bad channels that a recipe names: found under their names, and bad before any step."""

import mne
import numpy as np
import pytest
from builders import simulated_raw
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.bad_channels import check_bads, found_bads
from n2s.data.preprocessing import SSS
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.studies.simulated.sensors import helmet


@pytest.mark.parametrize(
    ("asked", "channels", "meant"),
    [
        ("MEG 001", ["MEG001", "MEG0011"], "MEG001"),
        ("MEG0113", ["MEG 0113", "MEG 0112"], "MEG 0113"),
        ("meg 1", ["MEG 001", "MEG 010"], "MEG 001"),
        ("FP1", ["Fp1", "Fp2"], "Fp1"),
        ("MLC11", ["MLC11-2908", "MLC12-2908"], "MLC11-2908"),
        ("Fp1", ["Fp1-REF", "Fp2-REF"], "Fp1-REF"),
        ("Fp1", ["EEG Fp1-REF", "EEG Fp2-REF"], "EEG Fp1-REF"),
        ("EEG Fp1-LE", ["Fp1.", "Fp2."], "Fp1."),
        ("Fp1", ["EEG Fp1-REF", "POL Fp1"], "EEG Fp1-REF"),
        ("Fp1", ["EEG Fp1-REF", "EEG Fp1-LE"], None),
        ("A1", ["A1", "A01"], "A1"),  # the same name wins
        ("A001", ["A1", "A01"], None),  # which one?
        ("MEG 001", ["MEG002"], None),
        ("EEG 10", ["EEG 1", "EEG 100"], None),
    ],
)
def test_another_spelling_is_the_same_channel(asked, channels, meant):
    assert found_bads([asked], channels) == ({} if meant is None else {asked: meant})


def test_spellings_and_unknown_names_are_told():
    raw = simulated_raw(8)
    with kept() as found:
        info = Preprocessing(sfreq=50.0, bads=["MEG 001", "MEG003", "EEG 042"])(raw, "here")[2]
    assert info["bads"] == ["MEG001", "MEG003"]
    texts = {one.kind: one.text for one in found}
    assert "'MEG 001' is taken for the channel 'MEG001'" in texts["corrected"]
    assert "no channel 'EEG 042'. Nearest: MEG00" in texts["odd"]


def test_a_name_that_no_recording_has_is_refused_before_anything_is_prepared(tmp_path):
    study, names = TinyStudy(tmp_path, n_subjects=1), ["Fp1", "AFP7"]
    data = MEGDataModule(
        {"t": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"], bads=names),
        split=SplitByStory(val=["story1"], test=["story0"]), n_jobs=1,
    )  # fmt: skip
    with pytest.raises(UserError, match="no recording of t has exactly one channel of this name: 'AFP7' Nearest: AF7"):
        data.prepare_data()
    check_bads(["Fp1", "Pz"], {"t": study, "u": TinyStudy(tmp_path / "u", n_channels=40)})  # the second study has Pz


def helmet_with_noise() -> mne.io.RawArray:
    """A Vectorview helmet with a digitised head, and one channel 10,000 times noisier than the others."""
    rng, info = np.random.default_rng(0), helmet(200.0)
    scale = np.where(np.array(info.get_channel_types()) == "mag", 1e-13, 1e-12)[:, None]
    data = scale * rng.standard_normal((len(scale), 2000))
    data[5] *= 1e4
    raw = mne.io.RawArray(data, info, verbose="error")
    head = rng.standard_normal((60, 3)) * [1, 1, 0] + [0, 0, 1] * np.abs(rng.standard_normal((60, 1)))
    head *= 0.09 / np.linalg.norm(head, axis=1, keepdims=True)
    dig = {"nasion": [0, 0.09, 0], "lpa": [-0.09, 0, 0], "rpa": [0.09, 0, 0], "hsp": head, "coord_frame": "head"}
    raw.set_montage(mne.channels.make_dig_montage(**dig), on_missing="ignore", verbose="error")
    with raw.info._unlock():
        raw.info["dev_head_t"] = mne.Transform("meg", "head", np.eye(4))
    return raw


def test_bad_channels_of_a_recipe_are_bad_while_sss_runs():
    """As if the study had marked them: else SSS spreads their noise to all sensors (autoreject/autoreject#123)."""
    raw, found, texts = helmet_with_noise(), [], []
    name = raw.ch_names[5]
    for marked, bads in (([name], []), ([], [name.replace(" ", "")])):
        one = raw.copy()
        one.info["bads"] = marked
        with kept() as findings:
            data, _, info = Preprocessing(sfreq=100.0, steps=[SSS()], bads=bads)(one, "here")
        found.append(data)
        texts += [item.text for item in findings]
        assert info["bads"] == []  # it is rebuilt from the others
    np.testing.assert_array_equal(*found)
    assert 40 < np.delete(found[1], 5, axis=1).std() < 50  # fT
    assert any(f"({name}) are rebuilt from the others" in text for text in texts)
