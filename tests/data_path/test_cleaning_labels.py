"""Components by labels of networks (MEGnet, ICLabel), by the spectrum of muscles, and when all would go."""

import mne
import numpy as np
import pytest
from artifact_worlds import world
from builders import simulated_raw
from test_bad_channels import helmet_with_noise

from n2s.data import RemoveICA
from n2s.data.cleaning.labels import labelled, muscular, slope_scores
from n2s.errors import UserError
from n2s.findings import kept


def fitted(raw, n=4):
    raw = raw.copy().filter(1.0, None, verbose="error")
    ica = mne.preprocessing.ICA(n, method="picard", random_state=0, max_iter=50, verbose="error")
    return raw, ica.fit(raw, decim=4, verbose="error")


def labels(raw, n=4):
    with kept():
        return labelled(*fitted(raw, n), ["eye blink"], 0.5)


def test_labels_that_cannot_be_read_are_refused():
    pytest.importorskip("mne_icalabel")
    eeg = simulated_raw(16, kind="eeg", sfreq=250.0)
    placeless = eeg.copy()
    placeless.set_montage(None, verbose="error")
    with pytest.raises(UserError, match="read from maps, and 16 sensors have no position"):
        labels(placeless)
    with pytest.raises(UserError, match="has 100 Hz: ICLabel reads spectra up to 100 Hz"):
        labels(simulated_raw(16, kind="eeg"))
    helmet = helmet_with_noise()
    helmet.info["bads"] = [helmet.ch_names[5]]
    with pytest.raises(UserError, match="there are 10 s to learn from: MEGnet needs 60 s"):
        labels(helmet)
    with pytest.raises(UserError, match="networks know magnetometers .MEGnet. and EEG .ICLabel."):
        labels(helmet.copy().pick("grad"))
    with pytest.raises(UserError, match=r"channels are .'seeg'."):
        labels(eeg.copy().set_channel_types(dict.fromkeys(eeg.ch_names, "seeg"), verbose="error"))


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="mne_icalabel must be installed: pip install 'n2s.icalabel.'"):
        labels(simulated_raw(16, kind="eeg", sfreq=250.0))


@pytest.mark.slow
def test_iclabel_knows_a_muscle():
    pytest.importorskip("mne_icalabel")
    one = world(1, duration_s=30.0, blink=0.0)
    step = RemoveICA(8, find=["labels"], method="infomax", labels=["muscle artifact"])
    with kept():
        learned = step.fit([one.raw.copy()])
    (index,) = learned.notes["found"]["muscle artifact"]
    pattern = learned.arrays["patterns"][:, 0]
    truth = one.artifacts["muscle"] @ one.artifacts["muscle"][0]
    assert abs(np.corrcoef(pattern, truth)[0, 1]) > 0.95 and learned.notes["components_removed"] == 1


@pytest.mark.slow
def test_megnet_takes_a_helmet():
    """Each of six components gets one of the names that the network has."""
    pytest.importorskip("mne_icalabel")
    pytest.importorskip("onnxruntime")
    info = helmet_with_noise().info
    mags = mne.pick_types(info, meg="mag")
    info = mne.pick_info(info, mags)
    with info._unlock():
        info["sfreq"], info["lowpass"] = 250.0, 125.0
    rng, n = np.random.default_rng(0), 15500
    sources = np.cumsum(rng.standard_normal((6, n)), 1)
    places = np.array([one["loc"][:3] for one in info["chs"]])
    front = np.exp(-(((places - places[places[:, 1].argmax()]) ** 2).sum(1) / 0.003))
    blinks = np.convolve(np.arange(n) % 900 == 400, np.hanning(75), "same")
    data = 1e-13 * (rng.standard_normal((102, 6)) @ (sources / sources.std(1, keepdims=True)))
    data += 1e-14 * rng.standard_normal((102, n)) + 2e-12 * np.outer(front, blinks)
    raw = mne.io.RawArray(data, info, verbose="error")
    known = ["brain/other", "eye blink", "heart beat", "eye movement"]
    with kept():
        found = labelled(*fitted(raw, 6), known, 0.0)
    assert sorted(index for indices in found.values() for index in indices) == [0, 1, 2, 3, 4, 5]


def test_slopes_are_those_of_muscles_or_of_the_brain():
    rng, n = np.random.default_rng(0), 30000
    white = rng.standard_normal(n)
    brown = np.cumsum(rng.standard_normal(n))  # a slope of -2
    scores = slope_scores(np.stack([white, brown]), 250.0)
    np.testing.assert_allclose(
        scores, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(6))], atol=0.02
    )  # the logistic of (slope + 0.5) / 0.25


def test_in_eeg_muscles_are_judged_as_mne_does_and_in_meg_by_the_slope():
    raw, ica = fitted(world(1, duration_s=20.0).raw, 6)
    with kept() as told:
        assert muscular(raw, ica) == ica.find_bads_muscle(raw, verbose="error")[0] and not told
    helmet = helmet_with_noise()
    helmet.info["bads"] = [helmet.ch_names[5]]
    with kept() as told:
        found = muscular(*fitted(helmet))
    assert (
        found == [0, 1, 2, 3] and "slope of their spectrum alone" in told[0].text
    )  # white noise is as flat as muscles


def test_all_components_rejected():
    helmet = helmet_with_noise()
    helmet.info["bads"] = [helmet.ch_names[5]]
    with (
        kept(),
        pytest.raises(UserError, match="all 4 components are taken for artifacts .muscle: 4.: nothing would be left"),
    ):
        RemoveICA(4, find=["muscle"], method="picard").fit([helmet])
