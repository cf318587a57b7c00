"""The sounds that MEG and fMRI share, and in which condition each window was heard."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.identity import sound_identities
from n2s.data.language_tags import short_language
from n2s.data.windows import Windows
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.study import Stimulus
from n2s.studies.text import normal


def check_shared_stimuli(
    heard: Mapping[str, Heard], fmri: set[str], moved: set[str] = frozenset(), links: list[tuple[str, str]] = ()
) -> None:
    """Check that some sound was heard in both; tell sounds that have one name and other samples, and those with other names.

    Parameters
    ----------
    heard
        What each study heard, by its name.
    fmri
        The names of the studies of fMRI.
    moved
        Sounds of fMRI (``study/stimulus``) that only sound like one of the MEG, and are told already: see `n2s.data.paired_alike`.
    links
        Sounds of both that share half, told already, too.

    Raises
    ------
    UserError
        No sound is in both.
    """
    sides = [{}, {}]  # identity -> names
    named = [{}, {}]  # name -> identities
    languages = [set(), set()]
    for study, one in heard.items():
        side = int(study in fmri)
        for stimulus, identity in one.sounds.items():
            sides[side].setdefault(identity, set()).add(stimulus)
            named[side].setdefault(stimulus, set()).add(identity)
        for table in one.events.values():
            languages[side] |= {short_language(tag) for tag in table.language.unique()} - {""}
    shared = set(sides[0]) & set(sides[1])
    told = {name.split("/", 1)[1] for name in moved}
    other = sorted(name for name in set(named[0]) & set(named[1]) if not named[0][name] & named[1][name])
    if not shared:
        if languages[0] and languages[1] and not languages[0] & languages[1]:
            raise UserError(
                f"MEG was heard in {', '.join(sorted(languages[0]))}, fMRI in {', '.join(sorted(languages[1]))}: a translation is another sound, "
                "and its seconds cannot be paired. Take studies in one language."
            )
        same = f" {len(other)} have one name in both and other samples, the first is {other[0]}." if other else ""
        raise UserError(
            f"no sound was heard in both MEG ({len(sides[0])} sounds: {first_of(sorted(named[0]))}) and fMRI ({len(sides[1])} sounds: "
            f"{first_of(sorted(named[1]))}).{same} Sounds are compared by their samples, whatever they are called."
        )
    if other:
        tell(
            "odd",
            "data.studies",
            f"{len(other)} sounds have one name in MEG and fMRI and other samples: {first_of(map(_lasting(heard, fmri), other))}. They are no "
            "pair.",
        )
    renamed = sorted(
        min(sides[0][one]) for one in shared if not sides[0][one] & sides[1][one] and not sides[1][one] & told
    )
    if renamed:
        tell(
            "odd",
            "data.studies",
            f"{len(renamed)} sounds have another name in fMRI than in MEG and equal samples: {first_of(renamed)}. They are pairs.",
        )
    _tell_translated(heard, fmri, {name for link in links for name in link})


def _lasting(heard: Mapping[str, Heard], fmri: set[str]) -> Callable[[str], str]:
    """What says a sound's name, and how long it is in each: 40.00 and 40.04 s are one sound that plays faster."""

    def said(name: str) -> str:
        lasts_s = [
            {
                f"{one.lengths_s[name]:.2f}"
                for study, one in heard.items()
                if (study in fmri) == side and name in one.lengths_s
            }
            for side in (False, True)
        ]
        return f"{name} ({' and '.join('/'.join(sorted(one)) for one in lasts_s)} s)" if all(lasts_s) else name

    return said


def _tell_translated(heard: Mapping[str, Heard], fmri: set[str], but: set[str]) -> None:
    """Say which contents are declared equal in both, and have no sound in both; ``but`` for some sounds (``study/stimulus``)."""
    contents = [{}, {}]  # name of the content -> identities of its sounds
    for study, one in heard.items():
        said = {normal(name): value for name, value in (one.content or {}).items()}
        side = contents[int(study in fmri)]
        for table in one.events.values():
            for row in table[table.stimulus != ""].drop_duplicates(["stimulus", "story"]).itertuples():
                if f"{study}/{row.stimulus}" in but:
                    continue
                for name in {said.get(normal(key)) for key in (row.stimulus, row.story)} - {None}:
                    side.setdefault(name, set()).add(one.sounds.get(row.stimulus))
    apart = sorted(name for name in set(contents[0]) & set(contents[1]) if not contents[0][name] & contents[1][name])
    if apart:
        tell(
            "odd",
            "data.studies",
            f"{len(apart)} contents are declared equal in MEG and fMRI (the studies' content), but were heard as other sounds: "
            f"{first_of(apart)}. They are on one side of the split; their seconds cannot be paired.",
        )


def one_telling(stimuli: Mapping[str, Stimulus], fmri: set[str]) -> dict[str, Stimulus]:
    """All stimuli; words and phones of a sound that both heard are those of the MEG, or of fMRI, where the MEG has none.

    So that windows at words are the same in both, and features of words, too.

    Parameters
    ----------
    stimuli
        By ``study/stimulus``.
    fmri
        The names of the studies of fMRI.
    """
    identities = sound_identities(stimuli)
    names: dict[str, tuple[list[str], list[str]]] = {}
    for name in sorted(stimuli):
        names.setdefault(identities[name], ([], []))[int(name.split("/", 1)[0] in fmri)].append(name)
    found = dict(stimuli)
    for meg, bold in names.values():
        if not meg or not bold:
            continue
        for what in ("words", "phones"):
            has = {name: getattr(stimuli[name], what) for name in (*meg, *bold)}
            first = next((table for table in has.values() if len(table)), None)
            for name, table in has.items():
                if first is not None and table is not first and (name in bold or not len(table)):
                    found[name] = replace(found[name], **{what: first})
    return found


def conditions_of(windows: Windows, events: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """(n,) The condition in which each window was heard (or said), by the event of its sound.

    Parameters
    ----------
    windows
        Of one split.
    events
        Events table of each recording, by ``study/recording``.
    """
    table = windows.intervals
    recording = table.recording.to_numpy()[windows.interval]
    onset_s = (table.onset - table.stimulus_onset).to_numpy()[windows.interval] + windows.start_s
    found = np.full(len(windows), "listen", dtype="<U12")
    for name in np.unique(recording):
        rows = events[name][(events[name].stimulus != "") & events[name].kind.isin(["sound", "story", "sentence"])]
        own = np.flatnonzero(recording == name)
        if rows.condition.nunique() == 1:
            found[own] = rows.condition.iloc[0]
            continue
        start, stop = rows.onset.to_numpy(), (rows.onset + rows.duration).to_numpy()
        for at in own:
            inside = np.flatnonzero((start <= onset_s[at] + 1e-3) & (onset_s[at] < stop))
            if len(inside):
                found[at] = rows.condition.iloc[inside[-1]]
    return found
