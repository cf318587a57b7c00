"""Simulated sEEG: its contacts have the shares that it says, its voltage the amplitude that it says, and its words are told apart."""

import numpy as np
import pytest

from n2s.data import high_gamma
from n2s.errors import UserError
from n2s.studies import SimulatedSEEG
from n2s.studies.simulated.seeg_brain import DRIVERS, SHARES, activity, code, contacts, courses, noise

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 2, "n_words": 12, "n_repeats": 2, "n_contacts": 20}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return SimulatedSEEG(**SMALL, measure="high_gamma", root=tmp_path_factory.mktemp("seeg"))


def test_words_are_said_in_shuffled_order_and_never_twice_alike(study):
    one, other = study.recordings()
    events = study.events(one)
    words = events[events.kind == "word"]
    assert len(words) == 24 and words.text.nunique() == 12
    assert set(words.text[:12]) == set(words.text[12:]) and list(words.text[:12]) != list(words.text[12:])
    lengths = words.groupby("text").duration.agg(["min", "max"])
    assert (lengths["max"] > lengths["min"]).all()  # another rate
    trials = events[events.kind == "sentence"]
    np.testing.assert_allclose(np.diff(trials.onset), 2.0)
    assert (events[events.kind == "sound"].duration == 24 * 2.0 + 4.0).all()
    middle = (words.onset + words.duration / 2).to_numpy()
    inside = (trials.onset.to_numpy() < middle) & (middle < trials.onset.to_numpy() + 2.0)
    assert inside.all() and (events.condition == "overt").all()
    assert list(study.events(other)[lambda table: table.kind == "word"].text) != list(words.text)


def test_lists_of_words_stay_together(tmp_path):
    study = SimulatedSEEG(n_subjects=1, n_words=12, n_repeats=2, n_together=4, n_contacts=2, root=tmp_path)
    (one,) = study.recordings()
    events = study.events(one)
    said = list(events[events.kind == "word"].text)
    lists = [frozenset(said[at : at + 4]) for at in range(0, 24, 4)]
    assert set(lists[:3]) == set(lists[3:]) == {frozenset(study.words[at : at + 4]) for at in (0, 4, 8)}
    assert said[:12] != said[12:] and said[:12] != list(study.words)


def test_scaled_columns_of_embeddings_still_tell_the_meanings():
    """As features are z-scored column by column: four directions have most of what contacts answer to."""
    values = np.array([code("words", f"word {i}") for i in range(400)])
    scaled = (values - values.mean(0)) / values.std(0)
    power = np.linalg.svd(scaled, compute_uv=False) ** 2
    assert power[:4].sum() / power.sum() > 0.6
    who = contacts(1, 10, task="overt", share=1.0, own=0.05, seed=0)
    mixed = values @ who.mixtures["words"]
    basis = np.linalg.svd(scaled, full_matrices=False)[0][:, :4]
    mixed -= mixed.mean(0)
    assert (np.square(basis.T @ mixed).sum(0) / np.square(mixed).sum(0)).min() > 0.9


def test_courses_are_orthonormal_and_shares_add_up(study):
    who, values = study.contacts("01"), study._drivers("overt-01-1")
    seen, fine = courses(values, who)
    gram = np.einsum("alv,blv->vab", seen, seen) / seen.shape[1]
    np.testing.assert_allclose(gram, np.eye(4)[None].repeat(20, 0), atol=1e-8)
    # windows of 50 ms, linear between frames
    at = np.arange(5, 900, 100)
    fifty = np.stack(
        [np.interp(i + np.linspace(0, 5, 5001), np.arange(fine.shape[1]), fine[0, :, 0]).mean() for i in at]
    )
    np.testing.assert_allclose(seen[0, at, 0], fifty, atol=1e-4)
    n = 200_000
    one = noise(n, 2, np.random.default_rng(0))[0]
    np.testing.assert_allclose(one.std(0), 1, atol=0.02)
    shares = np.array([[0.3, 0.2, 0.1, 0.1]] * 2)
    parts = np.random.default_rng(1).standard_normal((4, n, 2))
    mixed = activity(shares, (parts, parts), (one, one))[0]
    found = [np.corrcoef(mixed[:, 0], part[:, 0])[0, 1] ** 2 for part in parts]
    np.testing.assert_allclose(found, shares[0], atol=0.01)


def test_expected_r_follows_from_the_shares(study):
    who = study.contacts("01")
    for kind in ("auditory", "phonetic", "silent"):
        one = who.kinds.index(kind)
        envelope, phones, words = SHARES[kind]
        assert study.expected_r("01", ["envelope"])[one] == pytest.approx(envelope**0.5, abs=1e-6)
        assert study.expected_r("01", ["envelope", "phones"])[one] == pytest.approx(
            (envelope + phones) ** 0.5, abs=1e-6
        )
        assert study.expected_r("01")[one] == pytest.approx((envelope + phones + words) ** 0.5, abs=1e-6)
    assert (study.expected_r("01", list(DRIVERS)) >= study.expected_r("01") - 1e-9).all()


@pytest.mark.slow
def test_the_truth_reaches_the_expected_r(tmp_path):
    """Over many contacts, the noise-free signal is correlated with the recording as it should be."""
    study = SimulatedSEEG(**SMALL | {"n_contacts": 200, "own_share": 0.2}, measure="high_gamma", root=tmp_path)
    recording = study.recordings()[0]
    data, who = study.load(recording).get_data().T, study.contacts("01")
    seen, _ = courses(study._drivers(study.stimulus(recording)), who)
    for names in (["envelope", "phones", "words"], list(DRIVERS)):
        signal = (np.sqrt(who.shares).T[:, None, :] * seen)[: len(names)].sum(0)
        driven = np.flatnonzero(who.shares.sum(1) > 0)
        r = np.array([np.corrcoef(signal[:, one], data[:, one])[0, 1] for one in driven])
        assert np.mean(r - study.expected_r("01", names)[driven]) == pytest.approx(0, abs=0.01)


def test_high_gamma_of_the_voltage_is_the_amplitude(study):
    voltage = SimulatedSEEG(**SMALL | {"sfreq": 512.0}, root=study.root)
    recording = study.recordings()[0]
    raw = voltage.load(recording)
    assert raw.info["line_freq"] == 50 and raw.get_channel_types() == ["seeg"] * 20
    found = high_gamma(raw.get_data().T, 512.0, line_hz=50.0)
    known = study.load(recording).get_data().T
    n = min(len(found), len(known)) - 100
    r = [np.corrcoef(found[100:n, one], known[100:n, one])[0, 1] for one in range(20)]
    assert min(r) > 0.998
    np.testing.assert_allclose(found[100:n].mean(0), known[100:n].mean(0), rtol=0.01)


def test_contacts_lie_in_shafts_in_mni_space(study):
    info = study.load(study.recordings()[0]).info
    places = 1e3 * np.array([channel["loc"][:3] for channel in info["chs"]])
    np.testing.assert_allclose(np.linalg.norm(np.diff(places[:10], axis=0), axis=1), 3.5, atol=1e-3)
    assert (places[:10, 0] < 0).all() and (places[10:, 0] > 0).all()  # left, then right
    assert info["ch_names"][0] == "LA1" and info["ch_names"][10] == "RA1"
    assert (np.abs(places) < 100).all()


def test_the_same_numbers_each_time_and_others_with_other_options(study):
    recording = study.recordings()[1]
    data = study.load(recording).get_data()
    np.testing.assert_array_equal(study.load(recording).get_data(), data)
    quiet = SimulatedSEEG(**SMALL, measure="high_gamma", share=0.0, root=study.root)
    assert not quiet.expected_r("02").any() and quiet.settings() != study.settings()
    assert quiet.audio("overt-01-1") == study.audio("overt-01-1")  # what was said does not depend on the contacts


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_words": 51}, "n_words is 51"),
        ({"n_repeats": 0}, "n_repeats"),
        ({"own_share": 0.7}, "own_share"),
        ({"task": "sing"}, "overt or listen"),
        ({"measure": "power"}, "voltage or high_gamma"),
        ({"sfreq": 200.0}, "sfreq is 200"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(UserError, match=said):
        SimulatedSEEG(**options)


def test_names_that_are_unknown(study):
    with pytest.raises(UserError, match="no driver 'pitch'"):
        study.expected_r("01", ["pitch"])
    with pytest.raises(UserError, match="no subject '03'"):
        study.expected_r("03")
