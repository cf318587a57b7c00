"""MEG-MASC in miniature, with its traps."""

import numpy as np
import pandas as pd
import pytest
from trees.gwilliams2022 import PHONES, SOUND_ONSET, WORDS, write_events, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.stimuli import collect_stimuli
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Gwilliams2022
from n2s.studies.readers.sentences import sentence_id


@pytest.fixture(scope="module")
def root(real_data, tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("masc"), real_data)


@pytest.fixture(scope="module")
def table(root):
    study = Gwilliams2022(str(root))
    return study.events(study.recordings()[0])


def rewritten(root, **options):
    """The first recording's events anew, and how to read them."""
    study = Gwilliams2022(str(root))
    recording = study.recordings()[0]
    path = next(root.rglob("sub-01_ses-0_task-0_events.tsv"))
    write_events(path, **options)
    return study, recording, path


def test_a_missing_session_is_simply_not_there(root):
    names = [recording.name for recording in Gwilliams2022(str(root)).recordings()]
    assert names == [
        *(f"sub-01_ses-0_task-{task}" for task in range(3)),
        "sub-01_ses-1_task-0",
        "sub-02_ses-0_task-0",
    ]
    assert [r.subject for r in Gwilliams2022(str(root), subjects=[2]).recordings()] == ["02"]


def test_words(table):
    words = table[table.kind == "word"]
    assert words.text.tolist() == [word for word, *_ in WORDS]
    assert np.allclose(words.onset, [SOUND_ONSET + onset for _, onset, *_ in WORDS])
    assert np.allclose(words.stimulus_onset, [onset for _, onset, *_ in WORDS])
    assert set(table.language) == {"en"} and set(table.story) == {"lw1"} and set(table.condition) == {"listen"}


def test_words_of_three_clocks_are_one(root):
    """Each session's rows lie some milliseconds apart, in the sound as in the recording."""
    study = Gwilliams2022(str(root))
    kept = {path: path.read_text() for path in root.rglob("*task-0_events.tsv")}
    try:
        for number, (path, text) in enumerate(kept.items()):
            rng, lines = np.random.default_rng(number), text.splitlines()
            for i, line in enumerate(lines[1:], 1):
                onset, rest = line.split("\t", 1)
                lines[i] = f"{float(onset) + rng.uniform(-0.004, 0.004):.3f}\t{rest}"
            path.write_text("\n".join(lines) + "\n")
        events = {one.name: study.events(one) for one in study.recordings()}
    finally:
        for path, text in kept.items():
            path.write_text(text)
    assert len(kept) == 3
    told = pd.concat([table[(table.kind == "word") & (table.stimulus == "lw1_0")] for table in events.values()])
    assert told.stimulus_onset.round(3).nunique() > len(WORDS)
    assert collect_stimuli(study, events)["lw1_0"].words.text.tolist() == [word for word, *_ in WORDS]


def test_phones_without_their_position_in_the_word(table):
    phones = table[table.kind == "phone"]
    assert phones.text.tolist() == [one.split("_")[0] for word in ("tara", "stood") for one in PHONES[word]]


def test_sentences_are_runs_of_one_sequence_id_known_by_their_words(table):
    sentences = table[table.kind == "sentence"]
    assert sentences.text.tolist() == ["tara stood", "Still", "chair"]
    assert sentences.sequence.tolist() == [sentence_id(text) for text in sentences.text]
    phones = table[(table.kind == "phone") & (table.onset > SOUND_ONSET)]
    assert set(phones.sequence) == {sentence_id("tara stood")}


def test_the_sound_is_named_in_other_case_and_with_another_number(root, table):
    (sound,) = table[table.kind == "sound"].itertuples()
    assert sound.stimulus == "lw1_0" and sound.duration == pytest.approx(1.2)
    assert Gwilliams2022(str(root)).audio(sound.stimulus).name == "lw1_0.wav"


def test_a_sound_that_is_not_there(root):
    study, recording, path = rewritten(root, sound="stimuli/audio/lw9_0.0.wav")
    with pytest.raises(UserError, match=r"lw9_0.wav'.*no wav"):
        study.events(recording)
    write_events(path)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("__import__('os').remove('precious')", "expected a Python dict"),
        ("{'kind': 'word'", "expected a Python dict"),
        ("{'kind': 'word', 'pronounced': 1.0}", "a word that does not say which"),
    ],
)
def test_dict_literals_are_read_and_never_run(root, cell, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").touch()
    study, recording, path = rewritten(root)
    path.write_text(path.read_text() + f"1.3\t0.1\t{cell}\t1\t1300\n")
    with pytest.raises(UserError, match=f"line 15: .*{said}"):
        study.events(recording)
    assert (tmp_path / "precious").exists()
    write_events(path)


@pytest.mark.slow
def test_one_batch(root):
    data = MEGDataModule(
        {"masc": Gwilliams2022(str(root))},
        Mel(n_mels=8),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.0, lowpass_hz=None, picks=["mag"]),
        split=SplitByStory(test=["easy_money"], val=["cable_spool_fort"]),
        window_s=0.2, offset_s=0.0, baseline_s=0.0, train_windows=Grid(0.1), test_windows=Grid(0.1), batch_size=4, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.shape[0] == batch.target.shape[0] and batch.brain.isfinite().all() and data.n_subjects == 2


def test_card():
    assert Gwilliams2022.expected == {"subjects": 27, "recordings": 196} and Gwilliams2022.card.language == "en"
