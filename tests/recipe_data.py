"""The studies in miniature as the recipes look for them: in the folders below ``N2S_DATA``, with their true names of stories.

Larger than the trees of the readers' tests: several stories or tens of sentences, so that every split has windows of 3 s.
Sounds are noise; a word lasts 0.4 s, every half a second, and a pause ends a sentence.
"""

from collections.abc import Callable
from pathlib import Path

import libribrain_holdouts
import numpy as np
import pandas as pd
from builders import bids_from_raw, helmet_raw, write_audio
from trees import (
    accou2024,
    armeni2022,
    bel2026,
    brennan2019,
    broderick2019,
    libribrain,
    sato2026,
    schoffelen2019,
    smn4lang,
    verwoert2022,
    wang2024,
    zada2025,
)
from trees.gwilliams2022 import write_said
from trees_fmri import generic, lebel2023, nakai2022, park2025

from n2s.studies.public.libribrain_holdout import PHONES
from n2s.studies.public.libribrain_words import WORDS

WORD_S, PAUSE_S = 0.5, 0.7
Word = tuple[str, float, int]  # text, onset in the sound (s), number of the sentence


def spoken(n_sentences: int, n_words: int = 6, *, name: str = "w") -> list[Word]:
    """Sentences of different words, from half a second on."""
    sentence_s = n_words * WORD_S + PAUSE_S
    return [
        (f"{name}{i}x{k}", round(0.5 + i * sentence_s + k * WORD_S, 3), i)
        for i in range(n_sentences)
        for k in range(n_words)
    ]


def length_s(words: list[Word]) -> float:
    """Of the sound that holds the words."""
    return words[-1][1] + 1.5


def write_gwilliams2022(root: Path) -> None:
    """Two people, four stories of 45 s: FIF in place of KIT, which MNE cannot write."""
    for number, story in enumerate(("LW1", "Cable_Spool_Fort", "easy_money", "The_Black_Willow")):
        words = spoken(12, name=f"b{number}")  # names of which the splits draw some
        for subject in ("01", "02"):
            raw = helmet_raw(12, sfreq=250.0, duration_s=length_s(words) + 1, seed=number)
            path = bids_from_raw(raw, root, subject=subject, session="0", task=str(number))
            rows = [(text, onset, 0.4, sentence, "sentence") for text, onset, sentence in words]
            write_said(path.copy().update(suffix="events", extension=".tsv").fpath, rows, story=story,
                       sound=f"stimuli/audio/{story}_0.0.wav", sound_s=length_s(words))  # fmt: skip
        write_audio(root / "stimuli" / "audio" / f"{story.lower()}_0.wav", length_s(words), rate_hz=16000, seed=number)


def write_schoffelen2019(root: Path) -> None:
    """Two people, 36 sentences and word lists of 5 s; no alignments, as published."""
    schoffelen2019.write_tree(root, files=tuple(range(1, 37)), sound_s=5.0)


def write_brennan2019(root: Path) -> None:
    """Two people, twelve audio files of two sentences of 9 s."""
    brennan2019.write_tree(root, n_segments=12, n_words=24, per_sentence=12)


def write_broderick2019(root: Path) -> None:
    """Two people, five of the twenty runs, of 20 s: two are test and one validation by their names."""
    for run in (1, 2, 3, 4, 20):
        words = spoken(6, name=f"a{run}")
        told = tuple((text, onset) for text, onset, _ in words)
        broderick2019.write_tree(root, runs=(run,), words=told, sound_s=length_s(words))


def write_accou2024(root: Path) -> None:
    """Two people, ten stories of 12 s."""
    accou2024.write_tree(root, {f"audiobook_{number}_1": 12.0 for number in range(1, 11)})


def write_verwoert2022(root: Path) -> None:
    """Two people who read 60 words aloud."""
    verwoert2022.write_tree(root, tuple(f"{word}{i}" for i in range(10) for word in verwoert2022.WORDS))


def write_sato2026(root: Path) -> None:
    """Two people who read 40 sentences aloud, twice."""
    runs = [
        (subject, f"2024010{day}", "speechopen", "01", ("overt",), -1.5) for subject in ("01", "02") for day in (1, 2)
    ]
    sato2026.write_tree(root, runs=runs, n=40)


def write_zada2025(root: Path) -> None:
    """Two listeners of a podcast of 68 s."""
    zada2025.write_tree(root, words=[(i, f"word{i}", 0.5 + 0.6 * i, 0.8 + 0.6 * i) for i in range(110)], sound_s=68.0)


def write_armeni2022(root: Path) -> None:
    """One person, ten sessions with four sounds of 5 s each: FIF in place of CTF, which MNE cannot write."""
    for session in range(1, 11):
        raw = helmet_raw(8, sfreq=120.0, duration_s=26.0, seed=session)
        path = bids_from_raw(raw, root, subject="001", session=f"{session:03d}", task="compr")
        events = []
        for number in (1, 2, 3, 4):
            start_s = 1.0 + 6.0 * (number - 1)
            words = [(onset, text) for text, onset, _ in spoken(1, name=f"n{session}p{number}q")]
            events.append((start_s, 0.0, f"wav_onset_{number:02d}", '""'))
            events += [(start_s + onset, 0.4, f"word_onset_{number:02d}", f'"{text}"') for onset, text in words]
            write_audio(root / "stimuli" / f"{session}_{number}.wav", 5.0, rate_hz=16000, seed=10 * session + number)
        armeni2022.write_events(path.copy().update(suffix="events", extension=".tsv").fpath, events)


def write_bel2026(root: Path) -> None:
    """One person, nine runs of 32 s."""
    chapters = ("ch1-3", "ch4-6", "ch7-9", "ch10-12", "ch13-14", "ch15-19", "ch20-22", "ch23-25", "ch26-27")
    runs = tuple(("01", f"{run:02d}") for run in range(1, 10))
    bel2026.write_tree(root, runs=runs, chapters=chapters)


def write_smn4lang(root: Path) -> None:
    """One person, six of the sixty stories, of 14 s: by their names one is test and two are validation."""
    smn4lang.write_tree(root, subjects=("01",), runs=("1", "2", "3", "4", "14", "19"))


def write_libribrain(root: Path) -> None:
    """Three chapters of subject 0, one of which subject 1 heard, too; the audio beside the folder."""
    libribrain.write_tree(root)
    (root / "audio").rename(root.parent / "libribrain_audio")


def write_libribrain_events(root: Path) -> None:
    """All phones and the words of the competition, in the chapters of all books that recipes name; the holdouts beside the folder."""
    words = [WORDS[at : at + 10] for at in range(0, 50, 10)]
    books = [f"Sherlock{number}" for number in range(2, 8)]
    length = {
        "duration_s": 50.0,
        "sound_s": 48.0,
        "pause_s": 2.0,
        "more_tasks": books,
        "chapters": libribrain.CHAPTERS[:3],
    }
    libribrain.write_tree(root, sentences=words, phones=[f"{name.lower()}_B" for name in PHONES], **length)
    beside = root.parent / f"{root.name}_holdout"
    libribrain_holdouts.write_speech(beside, duration_s=3.0)
    libribrain_holdouts.write_phones(beside)
    libribrain_holdouts.write_words(beside)


def write_lebel2023(root: Path) -> None:
    """Three people, five stories; the auditory cortex beside the folder."""
    lebel2023.write_tree(root, rate_hz=16000)
    for subject, n_voxels in lebel2023.N_VOXELS.items():
        folder = root.parent / f"{root.name}_rois" / subject
        folder.mkdir(parents=True)
        np.save(folder / "AC.npy", np.arange(n_voxels) < n_voxels - 1)


def write_nakai2022(root: Path) -> None:
    """Two people; GTZAN and the preprocessed runs beside the folder."""
    nakai2022.write_tree(root, rate_hz=16000)
    (root / "volumes").rename(root.parent / f"{root.name}_preprocessed")
    (root.parent / "gtzan").mkdir()
    (root / "genres").rename(root.parent / "gtzan" / "genres")


def write_park2025(root: Path) -> None:
    """Two people, 4 sounds for training and 2 for testing; the sounds beside the folder."""
    park2025.write_tree(root, rate_hz=16000)
    write_audio(root / "audio" / f"{park2025.TRAIN[3]}.wav", 8.0, rate_hz=16000, seed=10)
    (root / "audio").rename(root.parent / "vggsound")


def write_own(root: Path) -> None:
    """Two people with fMRIPrep's images, confounds, and a mask each."""
    generic.write_tree(root, ".nii.gz", rate_hz=16000)
    for subject in ("01", "02"):
        generic.write_image(root / "masks" / f"{subject}.nii.gz", generic.MASK)
    for path in root.rglob("*confounds_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t")
        table.assign(rot_x=table.trans_y, a_comp_cor_00=table.trans_x).to_csv(path, sep="\t", index=False, na_rep="n/a")


#: Folder below N2S_DATA, as the recipes have it -> what writes it.
FOLDERS: dict[str, Callable[[Path], None]] = {
    "gwilliams2022": write_gwilliams2022,
    "schoffelen2019": write_schoffelen2019,
    "brennan2019": write_brennan2019,
    "broderick2019": write_broderick2019,
    "accou2024": write_accou2024,
    "SingleWordProductionDutch-iBIDS": write_verwoert2022,
    "ds007808": write_sato2026,
    "ds005574": write_zada2025,
    "braintreebank": wang2024.write_tree,
    "armeni2022": write_armeni2022,
    "ds007523": write_bel2026,
    "smn4lang": write_smn4lang,
    "libribrain": write_libribrain,
    "ds003020": write_lebel2023,
    "ds003720": write_nakai2022,
    "brain2sound": write_park2025,
    "my_fmri": write_own,
}


def align_schoffelen2019(root: Path) -> None:
    """TextGrids beside the sounds, as an aligner writes them: MOUS is published without."""
    from n2s.studies.readers.textgrid import write_textgrid

    for sound in sorted((root / "stimuli" / "audio_files").glob("*.wav")):
        words = [(text, 0.6 + 0.8 * k, 0.6) for k, text in enumerate(["het", "meisje", "ziet", "de", "bomen"])]
        table = pd.DataFrame(words, columns=["text", "onset", "duration"])
        write_textgrid(sound.with_suffix(".TextGrid"), {"words": table}, duration_s=5.0)
