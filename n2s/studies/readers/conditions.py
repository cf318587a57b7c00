"""How laboratories call what somebody does in a trial (listen, speak, mouth, imagine, rest), and the rows that are trials."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.events import CONDITIONS, KINDS
from n2s.studies.readers.row_kinds import PARTS, SYNONYMS

#: Our conditions by what they are called, in lower case, with spaces between words.
SPELLINGS = {
    "listen": "listen listening listened perceive perceived perception hear heard hearing playback auditory auditorily",
    "overt": "overt overtly speak speaking spoken produce produced production say said saying aloud vocal vocalize vocalized "
    "vocalizing vocalise vocalised vocalising voiced pronounce pronounced pronouncing",
    "silent": "silent silently mouth mouthed mouthing mime mimed miming articulate articulated articulating articulation unvoiced voiceless",
    "imagined": "imagined imagine imagining imagery imagination covert covertly inner internal internally mental mentally think thinking",
    "rest": "rest resting",
}
_OURS = {name: ours for ours, names in SPELLINGS.items() for name in names.split()}
#: Who reads without a voice need not mouth, and need not imagine saying it: with these words alone nobody says which it is.
_READ = {"read", "reading"}
_VOICELESS = {"silent", "silently", "covert", "covertly", "inner", "internal", "internally", "mental", "mentally"}
_NOT = {"no", "not", "non", "without"}  # "without voice" is not a voice
_CLEAR = {name for name, ours in _OURS.items() if ours != "rest"} - _VOICELESS
_FILLERS = {
    "speech",
    "passive",
    "trial",
    "trials",
    "condition",
    "task",
    "block",
    "phase",
    "articulation",
    "reading",
    "read",
    "word",
    "words",
}
#: Kinds of rows that are a trial if the row says a condition and a text, too; "" is n/a.
_TRIALS = {"", "trial", "item", "command", "production", "utterance", "go", "task", "speech"}
_CODE = re.compile(r"(?:[A-Za-z]+/)?[SRT]? *-?\d+(?:\.0+)?")  # a trigger code: 12, S 12, Stimulus/S 12
MANY = 50  # kinds: more are words or names of files, not conditions
PRODUCED = ("overt", "silent", "imagined")
UNHEARD = ("silent", "imagined", "rest")


@dataclass(frozen=True)
class TrialNames:
    """What a laboratory's names mean, beside `SPELLINGS`.

    Parameters
    ----------
    conditions
        Name of a condition -> ours, as ``{produced: overt, go: imagined}``.
    kinds
        Value of ``trial_type`` -> our kind, as ``{overt: sentence, cue: "", casa: word}``; "" leaves such rows out. A word or phone without a text
        is that value.
    """

    conditions: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option, given, known in (("conditions", self.conditions, CONDITIONS), ("kinds", self.kinds, ("", *KINDS))):
            for name, ours in given.items():
                if ours not in known:
                    named = ", ".join(one or '""' for one in known)
                    raise UserError(
                        f"{option}: '{name}' is {ours!r}; expected one of {named}.{nearest(str(ours), list(known))}"
                    )
            object.__setattr__(self, option, {_folded(str(name)): ours for name, ours in given.items()})

    def condition(self, name: str) -> str | None:
        """Our condition of a name; None if it is none."""
        key = _folded(name)
        if key in self.conditions:
            return self.conditions[key]
        words = key.replace("out loud", "aloud").split()
        if set(words) & _NOT or (set(words) & _READ and set(words) & _VOICELESS and not set(words) & _CLEAR):
            return None
        kept = [word for word in words if word not in _FILLERS] or words
        found = {_OURS.get(word) for word in kept}
        return found.pop() if len(found) == 1 else None


def as_trials(rows: pd.DataFrame, path: Path, names: TrialNames) -> pd.DataFrame:
    """The rows with our conditions; those that are trials are words (or what ``names.kinds`` says), marked in a column ``trial``.

    A trial is a row whose kind names a condition (``overt``, ``imagined/casa``), or that has a condition in its column and is of no other kind
    (``trial``, n/a), and that says what is spoken. One that also names a sound stays what it is (it plays the sound), unless other rows play sounds.

    Parameters
    ----------
    rows
        ``kind``, ``condition``, ``text``, ``stimulus``: text, "" for n/a.
    path
        The table, for findings.
    names
        What the laboratory calls them.
    """
    given = {value: names.condition(value) or value for value in rows.condition.unique() if value}
    _tell_spellings(given, names, path)
    rows = rows.assign(condition=rows.condition.map(given).fillna(""), trial=False)
    kinds = {value: names.kinds[_folded(value)] for value in rows.kind.unique() if _folded(value) in names.kinds}
    told = {value: _of_kind(value, names) for value in rows.kind.unique()}
    condition = rows.kind.map({value: one[0] for value, one in told.items()})
    in_kind = rows.kind.map({value: one[1] for value, one in told.items()})
    mapped = rows.kind.map(kinds).fillna("")
    left_out = rows.kind.isin([value for value, kind in kinds.items() if not kind])
    nameless = (rows.condition == "") & (mapped == "") & ~left_out & (condition == "") & (rows.stimulus == "")
    odd = rows.condition[
        rows.kind.str.casefold().isin(_TRIALS) & (rows.text != "") & ~rows.condition.isin(("", *CONDITIONS))
    ]
    _tell_unknown(rows.kind[nameless & ((rows.text != "") | rows.kind.str.contains("/"))], odd, names, path)
    codes = rows.text.map(lambda text: text == "" or bool(_CODE.fullmatch(text)))
    own = rows.condition.where(rows.condition != "", condition)
    heard = (rows.stimulus != "") & ~own.isin(UNHEARD)
    by_column = rows.kind.str.casefold().isin(_TRIALS) & rows.condition.isin(CONDITIONS)
    by_kind = (condition != "") & (condition != "rest")  # blocks of rest are no words
    trial = (by_column | by_kind) & ((in_kind != "") | ~codes) & (mapped == "")
    trial |= mapped.isin(PARTS) & own.isin(CONDITIONS)
    if not (trial & own.isin(PRODUCED)).any() and not names.conditions and not names.kinds:
        trial &= ~heard  # who only listens hears whole stories
    rows["condition"] = own.where(trial | (mapped != ""), rows.condition)
    in_kind = in_kind.where(
        (in_kind != "") | ~mapped.isin(PARTS) | (condition != ""), rows.kind
    )  # trial_type is the word itself
    rows["text"] = rows.text.where(~((trial | (mapped != "")) & (in_kind != "") & codes), in_kind)
    plays = trial & heard & ~rows.kind.str.lower().replace(SYNONYMS).eq("sound").any()
    rows["part"] = mapped.where(mapped != "", "word")
    rows["trial"] = trial
    rows["kind"] = rows.kind.where(~(trial | (mapped != "")) | plays, rows.part)
    named = trial & (rows.stimulus != "") & ~heard
    if named.any():
        text = "trials that are silent, imagined or rest name a sound, which nobody hears then: it is not used."
        tell("odd", f"{path} ({int(named.sum())} of {len(rows)} rows)", text)
    rows["stimulus"] = rows.stimulus.where(~named, "")
    return rows[~left_out]


def default_of(rows: pd.DataFrame, task: str | None, names: TrialNames, given: str | None, path: Path) -> str:
    """The condition of rows that name neither one nor a sound: ``given``, else what the recording's task names (``task-imagined``) if no row names any, else ``listen``.

    Parameters
    ----------
    rows
        As `as_trials` gives them.
    task
        Of the recording.
    names
        What the laboratory calls conditions: a task's name, too.
    given
        Of all recordings; None: nobody says.
    path
        The table, for findings.
    """
    if given is not None:
        return given
    silent = rows.stimulus == ""  # what plays is heard
    found = names.condition(task) if task and silent.any() and not (rows.condition != "").any() else None
    if found not in PRODUCED:
        return "listen"
    text = f"no row names a condition, and the task does: rows without a sound are {found}. If that is wrong, set default_condition."
    tell("corrected", f"{path}: task {task}", text)
    return found


def with_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, and a word (or what `TrialNames.kinds` says) beside each sound that is a trial: what is heard or said there."""
    parts = rows[rows.trial & (rows.kind == "sound") & (rows.text != "")]
    parts = parts.assign(kind=parts.part, stimulus_onset=float("nan"))
    return pd.concat([rows, parts], ignore_index=True).drop(columns="part")


def _of_kind(value: str, names: TrialNames) -> tuple[str, str]:
    """The condition that a kind names, "" for none, and the rest of it as text: ``imagined/casa`` -> imagined, casa."""
    if value.strip().lower() in (*KINDS, *SYNONYMS):
        return "", ""
    parts = [part.strip() for part in value.split("/") if part.strip()]
    found = [names.condition(part) for part in parts]
    if sum(one is not None for one in found) != 1:
        return "", ""
    rest = [part for part, one in zip(parts, found, strict=True) if one is None and not _CODE.fullmatch(part)]
    return next(one for one in found if one is not None), " ".join(rest)


def _tell_spellings(found: dict[str, str], names: TrialNames, path: Path) -> None:
    other = {value: ours for value, ours in found.items() if value != ours and _folded(value) not in names.conditions}
    if other:
        listed = ", ".join(f"{value} is {ours}" for value, ours in sorted(other.items()))
        tell("corrected", path, f"conditions under other names: {listed}. If that is wrong, set conditions.")


def _tell_unknown(kinds: pd.Series, conditions: pd.Series, names: TrialNames, path: Path) -> None:
    """Kinds that sound like a condition, and conditions of trials, that are none: left out without a word, they would be missed."""
    found = dict.fromkeys(conditions)
    for value in kinds.unique() if kinds.nunique() <= MANY else ():
        if value.strip().casefold() in (*KINDS, *SYNONYMS):
            continue
        for part in filter(None, (one.strip() for one in value.split("/"))):
            words = set(_folded(part).split())
            if words & _READ or words & set(_OURS) or difflib.get_close_matches(_folded(part), _OURS, n=1, cutoff=0.85):
                found[part] = None
    found = [part for part in found if names.condition(part) is None]
    if found:
        first = found[0]
        near = nearest(first, list(_OURS)) if len(first.split()) == 1 else ""
        text = (
            f"trials called {first_of(found)} are none of the conditions {', '.join(CONDITIONS)} for sure, and are not read as trials.{near} If they "
            f"are, say which in conditions, as {{{first}: imagined}}. Reading without a voice is none unless you say so."
        )
        tell("left out", path, text)


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.strip().casefold()))
