"""Ways in which a lab's folder is odd, planted into the example folder, and what the check must say of each."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import soundfile


@dataclass(frozen=True)
class Oddity:
    """``plant`` changes a folder at a person; the check tells ``kind`` at ``where`` with ``said`` in its text (regexes).

    ``SUB`` stands for the person in ``where``.
    """

    name: str
    datatype: str
    plant: Callable[[Path, str], None]
    kind: str
    where: str
    said: str


def stem(root: Path, subject: str, run: str, datatype: str) -> str:
    return str(root / f"sub-{subject}" / datatype / f"sub-{subject}_task-listen_run-{run}_")


def events_file(root: Path, subject: str, run: str, datatype: str) -> Path:
    return Path(f"{stem(root, subject, run, datatype)}events.tsv")


def edited(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = change(pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False))
    table.to_csv(path, sep="\t", index=False)


def misspelt_column(root: Path, subject: str) -> None:
    edited(events_file(root, subject, "1", "meg"), lambda rows: rows.rename(columns={"stim_file": "stim_fil"}))


def doubled_table(root: Path, subject: str) -> None:
    edited(events_file(root, subject, "1", "meg"), lambda rows: pd.concat([rows, rows]))


def not_fetched(root: Path, subject: str) -> None:
    path = Path(f"{stem(root, subject, '1', 'meg')}meg.fif")
    path.unlink()
    path.symlink_to("../../.git/annex/objects/Xk/9w/MD5E-s1234--0a.fif/MD5E-s1234--0a.fif")


def subject_not_fetched(root: Path, subject: str) -> None:
    for path in (root / f"sub-{subject}" / "meg").iterdir():
        if path.suffix == ".fif":
            path.unlink()
            path.symlink_to(f"../../.git/annex/objects/Xk/9w/{path.name}/{path.name}")


def events_missing(root: Path, subject: str) -> None:
    events_file(root, subject, "1", "meg").unlink()


def silent_story(root: Path, subject: str) -> None:
    path = root / "stimuli" / "orchestra.en.wav"
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.zeros_like(samples), rate)


def no_place(root: Path, subject: str) -> None:
    path = root / f"sub-{subject}" / "eeg" / f"sub-{subject}_space-CapTrak_electrodes.tsv"
    edited(path, lambda rows: rows.assign(**{axis: rows[axis].where(rows.name != "Cz", "n/a") for axis in "xyz"}))


def cut_mp3(root: Path, subject: str) -> None:
    path = root / "stimuli" / "orchestra.en.wav"
    samples, rate = soundfile.read(path)
    path.unlink()
    soundfile.write(path.with_suffix(".mp3"), samples, rate)
    data = path.with_suffix(".mp3").read_bytes()
    path.with_suffix(".mp3").write_bytes(data[: len(data) // 2])
    for file in root.rglob("*_events.tsv"):
        file.write_text(file.read_text().replace("orchestra.en.wav", "orchestra.en.mp3"))


def drifted_words(root: Path, subject: str) -> None:
    def drift(rows: pd.DataFrame) -> pd.DataFrame:
        onset, word = rows.onset.astype(float), rows.trial_type == "word"
        start = onset.where(~word).ffill()
        return rows.assign(onset=onset.where(~word, start + (onset - start) * 0.93).round(4).astype(str))

    edited(events_file(root, subject, "1", "meg"), drift)


def wrong_unit(root: Path, subject: str) -> None:
    path = Path(f"{stem(root, subject, '1', 'eeg')}eeg.vhdr")
    path.write_text(
        re.sub(r"^(Ch\d+=[^,]*,[^,]*,[^,]*),.?V$", r"\1,V", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
    )


def picture_rows(root: Path, subject: str) -> None:
    def more(rows: pd.DataFrame) -> pd.DataFrame:
        picture = {"onset": "20.3", "duration": "1.0", "trial_type": "picture", "stim_file": "face.png", "text": "n/a"}
        return pd.concat([rows, pd.DataFrame([picture])])

    edited(events_file(root, subject, "1", "meg"), more)


def byte_order_mark(root: Path, subject: str) -> None:
    path = Path(f"{stem(root, subject, '1', 'meg')}meg.json")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def copied_recording(root: Path, subject: str) -> None:
    shutil.copy(f"{stem(root, '01', '1', 'meg')}meg.fif", f"{stem(root, subject, '1', 'meg')}meg.fif")


def same_brain_written_again(root: Path, subject: str) -> None:
    raw = mne.io.read_raw_fif(f"{stem(root, '01', '1', 'meg')}meg.fif", verbose="error").load_data(verbose="error")
    raw.set_meas_date(0)
    raw.save(f"{stem(root, subject, '1', 'meg')}meg.fif", overwrite=True, verbose="error")


def story_of_one(root: Path, subject: str) -> None:
    shutil.copy(root / "stimuli" / "orchestra.en.wav", root / "stimuli" / "orchstra.en.wav")
    path = events_file(root, subject, "2", "meg")
    path.write_text(path.read_text().replace("orchestra.en.wav", "orchstra.en.wav"))


def story_missing(root: Path, subject: str) -> None:
    def fewer(rows: pd.DataFrame) -> pd.DataFrame:
        second = rows.index[rows.stim_file == "orchestra.en.wav"][0]
        return rows.iloc[:second]

    edited(events_file(root, subject, "2", "meg"), fewer)


def delayed(root: Path, subject: str) -> None:
    edited(
        events_file(root, subject, "1", "meg"),
        lambda rows: rows.assign(onset=(rows.onset.astype(float) + 0.4).round(4).astype(str)),
    )


def in_milliseconds(root: Path, subject: str) -> None:
    edited(
        events_file(root, subject, "1", "meg"),
        lambda rows: rows.assign(onset=(rows.onset.astype(float) * 1000).round(1).astype(str)),
    )


def unheard_sound(root: Path, subject: str) -> None:
    soundfile.write(root / "stimuli" / "practice.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16000), 16000)


def other_rate(root: Path, subject: str) -> None:
    path = f"{stem(root, subject, '1', 'meg')}meg.fif"
    raw = mne.io.read_raw_fif(path, verbose="error").load_data(verbose="error").resample(50, verbose="error")
    raw.save(path, overwrite=True, verbose="error")
    edited(Path(f"{stem(root, subject, '1', 'meg')}channels.tsv"), lambda rows: rows.assign(sampling_frequency="50.0"))


def flat_sensor(root: Path, subject: str) -> None:
    path = f"{stem(root, subject, '1', 'meg')}meg.fif"
    raw = mne.io.read_raw_fif(path, verbose="error").load_data(verbose="error")
    raw._data[3] = 0
    raw.save(path, overwrite=True, verbose="error")


def truncated_eeg(root: Path, subject: str) -> None:
    path = Path(f"{stem(root, subject, '1', 'eeg')}eeg.eeg")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])


def longer_recording(root: Path, subject: str) -> None:
    path = f"{stem(root, subject, '1', 'meg')}meg.fif"
    raw = mne.io.read_raw_fif(path, verbose="error").load_data(verbose="error")
    data = np.tile(raw.get_data(), 5) * np.random.default_rng(0).uniform(0.5, 1.5, (1, 5 * len(raw.times)))
    mne.io.RawArray(data, raw.info, verbose="error").save(path, overwrite=True, verbose="error")


def sound_missing(root: Path, subject: str) -> None:
    (root / "stimuli" / "orchestra.en.wav").unlink()


def story_named_twice(root: Path, subject: str) -> None:
    shutil.copy(root / "stimuli" / "beekeeper.en.wav", root / "stimuli" / "bees.wav")
    (root / "stimuli" / "orchestra.en.wav").unlink()
    for path in root.rglob("*run-2_events.tsv"):
        path.write_text(path.read_text().replace("orchestra.en.wav", "bees.wav"))
        edited(path, lambda rows: rows.iloc[: rows.index[rows.stim_file == "bees.wav"][0] + 1].assign(
            duration=lambda t: t.duration.where(t.stim_file != "bees.wav", "n/a")))  # fmt: skip


#: What follows from an oddity elsewhere: a person then lacks a story, or MNE drops what lies outside.
BESIDE = ("SUB did not hear", "outside (the|its) data range|outside data range")
FIRST = r"SUB_task-listen_run-1"
ODDITIES = [
    Oddity("a misspelt column", "meg", misspelt_column, "stops n2s", FIRST, "names no stimulus.*(stim_file|stimulus)"),
    Oddity("a table written twice", "meg", doubled_table, "corrected", FIRST, "taken once|one presentation"),
    Oddity("a recording that was not fetched", "meg", not_fetched, "left out|stops n2s", FIRST, "fetch|git.annex|datalad"),
    Oddity("a person who was not fetched", "meg", subject_not_fetched, "left out|stops n2s", "SUB", "fetch|annex|datalad"),
    Oddity("no events", "meg", events_missing, "left out|stops n2s", FIRST, "no events.tsv|events"),
    Oddity("a silent story", "meg", silent_story, "stops n2s", "orchestra.en", "silent: .*Give the file that was played"),
    Oddity("an electrode without a place", "eeg", no_place, "stops n2s", FIRST, "no place on the head .Cz.*electrodes.tsv"),
    Oddity("an mp3 that was cut off", "meg", cut_mp3, "stops n2s", "orchestra.en", "mp3: .*it holds .*Copy it again"),
    Oddity("words that drift from the sound", "meg", drifted_words, "odd", FIRST, "words of .* are up to"),
    Oddity("microvolts that are called volts", "eeg", wrong_unit, "stops n2s", FIRST, "micro-V, read as V"),
    Oddity("pictures beside sounds", "meg", picture_rows, "left out", FIRST, "no sound: .png"),
    Oddity("a byte order mark", "meg", byte_order_mark, "corrected|odd|stops n2s", FIRST, "JSON|byte order|BOM"),
    Oddity("a copied recording", "meg", copied_recording, "odd", f"{FIRST} and sub-01_task-listen_run-1", "two people"),
    Oddity("a brain saved under two names", "meg", same_brain_written_again, "odd", f"{FIRST} and sub-01", "two people"),
    Oddity("a story that one person heard", "meg", story_of_one, "odd", "SUB|orchstra.en", "only one who heard 'orchstra.en'.*Nearest"),
    Oddity("a story that one person lacks", "meg", story_missing, "odd", "SUB", "has 1 sound where the others have 2"),
    Oddity("another delay", "meg", delayed, "odd", FIRST, "first sound starts at 1.40 s, that of all others at 1.00 s"),
    Oddity("milliseconds", "meg", in_milliseconds, "stops n2s", FIRST, "seconds"),
    Oddity("a sound that nobody heard", "meg", unheard_sound, "left out", "practice.wav", "no events name it"),
    Oddity("another rate", "meg", other_rate, "odd", FIRST, "has 50 Hz, but other recordings of this person have 100 Hz"),
    Oddity("a flat sensor", "meg", flat_sensor, "stops n2s", FIRST, "flat: MEG 0411"),
    Oddity("an EEG file that was cut off", "eeg", truncated_eeg, "odd", FIRST, "RecordingDuration|ends inside a sample"),
    Oddity("most of the recording without sound", "meg", longer_recording, "odd", FIRST, "lasts 213 s, of which 37 s have sound"),
    Oddity("a missing sound", "meg", sound_missing, "stops n2s", "run-2", "orchestra.en"),
    Oddity("one sound under two names", "meg", story_named_twice, "odd", "beekeeper.en, bees", "are one sound"),
]  # fmt: skip
