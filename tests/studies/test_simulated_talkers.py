"""Two simulated talkers: who is attended, what sources answer to, and who can tell."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies import SimulatedMEG, SimulatedTalkers

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def study(root):
    return SimulatedTalkers(n_subjects=2, max_story_s=12.0, sfreq=125.0, noise_level=0.3, root=root)


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


def test_what_is_refused_and_what_stays_as_it_was(root):
    with pytest.raises(UserError, match="unattended_gain is 1.5; expected 0 to 1"):
        SimulatedTalkers(unattended_gain=1.5)
    events = SimulatedMEG(n_subjects=1, stories=["orchestra"], max_story_s=12.0, sfreq=125.0, root=root)
    assert set(events.events(events.recordings()[0]).attended) == {""}
