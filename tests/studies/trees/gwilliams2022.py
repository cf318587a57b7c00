"""MEG-MASC in miniature: two people, one of whom came once; a real KIT recording of 2 s, a story of three sentences."""

from pathlib import Path

import mne
from builders import bids_from_raw, write_audio

WORDS = [  # text, onset in the sound, duration, sentence, condition; the third group is a word list
    ("tara", 0.10, 0.15, 0, "sentence"),
    ("stood", 0.30, 0.15, 0, "sentence"),
    ("Still", 0.60, 0.15, 1, "sentence"),
    ("chair", 0.90, 0.15, 2, "word_list"),
]
PHONES = {"tara": ["t_B", "AA_I", "r_I", "AH_E"], "stood": ["s_B", "t_I", "UH_I", "d_E"]}
SOUND_ONSET = 0.2


def write_events(path: Path, *, story: str = "LW1", sound: str = "stimuli/audio/LW1_0.0.wav") -> None:
    write_said(path, WORDS, story=story, sound=sound, sound_s=1.2)


def write_said(path: Path, words: list[tuple], *, story: str, sound: str, sound_s: float) -> None:
    """As the data set has it: a dict literal in trial_type, value and sample behind."""
    rows = [
        (SOUND_ONSET, sound_s, {"kind": "sound", "sound": sound, "story": story, "story_uid": 0.0, "sound_id": 0.0})
    ]
    for index, (word, onset, duration, sentence, condition) in enumerate(words):
        said = {"kind": "word", "word": word, "word_index": float(index), "sequence_id": float(sentence)}
        said |= {"condition": condition, "story": story, "pronounced": 1.0}
        rows.append((SOUND_ONSET + onset, duration, said))
        phones = PHONES.get(word, [])
        for k, phone in enumerate(phones):
            step = duration / len(phones)
            rows.append(
                (SOUND_ONSET + onset + k * step, step, {"kind": "phoneme", "phoneme": phone, "pronounced": 1.0})
            )
    lines = ["onset\tduration\ttrial_type\tvalue\tsample"]
    lines += [f"{onset:.3f}\t{duration:.4f}\t{said}\t1\t{round(1000 * onset)}" for onset, duration, said in rows]
    path.write_text("\n".join(lines) + "\n")


def write_tree(root: Path, real_data: Path) -> Path:
    """sub-01 with sessions 0 and 1, sub-02 with session 0, of task 0; sub-01 with two more stories."""
    kit = real_data / "meg_formats" / "kit"
    raw = mne.io.read_raw_kit(
        kit / "test.sqd", mrk=kit / "test_mrk.sqd", elp=kit / "test.elp", hsp=kit / "test.hsp", verbose="ERROR"
    )
    for subject, session, task, story in (
        ("01", "0", "0", "LW1"),
        ("01", "0", "1", "Cable_Spool_Fort"),
        ("01", "0", "2", "easy_money"),
        ("01", "1", "0", "LW1"),
        ("02", "0", "0", "LW1"),
    ):
        path = bids_from_raw(raw, root, subject=subject, session=session, task=task)
        sound = f"stimuli/audio/{story}_0.0.wav"
        write_events(path.copy().update(suffix="events", extension=".tsv").fpath, story=story, sound=sound)
        write_audio(root / "stimuli" / "audio" / f"{story.lower()}_0.wav", 1.2, seed=int(task))
    return root
