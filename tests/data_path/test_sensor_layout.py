"""Sensors are known by their names: recordings may have them in another order, written otherwise, or lack some."""

from types import SimpleNamespace

import numpy as np
import pytest
from said_study import COMMANDS, SaidStudy
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from n2s.data import AtEvents, EventDataModule, Labels, Preprocessing, SplitByRun
from n2s.data.event_reader import NoTargets
from n2s.data.sensor_layout import lay_sensors
from n2s.errors import UserError
from n2s.findings import kept

NAMES = ["Fp1", "AF7", "AF3", "F1", "F3", "F5", "F7", "FT7"]
#: What each run has: another order, a sensor fewer in the middle, other spelling, and the first run lacks one.
RUNS = {
    "1": [name for name in NAMES if name != "AF3"],
    "2": NAMES[::-1],
    "3": [name for name in NAMES if name != "F3"],
    "4": NAMES,
    "5": ["FT7", "Fp1", "AF7", "F1", "F3", "F5", "F7"],
}


class OtherOrder(SaidStudy):
    """Each run has its own sensors, in its own order."""

    def load(self, recording):
        raw = super().load(recording).pick(RUNS[recording.run])
        raw.reorder_channels(RUNS[recording.run])
        return raw.rename_channels({"AF7": "af7"}) if recording.run == "3" else raw


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return [_said(tmp_path_factory.mktemp("same"), SaidStudy), _said(tmp_path_factory.mktemp("other"), OtherOrder)]


def _said(root, kind, **options) -> EventDataModule:
    study = kind(root, n_subjects=1, conditions=("overt",))
    windows = AtEvents(Labels(list(COMMANDS)), kind="word")
    settings = {"split": SplitByRun(test=["5"], val=["4"]), "window_s": 0.4, "n_jobs": 1} | options
    data = EventDataModule({"lab": study}, windows, preprocessing=Preprocessing(sfreq=100.0, picks=["eeg"]), **settings)
    with kept():
        data.prepare()
    return data


def score(data: EventDataModule) -> float:
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    flat = {split: data.arrays(split).reshape(len(data.events(split)), -1) for split in ("train", "test")}
    return model.fit(flat["train"], data.events("train").label).score(flat["test"], data.events("test").label)


@pytest.mark.slow
def test_every_column_is_one_sensor_in_all_recordings(data):
    plain, other = data
    assert plain.ch_names == NAMES and sorted(other.ch_names) == sorted(NAMES)
    assert other.ch_names == RUNS["2"]  # the first recording with most
    order = [NAMES.index(name) for name in other.ch_names]
    for split in ("train", "val", "test"):
        expected = plain.arrays(split)[:, order]
        for recording, rows in other.events(split).groupby("recording").indices.items():
            lacking = np.isin(other.ch_names, list(set(NAMES) - set(RUNS[recording[-1]])))
            found = other.arrays(split, rows)
            for one, same in zip(
                found[:, ~lacking].swapaxes(0, 1), expected[rows][:, ~lacking].swapaxes(0, 1), strict=True
            ):
                # scales of held-out runs are medians over training runs, of which some lack the sensor
                assert np.array_equal(one, same) if split == "train" else np.corrcoef(one.flat, same.flat)[0, 1] > 0.999
            assert not found[:, lacking].any() and lacking.sum() == 8 - len(RUNS[recording[-1]])


def test_a_decoder_knows_the_pattern_in_runs_of_other_sensors(data):
    plain, other = data
    assert score(plain) > 0.95 and score(other) > 0.9


def test_batches_have_the_mask_and_the_places_of_the_right_sensors(data, tmp_path_factory):
    other = data[1]
    host = _said(tmp_path_factory.getbasetemp() / "other0", OtherOrder, residency="host")
    found = {}
    for which in (other, host):
        (batch, *_) = which.test_dataloader()[0]
        assert (batch.mask.numpy() == (np.array(which.ch_names) != "AF3")).all()
        meta = which.recordings["lab/sub-01_task-say_run-5"].meta
        place = dict(zip(meta["ch_names"], meta["positions"], strict=True))
        for name, at in zip(which.ch_names, batch.positions[0].tolist(), strict=True):
            assert name == "AF3" or at == pytest.approx(place[name])
        found[which.residency] = batch.brain.numpy()
    assert np.array_equal(found["device"], found["host"])
    positions, good, _ = other.window_reader(NoTargets()).every_sensor()  # of a holdout: the first run lacks a sensor
    assert good.all() and (positions >= 0).all()


def test_what_recordings_lack_is_told(tmp_path):
    with kept() as told:
        lay_sensors(recordings({"s/a": ["A1", "A2", "A3"], "s/b": ["A3", "A1"]}))
    assert "A2 (1)" in told[0].text


def test_a_recording_whose_sensors_are_all_bad_is_refused():
    given = recordings({"s/a": ["A1"], "s/b": ["A1"]})
    given["s/b"].meta["good"] = [False]
    with pytest.raises(UserError, match="s/b: all sensors are marked as bad"):
        lay_sensors(given)


def recordings(names: dict[str, list[str]], kind: str = "eeg") -> dict:
    return {
        key: SimpleNamespace(
            meta={"ch_names": own, "good": [True] * len(own)},
            channel_types={kind},
            recording=SimpleNamespace(subject=key.split("/")[1]),
        )
        for key, own in names.items()
    }


def laid(names: dict[str, list[str]], kind: str = "eeg", **options) -> tuple[list[str], list[list[int]]]:
    with kept():
        found = lay_sensors(recordings(names, kind), **options)
    return found.names, [own.tolist() for own in found.columns]


def test_a_name_is_the_same_however_it_is_written():
    names = {"s/a": ["MLC11-2908", "MEG 0111", "EEG Fp1-REF", ""], "s/b": ["", "fp1", "MLC11-1609", "MEG0111"]}
    assert laid(names) == (names["s/a"], [[0, 1, 2, 3], [3, 2, 0, 1]])
    assert laid({"s/a": ["LA1-LA2", "LA1"], "s/b": ["LA1.."]}) == (["LA1-LA2", "LA1"], [[0, 1], [1]])
    alike = {"s/a": ["A1", "A01", "B"], "s/b": ["B", "A01"]}  # in one recording, two sensors
    assert laid(alike) == (["A1", "A01", "B"], [[0, 1, 2], [2, 1]])


def test_other_devices_have_columns_of_their_own_unless_networks_know_places():
    names = {"s/a": ["A", "B"], "t/b": ["C", "D", "B"]}
    assert laid(names) == (["C", "D", "B", "A"], [[3, 2], [0, 1, 2]])
    assert laid(names, studies_apart=True) == (["C", "D", "B"], [[0, 1], [0, 1, 2]])


def test_contacts_in_the_brain_are_those_of_one_person():
    assert laid({"s/a": ["LA1", "LA2"], "s/b": ["LA2", "LB1"]}, "seeg")[1] == [[0, 1], [0, 1]]


def test_averages_over_runs_take_each_sensor_where_it_is_there(data, tmp_path_factory):
    averaged = _said(tmp_path_factory.getbasetemp() / "other0", OtherOrder, average=9)
    for batch in averaged.train_dataloader():
        rows, which = averaged.averages("train").windows(batch.row.numpy(), 0)
        single, runs = averaged.arrays("train", rows), averaged.events("train").recording.iloc[rows].str[-1].to_numpy()
        place = dict(zip(NAMES, data[0].recordings["lab/sub-01_task-say_run-4"].meta["positions"], strict=True))
        for column, name in enumerate(averaged.ch_names):
            has = np.array([name in RUNS[run] for run in runs])
            for group in range(len(batch)):
                mine = has & (which == group)
                assert bool(batch.mask[group, column]) == mine.any()
                expected = single[mine, column].mean(0) if mine.any() else np.zeros(40)
                np.testing.assert_allclose(batch.brain[group, column], expected, atol=1e-5)
                near = np.abs(batch.positions[group, column].numpy() - place[name]).max()
                assert near < 0.15 if mine.any() else (batch.positions[group, column] < 0).all()
