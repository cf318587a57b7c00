"""Two simulated talkers: who is attended, what sources answer to, and who can tell."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies import SimulatedMEG, SimulatedTalkers
from n2s.studies.simulated import stationary
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.observer import candidate_courses, log_likelihood_ratios, sample

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def study(root):
    return SimulatedTalkers(n_subjects=2, max_story_s=12.0, sfreq=125.0, noise_level=0.3, root=root)


@pytest.mark.slow
def test_each_pair_is_heard_once_and_each_story_attended_by_one_of_two(study):
    attended = {}
    for one in study.recordings():
        table = study.events(one)
        stories = table[table.kind == "story"].set_index("attended")
        assert sorted(stories.index) == ["no", "yes"] and stories.story["yes"] == one.task
        assert study.split[stories.story["yes"]] == study.split[stories.story["no"]]
        assert stories.onset["yes"] == stories.onset["no"]
        words = table[table.kind == "word"]
        assert words.groupby("attended").stimulus.unique().map(len).eq(1).all()
        attended.setdefault(one.subject, set()).add(one.task)
    assert len(attended["01"]) == len(attended["02"]) == 4 and not attended["01"] & attended["02"]
    assert sorted(study.split.values()).count("test") == 2


@pytest.mark.slow
def test_sources_answer_to_both_and_less_to_the_other(root, study):
    """Recordings with the same noise: what is between them is the response to the other talker."""
    recording = study.recordings()[0]
    alone = SimulatedTalkers(
        n_subjects=2, max_story_s=12.0, sfreq=125.0, noise_level=0.3, unattended_gain=0.0, root=root
    )
    more = SimulatedTalkers(
        n_subjects=2, max_story_s=12.0, sfreq=125.0, noise_level=0.3, unattended_gain=0.8, root=root
    )
    good = np.flatnonzero(~np.isin(study.load(recording).ch_names, study.load(recording).info["bads"]))
    data = [one.load(recording)[good][0] for one in (alone, study, more)]
    part = data[1] - data[0]
    assert np.abs(part).max() > 0
    np.testing.assert_allclose(data[2] - data[0], 2 * part, atol=1e-3 * np.abs(part).max())


def test_the_ideal_observer_finds_who_was_attended_and_cannot_without_attention(root, study):
    recording = study.recordings()[0]
    starts_s = study.events(recording).onset.min() + np.array([0.3, 1.2, 2.1])
    assert (study.ideal_attention(recording, starts_s, duration_s=2.0) > 0).all()
    equal = SimulatedTalkers(
        n_subjects=2, max_story_s=12.0, sfreq=125.0, noise_level=0.3, unattended_gain=1.0, root=root
    )
    np.testing.assert_allclose(equal.ideal_attention(recording, starts_s, duration_s=2.0), 0, atol=1e-6)
    assert study.ideal_scores(recording, starts_s, [], offset_s=0.0, duration_s=2.0) is None


def test_the_ideal_observer_is_the_exact_likelihood_up_to_the_ends(root, study):
    """Window by window, with the courses that `observer.candidate_courses` predicts."""
    recording = study.recordings()[1]
    raw, person, lead = study.load(recording), study._listener(1), study._lead(recording)
    good = np.flatnonzero(~np.isin(raw.ch_names, raw.info["bads"]))
    last_s = raw.times[-1]
    starts_s = np.array([-0.4, 0.2, lead / 125 - 0.3, 4.0, last_s - 2.0, last_s - 0.8])
    found = study.ideal_attention(recording, starts_s, duration_s=1.2)
    names = list(study._streams(recording))
    assert names[0] == f"{recording.task}.{recording.run}"
    drives = {name: person.drive(study._features(name)) for name in names}
    for start_s, ratio in zip(starts_s, found, strict=True):
        first, stop = max(sample(start_s, 125.0), 0), min(sample(start_s, 125.0) + 150, raw.n_times)
        window = {"sfreq": 125.0, "offset_s": (first - lead) / 125, "duration_s": (stop - first) / 125}
        courses = candidate_courses(person, drives, [(name, 0.0) for name in names], **window, whole_audio=True)
        both = [courses[0] + 0.4 * courses[1], courses[1] + 0.4 * courses[0]]
        noise = {
            "spatial": person.noise[np.ix_(good, good)] * 0.3**2,
            "temporal": autocovariance(stop - first, 125.0),
        }
        data = raw[good, first:stop][0][None]
        (one, other), *_ = log_likelihood_ratios(data, np.stack(both), patterns=person.patterns[good], **noise)
        assert ratio == pytest.approx(one - other, rel=1e-6, abs=1e-6)
    with pytest.raises(UserError, match="lies outside the recording"):
        study.ideal_attention(recording, [last_s + 0.1], duration_s=1.0)


def test_longer_windows_tell_more_and_are_seen_whole(root, monkeypatch):
    """A window longer than what is solved directly; of noise as loud as this, short windows tell little."""
    loud = SimulatedTalkers(n_subjects=1, max_story_s=24.0, sfreq=125.0, noise_level=6.0, root=root)
    recording = loud.recordings()[0]
    short, long = (
        loud.ideal_attention(recording, 1.5 + np.arange(0, 18 // duration_s) * duration_s, duration_s=duration_s)
        for duration_s in (1.0, 18.0)
    )
    assert len(long) == 1 and np.abs(short).mean() < long[0]
    monkeypatch.setattr(stationary, "DIRECT", 10**6)
    assert loud.ideal_attention(recording, [1.5], duration_s=18.0) == pytest.approx(long, rel=1e-6)


def test_what_is_refused_and_what_stays_as_it_was(root):
    with pytest.raises(UserError, match="unattended_gain is 1.5; expected a number from 0 to 1"):
        SimulatedTalkers(unattended_gain=1.5)
    events = SimulatedMEG(n_subjects=1, stories=["orchestra"], max_story_s=12.0, sfreq=125.0, root=root)
    assert set(events.events(events.recordings()[0]).attended) == {""}
