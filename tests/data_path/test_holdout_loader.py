"""Windows of a holdout as a network sees them: as those of the recordings, in order, each once."""

import shutil

import numpy as np
import pytest
import torch
from libribrain_holdouts import serialised, write_phones, write_speech, write_words
from trees.libribrain import write_tree

from n2s.data import Arpabet, AtEvents, EventDataModule, Frames, Labels, Preprocessing
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import LibriBrain, LibriBrainPhoneHoldout, LibriBrainSpeechHoldout, LibriBrainWordHoldout
from n2s.studies.public.libribrain_words import WORDS

PHONES = [f"{name.lower()}_B" for name in Arpabet().names]
AS_PUBLISHED = {"sfreq": 250.0, "picks": ["meg"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("libribrain")
    words = [WORDS[at : at + 10] for at in range(0, 50, 10)]
    return write_tree(root, duration_s=50.0, sound_s=48.0, sentences=words, phones=PHONES, pause_s=2.0)


def events_of(root, windows, holdout, **options) -> EventDataModule:
    preprocessing = Preprocessing(**(options.pop("preprocessing", AS_PUBLISHED)))
    study = LibriBrain(str(root), subjects=options.pop("subjects", ["0"]))
    data = EventDataModule(
        {"libribrain": study},
        windows,
        preprocessing=preprocessing,
        least_windows=1,
        n_jobs=1,
        holdout=holdout,
        **options,
    )
    with kept():
        data.setup("fit")
    return data


def test_the_holdout_is_no_recording_of_the_study(root, tmp_path):
    shutil.copytree(root, tmp_path / "both")
    write_speech(tmp_path / "both")
    with kept() as told:
        found = LibriBrain(str(tmp_path / "both")).recordings()
    assert len(found) == 4 and "data.holdout" in told[0].text


@pytest.mark.slow
def test_frames_of_a_holdout_are_the_windows_of_a_recording_in_another_scale(root, tmp_path):
    """The test recording as a holdout: each of its windows is that of the test, up to a scale and a shift of each sensor."""
    own = root / "Sherlock1" / "derivatives" / "serialised"
    path = serialised(tmp_path, 1, "h5")
    path.parent.mkdir(parents=True)
    shutil.copy(next(own.glob("sub-0_ses-12*")), path)
    holdout = LibriBrainSpeechHoldout(str(tmp_path), n_rows=12400)
    data = events_of(root, Frames(step_s=0.2), holdout, window_s=0.5, clamp=float("inf"))
    reader = data.holdout_reader()
    assert len(reader) == 12400 - 125 + 1
    table, found = data.events("test"), data.arrays("test")
    for row in (0, 40, 90):
        first = round(table.start_s[row] * 250)
        (batch,) = [one for one in reader.loader(256) if first in one.row]
        mine = batch.brain[batch.row.tolist().index(first)].numpy()
        for channel in range(12):
            assert np.corrcoef(mine[channel], found[row, channel])[0, 1] > 1 - 1e-5
        assert 0.6 < mine.std() * 1.349 < 1.4  # a normal distribution in interquartile ranges


def test_each_row_is_in_one_batch_whatever_the_number_of_processes(root, tmp_path):
    write_words(tmp_path, n_words=300)
    with kept():
        holdout = LibriBrainWordHoldout(str(tmp_path))
    data = events_of(root, AtEvents(Labels(list(WORDS)), kind="word"), holdout, window_s=1.0)
    reader = data.holdout_reader()
    alone = list(reader.loader(100))
    assert torch.cat([one.row for one in alone]).tolist() == list(range(305))
    assert all(one.group.unique().numel() == 1 for one in alone) and all(one.subject.eq(0).all() for one in alone)
    shared = [list(reader.loader(100, rank=rank, world_size=2)) for rank in (0, 1)]
    assert len(shared[0]) == len(shared[1])
    rows = torch.cat([one.row for of_rank in shared for one in of_rank])
    brain = torch.cat([one.brain for of_rank in shared for one in of_rank])
    assert torch.equal(brain[rows.argsort()], torch.cat([one.brain for one in alone]))
    assert torch.equal(next(iter(data.predict_dataloader())).brain[:5], alone[0].brain[:5])
    assert alone[0].positions.shape == (5, 12, 2) and alone[0].mask.all()


def test_averages_of_phones_are_taken_as_z_scores(root, tmp_path):
    samples = write_phones(tmp_path, n_rows=30)
    holdout = LibriBrainPhoneHoldout(str(tmp_path), n_rows=30)
    data = events_of(root, AtEvents(Arpabet()), holdout, window_s=0.4, offset_s=0.1, average=2)
    (batch,) = data.predict_dataloader()
    assert np.allclose(batch.brain.numpy(), samples[:, :, 25:125] / 1.349, atol=1e-6)
    assert batch.split == "holdout" and data.n_classes == 39


def test_a_person_without_training_has_no_number(root, tmp_path):
    for subject in range(1, 40):
        write_words(tmp_path, subject)
    with kept():
        holdout = LibriBrainWordHoldout(str(tmp_path), track="broad")
    windows = AtEvents(Labels(list(WORDS)), kind="word")
    data = events_of(root, windows, holdout, window_s=1.0, subjects=["0", "1"], scaler="recording")
    assert {int(one) for batch in data.predict_dataloader() for one in batch.subject} == {-1}


@pytest.mark.slow
def test_a_holdout_that_does_not_go_with_the_data_is_refused(root, tmp_path):
    write_words(tmp_path)
    write_speech(tmp_path)
    with kept():
        words = LibriBrainWordHoldout(str(tmp_path))
    speech = LibriBrainSpeechHoldout(str(tmp_path), n_rows=None)
    at_words, other = (AtEvents(Labels(names), kind="word") for names in (list(WORDS), [*WORDS[1:], WORDS[0]]))
    study = LibriBrain(str(root), subjects=["0"])
    for windows, holdout, options, told in (
        (other, words, {}, "in its order"),
        (at_words, speech, {}, r"2 classes in the order silence, speech; data.windows has 50"),
        (at_words, words, {"sfreq": 125.0}, "at 250 Hz and the data at 125"),
        (at_words, words, {"lowpass_hz": 40.0}, "preprocessing filters .*lowpass_hz 40"),
    ):
        with pytest.raises(UserError, match=told):  # before anything is prepared
            preprocessing = Preprocessing(**(AS_PUBLISHED | options))
            EventDataModule({"libribrain": study}, windows, preprocessing=preprocessing, window_s=1.0, holdout=holdout)
    data = events_of(root, Frames(), speech, preprocessing=AS_PUBLISHED | {"picks": ["mag"]})
    with pytest.raises(UserError, match="12 sensors .* and the data 4"):
        data.predict_dataloader()
    data = events_of(root, at_words, words, window_s=1.2)
    with pytest.raises(UserError, match="0 to 1 s after the moment"):
        data.predict_dataloader()
