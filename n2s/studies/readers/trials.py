"""Trials in which nothing plays: what was said, mouthed or imagined, on the recording's own clock."""

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.readers.conditions import UNHEARD
from n2s.studies.readers.homes import homes_of
from n2s.studies.readers.sentences import containing, sentence_id

_INHERITED = ("condition", "story", "language", "speaker")


def alone(rows: pd.DataFrame, default_condition: str) -> np.ndarray:
    """(n,) Whether each row may be without a sound: a part that names none, and is said, mouthed, imagined or rest, or a trial.

    A part without a condition has that of the trial around it, else ``default_condition``.

    Parameters
    ----------
    rows
        Rows of kind sound, sentence, word, phone, with ``trial``.
    default_condition
        Of rows that have none.
    """
    parts = (rows.kind != "sound") & (rows.stimulus == "")
    condition = inherited(rows[parts]).condition
    free = (condition.where(condition != "", default_condition) != "listen") | rows.trial[parts]
    return np.array(parts & free.reindex(rows.index, fill_value=False))


def inherited(parts: pd.DataFrame) -> pd.DataFrame:
    """Words and phones with the condition, story, language and speaker of the sentence or word around them, where they have none."""
    parts = parts.copy()
    for kind, inner in (("sentence", ["word", "phone"]), ("word", ["phone"])):
        outer = parts[parts.kind == kind]
        own = parts.kind.isin(inner).to_numpy()
        if outer.empty or not own.any():
            continue
        middle = (parts.onset + parts.duration.fillna(0) / 2).to_numpy()[own]
        home = containing(middle, outer.onset.to_numpy(), (outer.onset + outer.duration.fillna(0)).to_numpy())
        for name in _INHERITED:
            value = np.array(parts[name], object)
            around = np.append(outer[name].to_numpy(object), "")[home]
            value[own] = np.where(value[own] == "", around, value[own])
            parts[name] = value
    return parts


def outside(free: pd.DataFrame, sounds: pd.DataFrame) -> np.ndarray:
    """(n,) Whether each row that may be without a sound is: it lies in none, or nobody hears what plays."""
    if sounds.empty:
        return np.ones(len(free), bool)
    placed = homes_of(
        free.assign(duration=free.duration.fillna(0.0), timed=free.stimulus_onset.notna()).reset_index(drop=True),
        sounds,
    )
    return (placed < 0) | inherited(free).condition.isin(UNHEARD).to_numpy()


def on_own_clock(free: pd.DataFrame, stories: pd.DataFrame, default_condition: str, where: str) -> pd.DataFrame:
    """The rows without a sound, complete: a sentence has the id of its words, and gives it to the words in it.

    Raises
    ------
    UserError
        The duration of a sentence is n/a.
    """
    free = inherited(free.reset_index(drop=True))
    long = free.duration.isna() & (free.kind == "sentence")
    if long.any():
        raise UserError(
            f"{where}, line {free[long].line.iloc[0]}: the duration of a sentence is n/a. Expected seconds; only that of a word or phone "
            "(then 0) may be left out."
        )
    free = free.assign(duration=free.duration.fillna(0.0), stimulus="", stimulus_onset=0.0)
    free.loc[free.condition == "", "condition"] = default_condition
    middle = (free.onset + free.duration / 2).to_numpy()
    around = containing(middle, stories.onset.to_numpy(), (stories.onset + stories.duration.fillna(0)).to_numpy())
    free["story"] = np.where(free.story == "", np.append(stories.story.to_numpy(object), "")[around], free.story)
    whole = free[free.kind == "sentence"]
    named = whole.sequence.where(whole.sequence != "", whole.text.map(lambda text: sentence_id(text) if text else ""))
    free.loc[whole.index, "sequence"] = named
    home = containing(middle, whole.onset.to_numpy(), (whole.onset + whole.duration).to_numpy())
    free["sequence"] = np.where(free.sequence == "", np.append(named.to_numpy(object), "")[home], free.sequence)
    return free
