"""From a BIDS ``*_events.tsv`` to the events table: the meaning of its columns, and the values that its rows leave out."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.events import COLUMNS, CONDITIONS, KINDS, events_table
from n2s.studies.readers.sentences import TOLERANCE_S, containing, with_sentences
from n2s.studies.readers.stimuli import END_TOLERANCE_S, StimulusFolder
from n2s.studies.readers.tsv import as_numbers, read_cells

# Kinds under other names, in lower case. Rows of any other kind (triggers, answers, BAD_ACQ_SKIP) are left out.
SYNONYMS = {"phoneme": "phone", "audio": "sound", "stimulus": "sound", "utterance": "sentence"}
_ORDER = {"sound": 0, "sentence": 1, "word": 2, "phone": 3}
_FILLED = ("text", "stimulus", "story", "sequence", "language", "condition", "speaker")


@dataclass(frozen=True)
class EventColumns:
    """The columns of events.tsv: for each value the first existing name, in upper or lower case; () for no column."""

    kind: tuple[str, ...] = ("trial_type", "type", "kind")
    text: tuple[str, ...] = ("text", "word", "value")
    stimulus: tuple[str, ...] = ("stimulus", "stim_file")
    stimulus_onset: tuple[str, ...] = ("stimulus_onset",)
    story: tuple[str, ...] = ("story",)
    sequence: tuple[str, ...] = ("sequence", "sequence_id")
    language: tuple[str, ...] = ("language",)
    condition: tuple[str, ...] = ("condition",)
    speaker: tuple[str, ...] = ("speaker",)


def read_rows(path: Path, columns: EventColumns) -> pd.DataFrame:
    """Read the rows with our kinds from an events.tsv, with our column names; missing values are "" or NaN.

    Raises
    ------
    UserError
        See `read_cells`; or no row has one of our kinds.
    """
    table = read_cells(path)
    names = {name.lower(): name for name in table}
    rows = table[["onset", "duration", "line"]].copy()
    for name in ("kind", "stimulus_onset", *_FILLED):
        found = next((names[one.lower()] for one in getattr(columns, name) if one.lower() in names), None)
        rows[name] = table[found] if found else ""
    rows["stimulus_onset"] = as_numbers(rows.stimulus_onset, path)
    codes = rows.text[rows.text != ""]
    if codes.str.fullmatch(r"-?\d+(\.0+)?").all():  # the trigger codes in BIDS' column `value` are not words
        rows["text"] = ""
    return _of_our_kinds(rows, path)


def _of_our_kinds(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    found = rows.kind.copy()
    rows["kind"] = found.str.lower().replace(SYNONYMS)
    rows.loc[(rows.kind == "story") & (rows.story == ""), "story"] = rows.text
    if not (
        rows.kind == "sound"
    ).any():  # a table of stimuli: each row that names a stimulus, and is not part of one, plays it
        parts = rows.kind.isin(["sentence", "word", "phone"])
        rows.loc[(rows.stimulus != "") & ~parts, "kind"] = "sound"
    kept = rows[rows.kind.isin(KINDS)]
    if kept.empty:
        seen = ", ".join(f"'{kind[:40]}' ({n})" for kind, n in found.value_counts().head(8).items())
        raise UserError(
            f"{path}: none of its {len(rows)} rows is a {', '.join(KINDS)}, or names a stimulus. Found: {seen}. "
            "Expected these kinds in trial_type, or a column stim_file; name other columns in `columns`."
        )
    return kept.reset_index(drop=True)


def complete(
    rows: pd.DataFrame,
    stimuli: StimulusFolder,
    *,
    where: str,
    duration_s: float,
    language: str = "",
    default_condition: str = "listen",
) -> pd.DataFrame:
    """Fill in missing values and make the events table of one recording.

    Words and phones come from the TextGrids if the rows have none. A row takes its stimulus, its time there, its
    story, language, condition and speaker from the sound row around it. A sound with a duration of n/a or 0 s is as
    long as its stimulus; a shorter sound only has the words that are completely inside it. A story row gives its
    name to the sounds inside it, and is not kept. Sentences: `n2s.studies.readers.sentences.with_sentences`.

    Raises
    ------
    UserError
        A stimulus is missing, or shorter than its events; a word is in no sound; see also `events_table`.
    """
    names = {name: stimuli.id(name, where=f"{where}: stimulus") for name in rows.stimulus.unique() if name}
    rows = rows.assign(stimulus=rows.stimulus.map(names).fillna(""))
    odd = sorted(set(rows.condition) - {"", *CONDITIONS})
    if odd:
        raise UserError(
            f"{where}: condition is {odd}; known are {', '.join(CONDITIONS)}. If that column means something else, "
            "set columns.condition to [] (then every row has default_condition) or to another column's name."
        )
    stories = rows[rows.kind == "story"]
    rows = rows[rows.kind != "story"]
    sounds = _sounds(rows if len(rows) else stories, stimuli, where)
    sounds.loc[sounds.condition == "", "condition"] = default_condition
    inside = containing(_middle(sounds), *_extent(stories))
    sounds["story"] = np.where(
        (sounds.story == "") & (inside >= 0), np.array([*stories.story, ""], object)[inside], sounds.story
    )
    parts = _parts(rows[rows.kind != "sound"], sounds, where)
    from_sounds = not rows.kind.isin(["word", "phone"]).any()
    presentations = []
    for number, sound in sounds.iterrows():
        own = parts[parts.home == number]
        aligned = stimuli.alignment(sound.stimulus) if from_sounds else None
        if aligned is None:
            own = with_sentences(own, stimuli.sentence_pause_s)
        else:
            own = _with_alignment(own, sound, aligned, stimuli.sentence_pause_s)
        for name in ("story", "language", "condition", "speaker"):
            own.loc[own[name] == "", name] = sound[name]
        presentations.append(own)
    table = pd.concat([sounds, *presentations], ignore_index=True)
    table.loc[table.story == "", "story"] = table.stimulus.map(lambda name: PurePosixPath(name).name)
    table.loc[table.language == "", "language"] = language
    table = table.sort_values("kind", key=lambda kind: kind.map(_ORDER), kind="stable")  # at one onset, the whole first
    table = events_table(table[list(COLUMNS)], where=where, duration_s=duration_s)
    _check_lengths(table, stimuli, where)
    return table


def _sounds(rows: pd.DataFrame, stimuli: StimulusFolder, where: str) -> pd.DataFrame:
    """The sound rows, complete; if there are none, the stretches of audio that the other rows cover."""
    sounds = rows[rows.kind == "sound"].reset_index(drop=True)
    nameless = sounds.stimulus == ""
    if nameless.any():
        raise UserError(
            f"{where}, line {sounds.line[nameless].iloc[0]}: a sound that names no stimulus. "
            "Expected the audio file in a column stim_file or stimulus."
        )
    sounds["stimulus_onset"] = sounds.stimulus_onset.fillna(0.0)
    if sounds.empty:
        sounds = _covered(rows, where)
    unsaid = sounds.duration.isna() | (sounds.duration == 0)
    lengths = sounds.stimulus.map(stimuli.length_s) - sounds.stimulus_onset
    return sounds.assign(duration=sounds.duration.where(~unsaid, lengths), text="", sequence="", home=-1)


def _covered(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """One row for each sequence of rows with one stimulus and one distance between its clock and the recording's."""
    unplaced = (rows.stimulus == "") | rows.stimulus_onset.isna()
    if unplaced.any():
        first = rows[unplaced].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: a {first.kind} '{first.text[:40]}' without stimulus and stimulus_onset, and "
            "no row says when a sound starts. Add a row of trial_type sound with the audio file in stim_file, or both "
            "columns."
        )
    rows = rows.sort_values("onset", kind="stable")
    start = rows.onset - rows.stimulus_onset
    new = (rows.stimulus != rows.stimulus.shift()) | ((start - start.shift()).abs() > 0.05)  # a rounded time, no pause
    made = []
    for _, run in rows.groupby(new.cumsum(), sort=True):
        stop = (run.onset + run.duration.fillna(0)).max()
        made.append({**run.iloc[0], "kind": "sound", "duration": stop - run.onset.min()})
    return pd.DataFrame(made, columns=rows.columns)


def _parts(parts: pd.DataFrame, sounds: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows that are not sounds, each with ``home`` (its sound) and its time there."""
    parts = parts.reset_index(drop=True)
    long = parts.duration.isna() & parts.kind.isin(["sentence", "story"])
    if long.any():
        first = parts[long].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: the duration of a {first.kind} is n/a. Expected seconds; only that of a "
            "sound (its audio's length) and of a word or phone (then 0) may be left out."
        )
    parts["duration"] = parts.duration.fillna(0.0)
    parts["home"] = containing(_middle(parts), *_extent(sounds))
    homeless = parts.home < 0
    if homeless.any():
        first = parts[homeless].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: a {first.kind} '{first.text[:40]}' at {first.onset:.3f} s lies in no sound "
            f"({int(homeless.sum())} such rows; {len(sounds)} sounds from {sounds.onset.min():.3f} to "
            f"{(sounds.onset + sounds.duration).max():.3f} s). Check that onsets are seconds on the recording's clock."
        )
    home = sounds.iloc[parts.home].reset_index(drop=True)
    other = (parts.stimulus != "") & (parts.stimulus != home.stimulus)
    if other.any():
        first = int(other.argmax())
        raise UserError(
            f"{where}, line {parts.line[first]}: a {parts.kind[first]} of stimulus '{parts.stimulus[first]}' lies "
            f"in the sound '{home.stimulus[first]}'."
        )
    parts["stimulus"] = home.stimulus
    parts["stimulus_onset"] = parts.stimulus_onset.fillna(
        (parts.onset - home.onset + home.stimulus_onset).clip(lower=0.0)
    )
    return parts


def _middle(rows: pd.DataFrame) -> np.ndarray:
    return (rows.onset + rows.duration / 2).to_numpy(float)


def _extent(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows.onset.to_numpy(float), (rows.onset + rows.duration).to_numpy(float)


def _with_alignment(own: pd.DataFrame, sound: pd.Series, aligned: pd.DataFrame, pause_s: float) -> pd.DataFrame:
    """The rows of one sound with the words and phones (and, unless it has some, sentences) of its alignment."""
    heard_from, heard_to = sound.stimulus_onset - TOLERANCE_S, sound.stimulus_onset + sound.duration + TOLERANCE_S
    aligned = aligned[(aligned.onset >= heard_from) & (aligned.onset + aligned.duration <= heard_to)]
    shared = {name: sound[name] for name in ("stimulus", "story", "language", "condition", "speaker", "home")}
    onset = aligned.onset - sound.stimulus_onset + sound.onset
    aligned = aligned.assign(stimulus_onset=aligned.onset, onset=onset, **shared)
    if not (own.kind == "sentence").any():
        return pd.concat([own, aligned], ignore_index=True)
    words = aligned[aligned.kind != "sentence"].assign(sequence="")
    return with_sentences(pd.concat([own, words], ignore_index=True), pause_s)


def _check_lengths(table: pd.DataFrame, stimuli: StimulusFolder, where: str) -> None:
    for stimulus, rows in table.groupby("stimulus"):
        stops = rows.stimulus_onset + rows.duration
        length_s = stimuli.length_s(stimulus)
        if stops.max() > length_s + END_TOLERANCE_S:
            last = rows.loc[stops.idxmax()]
            raise UserError(
                f"{where}: {stimuli.path(stimulus)} lasts {length_s:.3f} s, but a {last.kind} '{last.text[:40]}' of it "
                f"ends at {stops.max():.3f} s. Check that it is the right, whole file, and its stimulus_onset."
            )
