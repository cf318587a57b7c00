"""The simulated production study: trials, code and channels are what it says."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies import Recording, SimulatedProduction
from n2s.studies.simulated.noise import spectrum
from n2s.studies.simulated.production_brain import N_EACH, PLACES
from n2s.studies.simulated.production_channels import NAMES, TYPES
from n2s.studies.simulated.production_phones import code, features, letters, muscles, opening
from n2s.studies.simulated.production_run import GAP_S

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 2, "n_runs": 2, "n_trials": 10, "n_sensors": 24, "sfreq": 100.0, "case": "clean"}
STILL = {"blinks": 0, "heart": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def study(folder):
    return SimulatedProduction(**SMALL, root=folder)


@pytest.mark.slow
def test_each_run_has_all_conditions_and_texts_in_an_order_of_its_own(study):
    orders = []
    for recording in study.recordings():
        if not recording.run:
            continue
        events = study.events(recording)
        words = events[events.kind == "word"]
        assert (words.groupby(["condition", "text"]).size() == 2).all() and words.condition.nunique() == 4
        orders.append(list(words.condition + words.text))
        assert np.min(words.onset.to_numpy()[1:] - (words.onset + words.duration).to_numpy()[:-1]) > GAP_S - 0.01
        heard = events.condition.isin(["listen", "overt"])
        assert (events.stimulus[heard] == study.stimulus(recording)).all() and (events.stimulus[~heard] == "").all()
        assert (events[heard].stimulus_onset == events[heard].onset).all()
        phones = events[events.kind == "phone"]
        ends = phones.onset + phones.duration
        for word in words.itertuples():  # phones fill their word
            own = (phones.onset > word.onset - 1e-6) & (ends < word.onset + word.duration + 1e-6)
            assert phones[own].duration.sum() == pytest.approx(word.duration, abs=0.02)
    assert len({tuple(one) for one in orders}) == 4
    assert [one.task for one in study.recordings()].count("gestures") == 2


def test_speakers_have_paces_of_their_own(study):
    mean = [study.events(Recording(one, task="speech", run="1")).query("kind == 'word'").groupby("condition").duration.mean() for one in ("01", "02")]  # fmt: skip
    assert mean[0]["listen"] == pytest.approx(mean[1]["listen"], rel=0.1)  # one voice for all
    assert abs(mean[0]["overt"] / mean[1]["overt"] - 1) > 0.08


def test_imagined_speech_begins_at_another_time_than_its_events_say(study):
    trials = study.trials(study.recordings()[0])
    gap = trials.true_onset - trials.onset
    imagined = trials.condition == "imagined"
    assert (gap[~imagined] == 0).all() and gap[imagined].abs().max() <= 0.15 and gap[imagined].std() > 0.04
    still = SimulatedProduction(**SMALL | {"onset_jitter_s": 0.0}, root=study.root).trials(study.recordings()[0])
    assert (still.onset == still.true_onset).all()


@pytest.mark.slow
def test_the_same_numbers_each_time_and_others_with_other_options(study):
    recording = study.recordings()[1]
    raw = study.load(recording)
    again = SimulatedProduction(**SMALL, root=study.root)
    np.testing.assert_array_equal(again.load(recording).get_data(), raw.get_data())
    assert again.settings() == study.settings() and study.sources(recording)[1] == study.audio("01-2")
    for other in (
        {"shared": 0.2},
        {"strength": {"overt": 2.0}},
        {"seed": 1},
        {"onset_jitter_s": 0.1},
        {"texts": ["yes", "no"]},
    ):
        assert SimulatedProduction(**SMALL | other, root=study.root).settings() != study.settings()
    few = SimulatedProduction(**SMALL | {"n_subjects": 1, "n_runs": 1}, root=study.root)
    assert not np.array_equal(few.load(few.recordings()[0]).get_data(), raw.get_data())


def test_channels_have_their_names_types_and_rate(study):
    raw = study.load(study.recordings()[0])
    assert raw.ch_names[24:] == NAMES and raw.get_channel_types()[24:] == TYPES
    assert set(raw.get_channel_types()[:24]) == {"grad", "mag"} and raw.info["sfreq"] == 100
    gestures = study.load(study.recordings()[2])
    assert gestures.ch_names == raw.ch_names and gestures.times[-1] > 50
    events = study.events(study.recordings()[2])
    assert set(events.condition) == {"rest"} and events.text.nunique() == 6 and len(events) == 24


def test_noise_alone_has_its_spectrum_and_covariance(folder):
    quiet = SimulatedProduction(**SMALL | {"signal_gain": 0.0, "artifacts": STILL, "noise_level": 2.0}, root=folder)
    data = quiet.load(quiet.recordings()[0]).get_data()[:24]
    white = np.linalg.solve(2 * np.linalg.cholesky(quiet._person("01").noise), data)
    power = np.abs(np.fft.rfft(white)) ** 2 / data.shape[1] / (spectrum(np.fft.rfftfreq(data.shape[1], 0.01)) * 50)
    bands = np.array_split(power[:, 10:-10], 8, axis=1)
    np.testing.assert_allclose([band.mean() for band in bands], 1, atol=0.05)
    alike = np.corrcoef(white) - np.eye(24)
    assert np.abs(alike).max() < 0.25


def test_brains_answer_after_what_is_heard_and_before_what_is_said(folder):
    loud = SimulatedProduction(**SMALL | {"noise_level": 1e-3, "artifacts": STILL, "shared": 0.0, "n_sensors": 60, "onset_jitter_s": 0.0}, root=folder)  # fmt: skip
    recording = loud.recordings()[0]
    activity = np.linalg.lstsq(loud._person("01").patterns, loud.load(recording).get_data()[:60], rcond=None)[0]
    at = {name: slice(i * N_EACH, (i + 1) * N_EACH) for i, name in enumerate(PLACES)}
    power = {}
    for condition in loud.conditions:
        onsets = loud.trials(recording).query("condition == @condition").true_onset
        epochs = np.stack([activity[:, round(one * 100) - 50 : round(one * 100) + 80] for one in onsets])
        power[condition] = {name: (epochs[:, own] ** 2).mean((0, 1)) for name, own in at.items()}
        total = {name: one.sum() for name, one in power[condition].items()}
        silent = ("spoken", "shared") if condition == "listen" else ("heard", "shared")
        assert max(total[one] for one in silent) < 1e-2 * max(total.values())
    begins = lambda course: (np.cumsum(course) > 0.02 * course.sum()).argmax() / 100 - 0.5  # noqa: E731
    assert 0.02 < begins(power["listen"]["heard"]) < 0.12
    for condition in ("overt", "silent", "imagined"):
        assert -0.25 < begins(power[condition]["spoken"]) < -0.08
    overt, imagined = power["overt"]["spoken"].sum(), power["imagined"]["spoken"].sum()
    assert imagined / overt == pytest.approx(0.6**2, rel=0.25)  # other renditions


def test_one_code_of_known_share(folder):
    """What heard and said phones have in common is the same activity, of the share that was asked for."""
    times_s = np.arange(-70, 110) / 100
    for shared in (0.0, 0.3, 1.0):
        one = SimulatedProduction(**SMALL | {"shared": shared}, root=folder)
        energy = np.zeros(3)
        for text in ("up", "down", "left", "right", "stop"):
            heard = one._said("01", "listen", text, 0).brain
            energy += [np.square(heard[at : at + 4]).sum() for at in (0, 4, 8)]
            same = one._utterance("01", "listen", text, 0)
            assert heard.shape[1] == round((same.duration_s + 0.7) * 100) + 70
        assert energy[1] == 0 and (energy[0] == 0) == (shared == 1) and (energy[2] == 0) == (shared == 0)
    from n2s.studies.simulated.production_brain import brain_courses

    phones = [("k", 0.0), ("æ", 0.1), ("t", 0.3)]
    heard, said = (brain_courses(phones, times_s, heard=one, shared=0.3, seed=0) for one in (True, False))
    np.testing.assert_array_equal(heard[8:], said[8:])
    whole = brain_courses(phones, times_s, heard=True, shared=1.0, seed=0)
    np.testing.assert_allclose(heard[8:], np.sqrt(0.3) * whole[8:])
    none = brain_courses(phones, times_s, heard=True, shared=0.0, seed=0)
    np.testing.assert_allclose(heard[:4], np.sqrt(0.7) * none[:4])


@pytest.mark.slow
def test_sentences_are_other_ones_in_each_run_and_the_same_for_all(folder):
    study = SimulatedProduction(
        **SMALL | {"material": "sentences", "n_trials": 4, "conditions": ["overt", "imagined"]}, root=folder
    )
    said = {}
    for recording in study.recordings():
        if recording.run:
            events = study.events(recording)
            sentences = events[events.kind == "sentence"]
            said[recording.subject, recording.run] = set(sentences.text)
            assert len(sentences) == 8 and sentences.groupby("text").condition.nunique().eq(2).all()
            assert set(sentences.story) == {f"texts-{recording.run}"}
            words = events[events.kind == "word"].groupby("sequence").text.apply(lambda one: " ".join(one))
            assert all(
                sentence in joined for sentence, joined in zip(sorted(set(sentences.text)), sorted(words), strict=True)
            )
    assert said["01", "1"] == said["02", "1"] and not said["01", "1"] & said["01", "2"]


def test_phones_are_articulated_as_the_chart_says():
    assert letters("ˈoʊ") == "oʊ" and letters("t͡ʃʰ") == "tʃ" and letters("ˈɑː") == "ɑ" and letters("g") == "ɡ"
    assert features("p") == ("labial", "plosive", "voiceless") and set(features("ˈuː")) == {"rounded", "back", "close"}
    assert (
        muscles("m")[0] == 1 > muscles("k")[0]
        and muscles("t")[2] == 1
        and opening("ˈɑː") == 1 > opening("iː") > opening("s")
    )
    one, two = (np.array([code(p, "heard", 2000, 0) for p in pair]) for pair in (("p", "b"), ("p", "iː")))
    assert np.corrcoef(one)[0, 1] > 0.3 and abs(np.corrcoef(two)[0, 1]) < 0.1
    np.testing.assert_array_equal(code("ˈʌ", "spoken", 8, 0), code("ʌ", "spoken", 8, 0))
    assert abs(np.corrcoef(code("p", "heard", 2000, 0), code("p", "spoken", 2000, 0))[0, 1]) < 0.1
    assert one.std() == pytest.approx(1, abs=0.05) and not features("?")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_runs": 0}, "n_runs is 0"),
        ({"shared": 1.2}, "shared is 1.2"),
        ({"sfreq": 60.0}, "must divide 16000"),
        ({"case": "jaws"}, "case is 'jaws'.*Nearest: jaw"),
        ({"material": "songs"}, "expected commands, syllables, sentences"),
        ({"conditions": ["overt", "covert"]}, "conditions is 'covert'"),
        ({"conditions": []}, "expected some of listen"),
        ({"conditions": ["overt", "overt"]}, "each once"),
        ({"strength": {"heard": 1.0}}, "strength: a name is 'heard'"),
        ({"artifacts": {"muscles": 1.0}}, "Nearest: muscle"),
        ({"artifacts": {"jaw": -1.0}}, "artifacts.jaw is -1"),
        ({"case": "muscle"}, "muscles work from 20 to 300 Hz. Set sfreq to 500"),
        ({"texts": ["yes", "Yes!"]}, "some that differ"),
        ({"texts": ["..."]}, "each with a word"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(UserError, match=said):
        SimulatedProduction(**SMALL | options)


def test_names_that_are_unknown(study):
    with pytest.raises(UserError, match="no stimulus '03-1'"):
        study.audio("03-1")
    with pytest.raises(UserError, match="no recording sub-03"):
        study.load(Recording("03", task="speech", run="1"))
    with pytest.raises(UserError, match="no subject '03'"):
        study.ideal("03", "overt")
    with pytest.raises(UserError, match="condition is 'rest'"):
        study.ideal("01", "rest")
