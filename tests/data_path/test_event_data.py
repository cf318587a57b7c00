"""Windows at events: where they lie, which class they have, and what is refused or told."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from said_study import COMMANDS, SaidStudy
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from tiny import TinyStudy

from n2s.data import AtEvents, EventDataModule, Frames, Labels, Preprocessing, SplitByRun, SplitBySentence, SplitByStory
from n2s.data.event_bands import BandWindows
from n2s.data.event_tables import in_no_territory
from n2s.errors import UserError
from n2s.findings import kept

EEG = {"sfreq": 100.0, "picks": ["eeg"]}


@pytest.fixture
def tmp_path(tmp_path_factory):
    """One folder for all tests of this file: what is prepared once serves all; settings of the study are in its keys."""
    return tmp_path_factory.getbasetemp() / "said"


def said(root, *, windows=None, preprocessing=None, **options) -> EventDataModule:
    study = SaidStudy(root, **options.pop("study", {}))
    windows = windows or AtEvents(Labels(list(COMMANDS)), kind="word")
    settings = {"split": SplitByRun(test=["5"], val=["4"]), "window_s": 0.4, "n_jobs": 1} | options
    data = EventDataModule({"lab": study}, windows, preprocessing=Preprocessing(**(preprocessing or EEG)), **settings)
    data.prepare()
    return data


def accuracy(data: EventDataModule) -> float:
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    flat = {split: data.arrays(split).reshape(len(data.events(split)), -1) for split in ("train", "test")}
    return model.fit(flat["train"], data.events("train").label).score(flat["test"], data.events("test").label)


@pytest.mark.slow
def test_windows_are_the_samples_after_each_event(tmp_path):
    data = said(tmp_path, offset_s=-0.1)
    table, found = data.events("train"), data.arrays("train")
    assert found.shape == (len(table), 8, 40) == (2 * 3 * 36, 8, data.n_times)
    assert data.shapes() == {"n_subjects": 2, "n_classes": 3, "n_times": 40, "sfreq": 100.0}
    for row in (0, 100, 215):
        one = table.iloc[row]
        assert one.start_s == pytest.approx(one.onset - 0.1)
        item, scaler = data.recordings[one.recording], data.scalers[one.recording]
        first = round(one.start_s * 100)
        expected = (item.brain[first : first + 40] - scaler.centre) / scaler.scale
        assert np.allclose(found[row].T, expected, atol=2e-3 * np.abs(expected).max())
        truth = data.studies["lab"]._trials(item.recording)
        assert (one.onset, one["name"], one.condition) in [(t, w, c) for t, w, c in truth]


@pytest.mark.slow
def test_batches_have_the_same_windows_and_classes_on_both_residencies(tmp_path):
    found = {}
    for residency in ("device", "host"):
        data = said(tmp_path, residency=residency, batch_size=50)
        batches = list(data.train_dataloader())
        rows = torch.cat([one.row for one in batches])
        windows = data.averages("train").windows(rows.numpy(), 0)[0]
        assert sorted(windows) == list(range(len(data.events("train"))))
        assert (
            torch.cat([one.target for one in batches]).numpy() == data.events("train").label.to_numpy()[windows]
        ).all()
        brain = torch.cat([one.brain for one in batches])
        assert np.array_equal(brain.numpy(), data.arrays("train", windows))
        found[residency] = brain
    assert torch.equal(found["device"], found["host"])


def test_runs_are_held_out_whole_and_the_pattern_is_found_in_them(tmp_path):
    data = said(tmp_path, study={"gain": 1.0})
    runs = {split: set(data.events(split).recording.str[-1]) for split in ("train", "val", "test")}
    assert runs == {"train": {"1", "2", "3"}, "val": {"4"}, "test": {"5"}}
    assert set(data.events("test").unit) == {"task-say_run-5"}
    assert accuracy(data) > 0.9


@pytest.mark.slow
def test_noise_alone_is_at_chance(tmp_path):
    hits = [accuracy(said(tmp_path, study={"gain": 0.0, "seed": seed})) for seed in range(3)]
    assert 0.21 < np.mean(hits) < 0.46  # 216 windows, chance 1/3: 4 standard errors are .13


@pytest.mark.slow
def test_a_pattern_of_the_test_run_alone_is_not_learned(tmp_path):
    """What is planted in the held-out run cannot be known: a leak of it into training would be found at once."""
    data = said(tmp_path, study={"gain": 0.0, "last_run_gain": 3.0})
    assert accuracy(data) < 0.5
    with_it = said(tmp_path, study={"gain": 0.0, "last_run_gain": 3.0}, split=SplitByRun(test=["4"], val_fraction=0.0))
    assert len(with_it.events("val")) == 0
    flat = with_it.arrays("train").reshape(len(with_it.events("train")), -1)
    own = with_it.events("train").recording.str.endswith("5").to_numpy()
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
        flat[own], with_it.events("train").label[own]
    )
    assert model.score(flat[own], with_it.events("train").label[own]) > 0.9  # it is there to be learned


@pytest.mark.slow
def test_scales_come_from_training_runs(tmp_path):
    one, other = (said(tmp_path, study={"last_run_gain": gain}) for gain in (1.0, 30.0))
    for key in one.scalers:
        if not key.endswith("5"):
            assert np.array_equal(one.scalers[key].scale, other.scalers[key].scale)
    assert np.array_equal(one.arrays("train"), other.arrays("train"))
    tested = [key for key in one.scalers if key.endswith("5")]
    assert all(np.array_equal(one.scalers[key].scale, other.scalers[key].scale) for key in tested)


@pytest.mark.slow
def test_conditions_and_where_the_window_counts_from(tmp_path):
    windows = AtEvents(Labels(list(COMMANDS)), kind="word", conditions=["overt"], at="end")
    data = said(tmp_path, windows=windows, offset_s=-0.4)
    assert set(data.events("train").condition) == {"overt"}
    assert np.allclose(data.events("train").start_s, data.events("train").onset)  # they last 0.4 s
    middle = said(tmp_path, windows=AtEvents(Labels(list(COMMANDS)), kind="word", at="middle"))
    assert np.allclose(middle.events("train").start_s, middle.events("train").onset + 0.2)


def test_averages_are_means_of_one_class_and_person(tmp_path):
    data = said(tmp_path, average=5, test_averages=[3], batch_size=16)
    batch = next(iter(data.train_dataloader()))
    averages = data.averages("train")
    windows, which = averages.windows(batch.row.numpy(), 0)
    singles = data.arrays("train", windows)
    for group in range(len(batch)):
        assert np.allclose(batch.brain[group], singles[which == group].mean(0), atol=1e-5)
        assert (
            data.events("train").iloc[windows[which == group]][["subject", "condition"]].drop_duplicates().shape[0] == 1
        )
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    assert not torch.equal(next(iter(loader)).brain, batch.brain)
    single, mean = data.test_dataloader()
    assert sum(len(one) for one in single) == len(data.events("test"))
    sizes = data.events("test").groupby(["recording", "condition", "label"]).size()
    assert sum(len(one) for one in mean) == sum(-(-n // 3) for n in sizes) >= 2 * 2 * 3
    fixed = [torch.cat([one.brain for one in data.val_dataloader()]) for _ in range(2)]
    assert torch.equal(*fixed)


@pytest.mark.slow
def test_what_is_left_out_is_told(tmp_path):
    with kept() as findings:
        said(tmp_path, study={"bad": (10.0, 5.0)}, offset_s=-1.3)
    texts = " | ".join(f"{one.where}: {one.text}" for one in findings)
    assert "windows reach over an end of the recording" in texts
    assert "touch a span that is annotated as bad: lab/sub-01_task-say_run-1" in texts
    with kept() as findings:
        said(tmp_path, windows=AtEvents(Labels(["up", "down"]), kind="word"))
    assert any("120 of 360 words have no class: stop (120)" in one.text for one in findings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": AtEvents(Labels(["up", "left"]), kind="word")}, r"left \(0\).*data.windows.classes"),
        ({"least_windows": 100}, r"3 of 3 classes have fewer than 100 training windows.*up \(72\)"),
        ({"windows": AtEvents(Labels(list(COMMANDS)), kind="phone")}, "no event of kind 'phone'"),
        ({"windows": AtEvents(Labels(list(COMMANDS)), kind="word", conditions=["silent"])}, "no event of kind 'word' and condition silent"),
        ({"split": SplitByRun(test=["9"])}, "names the run '9', which no recording is"),
        ({"windows": AtEvents(Labels(["x", "y"]), kind="word")}, r"360 of 360 words have no class"),
        ({"window_s": 200.0}, "the train split has no window"),
        ({"split": SplitByRun(test=["1", "2", "3", "4", "5"], val_fraction=0)}, "the train split has no window"),
    ],
)  # fmt: skip
def test_bad_input_is_named(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        said(tmp_path, **options)


def test_stories_and_sentences_are_held_out_as_everywhere(tmp_path):
    study = TinyStudy(tmp_path / "tiny6", n_stories=6, together=True)
    windows = AtEvents(Labels({"even": [f"w{i}{j}" for i in range(6) for j in (0, 2, 4)], "odd": [f"w{i}{j}" for i in range(6) for j in (1, 3)]}), kind="word")  # fmt: skip
    data = EventDataModule(
        {"tiny": study}, windows, preprocessing=Preprocessing(**EEG), split=SplitByStory(test=["story1"], val=["story2"]), window_s=0.5,
    )  # fmt: skip
    data.prepare()
    assert set(data.events("test").story) == {"story1"}
    assert set(data.events("train").unit) == {f"tiny/story{i}" for i in (0, 3, 4, 5)}
    sentences = EventDataModule(
        {"tiny": study}, windows, preprocessing=Preprocessing(**EEG), split=SplitBySentence(seed=3), window_s=0.5
    )
    sentences.prepare()
    held, trained = set(sentences.events("test").sequence), set(sentences.events("train").sequence)
    assert held and not held & trained


@pytest.mark.slow
def test_frames_say_whether_there_is_speech_in_their_middle(tmp_path):
    study = TinyStudy(tmp_path / "tiny4", n_stories=4)
    data = EventDataModule(
        {"tiny": study}, Frames(step_s=0.1, test_step_s=0.01), preprocessing=Preprocessing(**EEG), window_s=0.3,
        split=SplitByStory(test=["story1"], val=["story2"]),
    )  # fmt: skip
    data.prepare()
    assert (data.n_classes, data.class_names) == (1, ["silence", "speech"])
    table = data.events("test")
    assert np.allclose(np.diff(table[table.recording == table.recording[0]].start_s), 0.01)
    middle = table.start_s + 0.15
    into = (middle - 1.0) % 1.0  # words of 0.4 s, one a second from 1.0 s on
    near = np.minimum(np.abs(into - 0.4), np.minimum(into, 1 - into)) < 1e-6
    assert (table.label.to_numpy() == (into < 0.4))[~near].all()
    assert table.label.mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.slow
def test_sensors_that_are_bad_are_zero(tmp_path):
    data = said(tmp_path, preprocessing=EEG | {"bads": ["Fp1"]})
    index = data.ch_names.index("Fp1")
    found = data.arrays("test")
    assert (found[:, index] == 0).all()
    assert (found[:, [i for i in range(8) if i != index]].std((0, 2)) > 0).all()


def test_a_class_is_drawn_as_often_as_another(tmp_path):
    windows = AtEvents(Labels({"up": ["up"], "other": ["down", "stop"]}), kind="word")
    data = said(tmp_path, windows=windows, balance="class")
    counts = np.bincount(torch.cat([one.target for one in data.train_dataloader()]).numpy())
    assert counts[0] == counts[1]


def test_a_person_is_drawn_as_often_as_another(tmp_path):
    study = SaidStudy(tmp_path)
    own = study.recordings
    study.recordings = lambda: [one for one in own() if one.subject == "01" or one.run in ("1", "5")]  # a third as many
    study.settings = lambda: {"fewer": True}
    data = EventDataModule(
        {"lab": study}, AtEvents(Labels(list(COMMANDS)), kind="word"), preprocessing=Preprocessing(**EEG), balance="subject",
        split=SplitByRun(test=["5"], val_fraction=0), window_s=0.4,
    )  # fmt: skip
    data.prepare()
    assert data.events("train").subject.value_counts().tolist() == [144, 36]
    counts = np.bincount(torch.cat([one.subject for one in data.train_dataloader()]).numpy())
    assert counts[0] == counts[1]


def test_what_runs_repeat_is_told(tmp_path):
    with warnings.catch_warnings(), kept() as findings:
        study = TinyStudy(tmp_path / "tiny2", n_stories=2, together=True)
        windows = AtEvents(Labels({"a": [f"w{i}0" for i in range(6)], "b": [f"w{i}1" for i in range(6)]}), kind="word")
        data = EventDataModule(
            {"tiny": study}, windows, preprocessing=Preprocessing(**EEG), split=SplitByRun(val_fraction=0, test=["task-all"]), window_s=0.5,
        )  # fmt: skip
        with pytest.raises(UserError, match="train split has no window"):
            data.prepare()
    assert not any("sentences or stories" in one.text for one in findings)  # one run only: nothing is in both


def test_a_recording_without_such_an_event_is_in_no_split(tmp_path):
    class WithGestures(SaidStudy):
        def events(self, recording):
            found = super().events(recording)
            return found.assign(kind="sound") if recording.run == "2" else found

    study = WithGestures(tmp_path)
    with kept() as findings:
        data = EventDataModule(
            {"lab": study}, AtEvents(Labels(list(COMMANDS)), kind="word"), preprocessing=Preprocessing(**EEG), split=SplitByRun(test=["5"]),
            window_s=0.4,
        )  # fmt: skip
        data.prepare()
    assert not any(key.endswith("run-2") for key in data.recordings)
    assert any("2 of 10 recordings have no event for a window" in one.text for one in findings)


class Doubled(TinyStudy):
    """Each word is listed twice, and once more with another length."""

    def events(self, recording):
        found = super().events(recording)
        words = found[found.kind == "word"]
        return pd.concat([found, words, words.assign(duration=words.duration + 0.05)], ignore_index=True)


def test_every_event_has_a_window_or_is_counted(tmp_path):
    """Borders between stories open gaps, one story is held out elsewhere, and words are listed twice."""
    study = Doubled(tmp_path / "doubled", n_subjects=1, n_stories=5, together=True)
    windows = AtEvents(Labels({"a": [f"w{i}{j}" for i in range(6) for j in (0, 2, 4)], "b": [f"w{i}{j}" for i in range(6) for j in (1, 3)]}), kind="word")  # fmt: skip
    data = EventDataModule(
        {"tiny": study}, windows, preprocessing=Preprocessing(**EEG, highpass_hz=1.0), split=SplitByStory(test=["story1"], val=["story2"]),
        window_s=0.5,
    )  # fmt: skip
    with kept() as told:
        data.prepare()
    n_words = sum((study.events(one).kind == "word").sum() for one in study.recordings())
    told = {
        one.text.partition(" ")[2].split(":")[0]: int(one.text.split()[0]) for one in told if one.kind == "left out"
    }
    border = "windows reach over a border between splits, or lie in the gap that filters need there"
    assert told["words are listed twice"] == n_words // 3 and told[border] > 8
    assert sum(len(table) for table in data.tables.values()) + sum(told.values()) == n_words
    bands = BandWindows(data, {"slow": (1.0, 8.0)})  # events of one moment and text, of two lengths, are two windows
    assert len(bands.table("train")) > 0.5 * len(data.events("train"))


def test_content_that_is_held_out_elsewhere_is_counted():
    territory = pd.DataFrame({"onset": [0.0, 30.0], "duration": [9.0, 10.0]})
    pieces = pd.DataFrame(
        {"onset": [0.0, 10.0, 20.0], "duration": [10.0, 10.0, 20.0], "split": ["train", "excluded", "test"]}
    )
    rows = pd.DataFrame({"at_s": [1.0, 9.5, 15.0, 19.0, 25.0, 35.0]})
    assert in_no_territory(rows, territory, pieces) == {"excluded": 2, "border": 2}
