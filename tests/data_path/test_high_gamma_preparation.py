"""`HighGamma`: rows on the recording's clock, references, edges, and a purge as long as filters and windows are."""

import mne
import numpy as np
import pytest
from contacts import CONTACTS, TinyContacts, contacts_raw
from scipy import signal as dsp

from n2s.data import (
    Bipolar,
    CommonAverage,
    EncodingDataModule,
    HighGamma,
    Lags,
    Laplacian,
    MEGDataModule,
    Preprocessing,
    SplitByStory,
    high_gamma,
)
from n2s.data.high_gamma import envelope, filters_of
from n2s.data.reference import contact_of
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept

SFREQ = 500.0


@pytest.fixture(scope="module")
def noise():
    return 10 * np.random.default_rng(0).normal(size=(4003, len(CONTACTS))).cumsum(0)


def prepared(data, sfreq=SFREQ, where="x", **options):
    spans = []
    raw = data if isinstance(data, mne.io.BaseRaw) else contacts_raw(data, sfreq)
    with kept() as findings:
        found, rate, info = HighGamma(**options)(raw, where, spans)
    return found, rate, info, spans, [one.text for one in findings]


def centred(data, sfreq=SFREQ, window_s=0.05, hop_s=0.01, line_hz=50.0):
    """Window by window, the middle of window i at ``i * hop_s``."""
    size = envelope(np.array(data, float).T, filters_of(sfreq, (70, 170), line_hz)).T
    rows = []
    for i in range(int(np.ceil(len(data) / sfreq / hop_s - 1e-9))):
        first = int(np.floor((i * hop_s - window_s / 2) * sfreq + 1e-9))
        rows.append(size[max(first, 0) : first + int(window_s * sfreq + 1e-9)].mean(0))
    return np.array(rows)


def test_rows_are_the_means_around_their_moments(noise):
    found, rate, info, _, _ = prepared(noise)
    assert found.dtype == np.float32 and rate == 100 and info["ch_names"] == CONTACTS
    np.testing.assert_allclose(found, centred(noise), rtol=1e-5)
    # the frames of the published extraction start where these have their middle; at half a hop both share all samples but a few
    np.testing.assert_allclose(
        prepared(noise, hop_s=0.025)[0][1:100], high_gamma(noise, SFREQ, hop_s=0.025)[:99], rtol=1e-5
    )


def test_a_rate_that_does_not_divide(noise):
    found = prepared(noise, sfreq=511.9)[0]
    assert len(found) == np.ceil(4003 / 511.9 * 100)
    np.testing.assert_allclose(found, centred(noise, 511.9), rtol=1e-5)


def test_a_burst_is_as_late_as_it_was():
    time = np.arange(6000) / 1000
    burst = np.exp(-0.5 * ((time - 3) / 0.05) ** 2) * np.sin(2 * np.pi * 120 * time)
    data = np.stack([burst] * len(CONTACTS), 1) + 1e-3 * np.random.default_rng(0).normal(size=(6000, len(CONTACTS)))
    found = prepared(50 * data, sfreq=1000)[0][:, 0]
    weight = np.where(found > 0.05 * found.max(), found, 0)
    assert abs((np.arange(len(found)) * weight).sum() / weight.sum() * 0.01 - 3) < 1e-3


def test_stretches_between_interruptions_are_extracted_apart(noise):
    raw = contacts_raw(noise, SFREQ)
    raw.set_annotations(mne.Annotations([3.0], [1.0], ["BAD_ACQ_SKIP"]))
    found, _, _, spans, told = prepared(raw)
    np.testing.assert_allclose(found[:300], centred(noise[:1500]), rtol=1e-5)
    np.testing.assert_allclose(found[402:], centred(noise[2000:])[2:], rtol=1e-5)
    assert (found[300:400] == 0).all()
    assert HighGamma().stretches(raw) == [(0, 300), (400, 801)]
    reach = HighGamma().support_s(SFREQ) / 2
    assert spans == [
        [0.0, reach],
        [pytest.approx(3 - reach), reach],
        [4.0, reach],
        [pytest.approx(8.006 - reach), reach],
    ]
    assert any(f"{reach:.2f} s at each end" in one and "of 2 stretches" in one for one in told)


def test_a_stretch_shorter_than_its_filters_is_left_out(noise):
    raw = contacts_raw(noise, SFREQ)
    raw.set_annotations(mne.Annotations([0.02], [1.0], ["BAD_ACQ_SKIP"]))
    found, _, _, spans, _ = prepared(raw)
    assert (found[:102] == 0).all() and (found[102:] > 0).all()
    assert spans[:2] == [[0.0, 0.01], [0.01, 0.01]]


@pytest.mark.parametrize(
    ("reference", "names", "matrix"),
    [
        (CommonAverage(), CONTACTS, np.eye(7) - np.array([1, 1, 0, 1, 1, 1, 1]) / 6),
        (
            CommonAverage("electrode"),
            CONTACTS,
            np.eye(7)
            - np.array([[1, 1, 0, 1, 0, 0, 0]] * 4 + [[0, 0, 0, 0, 1, 1, 1]] * 3) / 3,
        ),
        (
            Bipolar(),
            ["LA1-LA2", "RB1-RB2", "RB2-RB3"],
            [[1, -1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, -1, 0], [0, 0, 0, 0, 0, 1, -1]],
        ),
        (
            Laplacian(),
            ["LA1", "LA2", "RB1", "RB2", "RB3"],
            [[1, -1, 0, 0, 0, 0, 0], [-1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, -1, 0], [0, 0, 0, 0, -0.5, 1, -0.5],
             [0, 0, 0, 0, 0, -1, 1]],
        ),
    ],
)  # fmt: skip
def test_references_leave_bad_contacts_out(noise, reference, names, matrix):
    noise = noise + np.where(np.arange(7) == 2, 1e4 * np.random.default_rng(5).normal(size=(4003, 1)), 0)
    found, _, info, _, told = prepared(noise, reference=reference, bads=["LA3"])
    good = [name not in info["bads"] for name in info["ch_names"]]
    assert info["ch_names"] == names and sum(good) == len(names) - ("LA3" in names)
    np.testing.assert_allclose(found[:, good], centred(noise @ np.transpose(matrix))[:, good], rtol=2e-4)
    alone = [one for one in told if "without a good neighbour" in one]
    assert len(alone) == (len(names) < 7) and all("LA4" in one for one in alone)


def test_the_signal_itself_is_referenced_alike(noise):
    """`Preprocessing` takes the same references: filters and differences of channels exchange."""
    matrix = Bipolar()(contacts_raw(noise, SFREQ).info, "x").matrix
    options = {"sfreq": 100.0, "lowpass_hz": 40.0, "picks": ["seeg"]}
    found, _, info = Preprocessing(reference=Bipolar(), **options)(contacts_raw(noise, SFREQ), "x")
    plain = Preprocessing(**options)(contacts_raw(noise, SFREQ), "x")[0]
    assert info["ch_names"] == ["LA1-LA2", "LA2-LA3", "LA3-LA4", "RB1-RB2", "RB2-RB3"]
    np.testing.assert_allclose(found, plain @ matrix.T, atol=1e-3)
    average = Preprocessing(reference=CommonAverage(), **options)(contacts_raw(noise, SFREQ), "x")[0]
    same = Preprocessing(average_reference=True, **options)(contacts_raw(noise, SFREQ), "x")[0]
    np.testing.assert_allclose(average, same, atol=1e-3)
    assert "reference" not in Preprocessing(**options).settings()  # what was prepared before is found
    with pytest.raises(UserError, match="Leave one out"):
        Preprocessing(reference=Bipolar(), average_reference=True, **options)


def test_bipolar_channels_lie_between_their_contacts(noise):
    raw = contacts_raw(noise, SFREQ)
    info = prepared(raw, reference=Bipolar())[2]
    where = {name: channel["loc"][:3] for name, channel in zip(raw.ch_names, raw.info["chs"], strict=True)}
    np.testing.assert_allclose(info["chs"][1]["loc"][:3], (where["LA2"] + where["LA3"]) / 2)


@pytest.mark.parametrize(
    ("name", "contact"),
    [
        ("LA1", ("LA", 1)), ("LA01", ("LA", 1)), ("LA 12", ("LA", 12)), ("LA-3", ("LA", 3)), ("A'4", ("A'", 4)), ("POL LA5", ("LA", 5)),
        ("EEG LA6-Ref", ("LA", 6)), ("LA7-G2", ("LA", 7)), ("G2", ("G", 2)), ("L2A8", ("L2A", 8)), ("Fz", ("Fz", None)),
        ("LA9_REF1", ("LA", 9)), ("17", ("", 17)),
    ],
)  # fmt: skip
def test_names_of_contacts(name, contact):
    assert contact_of(name) == contact


def test_neighbours_in_a_grid_are_near(noise):
    """G4 and G5 are in different rows of a grid of four columns."""
    names = [f"G{at}" for at in range(1, 8)]
    raw = contacts_raw(noise, SFREQ, names=names, kind="ecog")
    for at, channel in enumerate(raw.info["chs"]):
        channel["loc"][:3] = [0.01 * (at % 4), 0.01 * (at // 4), 0.05]
    found = prepared(raw, reference=Bipolar())[2]["ch_names"]
    assert found == ["G1-G2", "G2-G3", "G3-G4", "G5-G6", "G6-G7"]
    with pytest.raises(UserError, match="G1, G2.*have no places.*another row.*electrodes.tsv"):
        prepared(contacts_raw(noise, SFREQ, names=names, kind="ecog", places=False), reference=Bipolar())


def test_the_power_line_is_that_of_the_file(noise):
    time = np.arange(len(noise))[:, None] / SFREQ
    hum = noise + 500 * np.sin(2 * np.pi * 120 * time)
    found = prepared(contacts_raw(hum, SFREQ, line_hz=60.0))[0]
    np.testing.assert_allclose(found, centred(hum, line_hz=60.0), rtol=1e-4)
    told = prepared(contacts_raw(hum, SFREQ, line_hz=60.0), line_hz=50)[4]
    assert any("line_hz is 50, but the recording's power line has 60 Hz" in one for one in told)
    none = prepared(contacts_raw(noise, SFREQ, line_hz=None), line_hz=0)[0]
    np.testing.assert_allclose(none, centred(noise, line_hz=None), rtol=1e-5)
    assert any("edge 150 Hz lies on a harmonic" in one for one in prepared(noise, band_hz=(70, 150))[4])


def test_support_is_that_of_band_line_and_window():
    one = HighGamma(line_hz=50)
    assert one.support_s(1000) == pytest.approx(sum(one.supports_s(1000).values()))
    assert HighGamma(line_hz=0).support_s(1000) == pytest.approx(0.05 + 0.093, abs=0.01)
    assert HighGamma().support_s(1000) == max(HighGamma(line_hz=hz).support_s(1000) for hz in (50, 60)) > 1
    assert HighGamma(band_hz=(70, 121)).support_s(243) > 1  # 120 Hz could not be stopped: it is a line of 50 Hz


@pytest.mark.parametrize(
    ("options", "change", "told"),
    [
        ({}, {"sfreq": 256.0}, "^x: a band of 70 to 170 Hz needs a sampling rate above 340 Hz.*has 256 Hz"),
        ({}, {"line_hz": None}, "^x: neither the recording nor its JSON.*preprocessing.line_hz to 50.*or to 0"),
        ({}, {"kind": "misc"}, "no channel of type.*ecog.*it has misc"),
        ({"reference": Bipolar()}, {"names": list("ABCDEFG")}, "no two good contacts are neighbours.*LA1 and LA2"),
        (
            {"reference": Bipolar()},
            {"names": ["A1", "A01", "A2", "A3", "A4", "A5", "A6"]},
            "A1 and A01 are one contact",
        ),
        (
            {"reference": CommonAverage("electrode")},
            {"names": ["A1", "B1", "A2", "A3", "A4", "A5", "A6"]},
            "electrodes B have one good contact",
        ),
    ],
)
def test_bad_input(noise, options, change, told):
    with pytest.raises(UserError, match=told):
        prepared(contacts_raw(noise, **({"sfreq": SFREQ} | change)), **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"picks": ["meg"]}, "picks: found .'meg'., expected some of eeg, ecog, seeg, dbs"),
        ({"hop_s": 0}, "preprocessing.hop_s is 0"),
        ({"line_hz": 3}, "line_hz is 3"),
        ({"band_hz": (100, 100)}, "the lower one first"),
    ],
)
def test_bad_options(options, told):
    with pytest.raises(UserError, match=told):
        HighGamma(**options)


def test_a_flat_contact_is_refused_and_a_bad_one_with_holes_spoils_nothing(noise):
    flat = noise.copy()
    flat[:, 1] = 0
    with pytest.raises(UserError, match="1 of 7 good channels carry no signal.*LA2"):
        prepared(flat)
    holes = noise.copy()
    holes[100:200, 1] = np.nan
    found = prepared(holes, bads=["la02"], reference=CommonAverage())[0]
    others = np.delete(noise, 1, axis=1)
    wanted = centred(others - others.mean(1, keepdims=True))
    np.testing.assert_allclose(np.delete(found, 1, axis=1), wanted, rtol=1e-4)


# -- through the datamodule -------------------------------------------------------------------------------------------


def datamodule(root, preprocessing=None, **options):
    return EncodingDataModule(
        {"s": TinyContacts(root, n_subjects=1, n_stories=3, story_s=8.0, together=True, **options)},
        {"f": Ready(4)},
        Lags(0.0, 0.2),
        preprocessing=preprocessing or HighGamma(hop_s=0.02),
        split=SplitByStory(test=["story1"], val=[]),
    )


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache-high-gamma"))
        yield


def raw_rows(data):
    (fold,) = data.folds("s/01")
    (run,) = data._people["s/01"].runs
    return run.prepared.brain[fold.train], run.prepared.brain[fold.test]


def test_nothing_held_out_reaches_training_rows(tmp_path):
    """All samples of the held-out story are replaced by noise ten times as large: training rows do not know."""
    plain, other = datamodule(tmp_path / "a"), datamodule(tmp_path / "b", planted="story1")
    for one in (plain, other):
        one.setup("fit")
    (train, test), (train_other, test_other) = raw_rows(plain), raw_rows(other)
    assert len(train) == len(train_other) > 200 and np.abs(test_other / test).mean() > 5
    np.testing.assert_allclose(train_other, train, atol=0.01 * train.mean())
    first = plain.folds("s/01")[0].test[0]
    beside = [one._people["s/01"].runs[0].prepared.brain[first - 3] for one in (plain, other)]
    assert np.abs(beside[1] / beside[0] - 1).max() > 0.2  # what is purged does know: rows of 60 ms before it
    (fold,) = plain.folds("s/01")
    times = plain.rows("s/01").time_s
    apart = np.abs(times.iloc[fold.train].to_numpy()[:, None] - times.iloc[fold.test].to_numpy()).min()
    assert apart >= HighGamma().support_s(400.0) + 0.2 - 1e-9  # filters, window, and lags


def test_contacts_are_measured_with_their_places(tmp_path):
    data = datamodule(tmp_path)
    data.setup("fit")
    what = data.measured("s/01")
    assert what.own_names and what.frame == "own" and what.names.tolist() == CONTACTS
    np.testing.assert_allclose(what.contacts_mm[1], [-30, 24, 10], atol=1e-4)
    assert what.places.shape == (7, 2) and data.rate_hz == {"s/01": 50.0}


def test_the_feature_is_found_in_the_activity_that_it_drives(tmp_path):
    data = datamodule(tmp_path)
    data.setup("fit")
    (fold,) = data.folds("s/01")
    design, responses = data.design("s/01", fold, "f")[1], data.responses("s/01", fold)[1]
    lags, _ = data.delays("f", "s/01")
    own = [np.corrcoef(design[:, 4 * at], responses.mean(1))[0, 1] for at in range(len(lags))]
    assert lags[int(np.argmax(own))] == pytest.approx(0.1) and max(own) > 0.7


def test_windows_of_high_gamma(tmp_path):
    """The datamodule of windows takes it, too."""
    study = TinyContacts(tmp_path, n_subjects=1, n_stories=4, story_s=10.0)
    data = MEGDataModule(
        {"s": study},
        Ready(4),
        preprocessing=HighGamma(),
        split=SplitByStory(val=["story1"], test=["story2"]),
        window_s=1.0,
        batch_size=4,
        n_jobs=1,
    )
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.shape[1:] == (7, 85)  # 150 ms later


def test_windows_need_the_places_of_contacts(tmp_path):
    class Nowhere(TinyContacts):
        def load(self, recording):
            return super().load(recording).set_montage(None)

    study = Nowhere(tmp_path, n_subjects=1, n_stories=3, story_s=4.0)
    split = SplitByStory(val=["story1"], test=["story2"])
    data = MEGDataModule({"s": study}, Ready(4), preprocessing=HighGamma(), split=split, window_s=1.0, n_jobs=1)
    with pytest.raises(UserError, match="7 of 7 good contacts have no place.*LA1.*electrodes.tsv"):
        data.setup("fit")
        next(iter(data.train_dataloader()))


def test_a_bare_recipe_finds_the_key(tmp_path):
    with pytest.raises(UserError, match="PowerLineFrequency.*preprocessing.line_hz"):
        datamodule(tmp_path, line_hz=None).setup("fit")
    datamodule(tmp_path, HighGamma(hop_s=0.02, line_hz=0), line_hz=None).setup("fit")


def test_hilbert_is_that_of_scipy():
    values = np.random.default_rng(0).normal(size=(2, 997))
    sections = filters_of(500, (70, 170), None)
    wanted = np.abs(dsp.hilbert(dsp.sosfiltfilt(sections[0], dsp.detrend(values), axis=1), 1000))[:, :997]
    np.testing.assert_allclose(envelope(values, sections), wanted, rtol=1e-10)
