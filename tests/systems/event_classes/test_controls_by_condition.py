"""Controls see what decoders see of the events: those of their own condition and person. Priors, the event before, and what is said of leads."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax

from n2s.data import Labels
from n2s.data.event_windows import AtEvents, Counts
from n2s.metrics.score import Score
from n2s.systems.event_classes import controls, words
from n2s.systems.event_classes.controls import DURATION, PREVIOUS, control_likelihoods, matched
from n2s.systems.event_classes.ideal import ideal_said
from n2s.systems.event_classes.linear_task import fit_file
from n2s.systems.event_classes.loss import class_weights, prior_power
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.tested import _trained

NAMES = ["up", "down", "stop"]


def table_of(n, seed, conditions=("listen", "overt"), people=("lab/1", "lab/2")):
    """Events whose duration tells the class, in each condition and person in another way."""
    rng, parts = np.random.default_rng(seed), []
    for i, condition in enumerate(conditions):
        for j, subject in enumerate(people):
            label = rng.permutation(np.arange(n) % 3)
            one = pd.DataFrame({"label": label, "duration": 0.2 + 0.1 * ((label + i + 2 * j) % 3)})
            parts.append(
                one.assign(condition=condition, subject=subject, recording=f"{subject}_1", previous="", pause_s=2.0)
            )
    return pd.concat(parts, ignore_index=True)


class Made:
    """What controls and priors ask of a datamodule."""

    class_names, balance = NAMES, "windows"

    def __init__(self, train, test):
        self.tables = {"train": train, "test": test}

    def events(self, split):
        return self.tables[split]

    def averages(self, split):
        return SimpleNamespace(label=self.tables[split].label.to_numpy())


@pytest.fixture(autouse=True)
def no_sound(monkeypatch):
    monkeypatch.setattr(controls, "heard_windows", lambda data: "no sound.")


def share(data, **options):
    names, found, _ = control_likelihoods(data, **options)
    return (found[names.index(DURATION)].argmax(1) == data.events("test").label).mean()


def test_durations_of_each_condition_and_person_tell_what_all_together_hide():
    data = Made(table_of(90, 0), table_of(60, 1))
    assert share(data, by_person=True) == 1
    alone = [table[table.subject == "lab/1"].reset_index(drop=True) for table in data.tables.values()]
    assert share(Made(*alone)) == 1 and share(data) < 0.8  # a network of everybody
    pooled = [table.assign(condition="any") for table in alone]
    assert share(Made(*pooled)) < 0.8  # as all conditions together would be


def test_where_a_condition_has_too_few_events_more_are_taken():
    train, test = table_of(90, 0), table_of(6, 1)
    few = train[(train.condition == "listen") | (np.arange(len(train)) % 9 == 0)].reset_index(drop=True)
    for learned, asked in matched(few, test, by_person=True):
        own = test.iloc[asked]
        assert len(own) == 6
        expected = (
            few[(few.condition == "listen") & (few.subject == own.subject.iloc[0])]
            if (own.condition == "listen").all()
            else few
        )
        assert np.array_equal(learned, expected.index)
    assert sorted(np.concatenate([asked for _, asked in matched(few, test, by_person=True)])) == list(range(24))


def test_the_event_before_is_seen_after_a_long_pause():
    """Trials every 3 s, each the class after that of the one before."""
    text = np.array(NAMES)[np.arange(60) % 3]
    events = pd.DataFrame({"onset": 3.0 * np.arange(60), "duration": 0.4, "text": text, "kind": "word", "condition": "listen", "attended": "", "story": "",
                           "sequence": "", "speaker": ""})  # fmt: skip
    rows = AtEvents(Labels(NAMES), kind="word").rows(events, "train", events, None, Counts())
    assert rows.previous.tolist() == ["", *text[:-1]] and (rows.pause_s == 2.0).all()
    table = rows.assign(subject="lab/1", recording="lab/1_1")
    names, found, _ = control_likelihoods(Made(table, table))
    assert (found[names.index(PREVIOUS)].argmax(1) == table.label)[1:].all()


def test_priors_are_those_that_training_has():
    """Of an epoch, in which classes are drawn and weighed; of a condition's own decoder, its own."""
    counts = np.array([60, 30, 10])
    for weights in ("none", "inverse", "inverse_sqrt"):
        for balance, drawn in (("windows", counts), ("class", np.ones(3))):
            weighed = drawn * class_weights(counts, weights)  # how much each class counts in the loss of an epoch
            prior = np.exp(log_softmax(prior_power(weights, balance) * np.log(counts)))
            assert prior == pytest.approx(weighed / weighed.sum())
    train = pd.DataFrame({"label": np.repeat(np.arange(3), counts), "condition": "listen", "subject": "lab/1"})
    train = pd.concat([train, train.assign(condition="overt", label=2 - train.label)], ignore_index=True)
    data, asked = Made(train, train), train.iloc[[150, 0, 3]]
    trained, model = _trained(data, asked, ["condition"])
    assert trained[model].tolist() == [[10, 30, 60], [60, 30, 10], [60, 30, 10]]
    assert _trained(data, asked, [])[0].tolist() == [[70, 60, 70]]


def test_the_commonest_class_is_that_of_each_decoder():
    """Two conditions, of which each has another commonest class: a guess that knows the condition is right more often."""
    label, condition = np.repeat([0, 1, 1, 2, 0, 0], 10), np.repeat(["listen", "overt"], 30)
    events = pd.DataFrame({"label": label, "condition": condition, "start_s": 2.0 * np.arange(60), "subject": "lab/1", "recording": "lab/1_1", "unit": "1"})  # fmt: skip
    trained, model = np.array([[10, 20, 0], [20, 0, 10]]), np.repeat([0, 1], 30)
    made = {
        "events": events,
        "logits": np.zeros((60, 3), np.float32),
        "names": NAMES,
        "n_permutations": 20,
        "by_condition": True,
    }
    apart = EventResult(**made, trained=trained, model=model)
    assert apart.scores().get("accuracy", "commonest").mean == pytest.approx(2 / 3)
    assert EventResult(**made, trained=trained.sum(0)).scores().get("accuracy", "commonest").mean == pytest.approx(
        1 / 2
    )
    pooled = EventResult.pooled([apart, apart])
    assert pooled.trained.shape == (4, 3) and pooled.scores().get("accuracy", "commonest").mean == pytest.approx(2 / 3)
    assert pooled.model.tolist() == [*model, *(2 + model)]


def test_a_lead_without_an_interval_is_no_tie():
    for score, expected in (
        (Score(0.3), [False, False]),
        (Score(-0.1), [False, True]),
        (Score(0.1, -0.1, 0.3), [False, True]),
        (Score(-0.3, -0.4, -0.2), [True, False]),
        (Score(0.3, 0.2, 0.4), [False, False]),
        (Score(None), [False, False]),
    ):
        assert [words._better(score), words._as_well(score)] == expected


def test_people_whose_names_differ_in_signs_have_files_of_their_own(tmp_path):
    names = ["lab/a b", "lab/a_b", "lab_a/b", "lab/a:b"]
    assert len({fit_file(tmp_path, one) for one in names}) == 4
    assert all(fit_file(tmp_path, one).parent == tmp_path for one in names)


def test_the_best_possible_knows_all_classes_that_a_decoder_does(tmp_path):
    """Also those that its recording lacks; and none that the person's decoders cannot say."""
    asked = []

    class Ideal:
        name = "lab"

        def ideal_classes(self, recording, onsets_s, *, classes, **window):
            asked.append(set(classes.values()))
            return np.log(np.tile([0.2, 0.3, 0.5], (len(onsets_s), 1))), ("stop", "up", "down")

    events = pd.DataFrame({"recording": "lab/1_1", "condition": "listen", "text": "up", "onset": [1.0, 2.0]})
    data = Made(events.assign(text=["down", "stop"]), events)
    data.event_windows, data.offset_s, data.shape = (
        AtEvents(Labels(NAMES), kind="word"),
        0.0,
        SimpleNamespace(window_s=0.4),
    )
    data.studies, data.recordings = {"lab": Ideal()}, {"lab/1_1": SimpleNamespace(recording=None)}
    decoded = np.array([[True, True, True], [True, False, True]])
    assert ideal_said(data, events, decoded).tolist() == [1, 0] and asked == [set(NAMES)]
