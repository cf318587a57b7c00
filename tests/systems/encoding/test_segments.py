"""Segments of held-out stimuli, matched between people through the datamodule, and what a page says of them."""

import numpy as np
import pandas as pd
from tiny import TinyStudy

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.features.ready import Ready
from n2s.studies.study import Recording
from n2s.systems.encoding.ceilings import from_subjects, shared_by
from n2s.systems.encoding.results.segment_table import segment_notes, segment_table
from n2s.systems.encoding.segments import matched_segments, segments


class AlikeStudy(TinyStudy):
    """Sensors of all subjects see the same, in noise of their own."""

    def load(self, recording):
        raw = super().load(Recording("01", task=recording.task, modality="eeg"))
        noise = np.random.default_rng([7, int(recording.subject), *map(ord, recording.task)])
        raw._data += 2e-6 * noise.standard_normal(raw._data.shape)
        return raw


def matched(root, study):
    data = EncodingDataModule(
        {"s": study(root, n_subjects=3, n_stories=3, story_s=40.0)}, {"f": Ready(4)}, Lags(0.0, 0.3),
        preprocessing=Preprocessing(sfreq=20.0, highpass_hz=None, picks=["eeg"]), n_folds=3,
    )  # fmt: skip
    data.setup("fit")
    rows, true = {}, {}
    for subject in data.subjects:
        rows[subject] = np.concatenate([fold.test for fold in data.folds(subject)])
        true[subject] = np.concatenate([data.responses(subject, fold)[1] for fold in data.folds(subject)])
    shared = shared_by(data, data.subjects, rows, true)
    return data, shared, matched_segments(shared, data.subjects, 20.0)


def test_people_who_are_alike_are_matched(tmp_path):
    data, shared, found = matched(tmp_path, AlikeStudy)
    assert found["n"] == 3 * 2 and found["chance"] == 1 / 6 and len(shared.moments) == 3 * 40 * 20
    assert all(one["accuracy"] == 1 and one["p"] == 1 / 6 and one["low"] > 0.4 for one in found["subjects"].values())
    assert min(values.min() for values in from_subjects(shared, data.subjects).values()) > 0.3
    ((title, (headings, lines)),) = segment_table({"segments": found}).items()
    assert title == "Segments of 18 s matched to the other subjects" and len(lines) == 3
    assert lines[0][:2] == ["s/01", "100.0"] and lines[0][-1] == "16.7" and len(headings) == len(lines[0])
    assert "in any other of 6 segments" in segment_notes({"segments": found})[0]
    assert matched_segments(shared, data.subjects, 60.0) is None  # 18 s are more rows than a story has
    assert segment_table({}) == {} and segment_notes({}) == []


def test_people_whose_sensors_see_other_things_are_not(tmp_path):
    _, _, found = matched(tmp_path, TinyStudy)
    assert np.mean([one["accuracy"] for one in found["subjects"].values()]) < 0.8
    assert all(one["p"] >= 1 / 6 for one in found["subjects"].values())


def test_segments_lie_in_one_stimulus_without_a_gap():
    table = pd.DataFrame(
        {"stimulus": ["a"] * 7 + ["b"] * 7, "stimulus_s": [0, 2, 4, 6, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12]}
    )
    np.testing.assert_array_equal(segments(table, 3, 0.5), [[0, 1, 2], [4, 5, 6], [7, 8, 9], [10, 11, 12]])
    assert segments(table, 8, 0.5).shape == (0, 8)
