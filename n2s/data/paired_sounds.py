"""The sounds that MEG and fMRI share, and in which condition each window was heard."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.content import Heard
from n2s.data.language_tags import short_language
from n2s.data.windows import Windows
from n2s.errors import UserError, first_of
from n2s.findings import tell


def check_shared_stimuli(heard: Mapping[str, Heard], fmri: set[str]) -> None:
    """Check that some sound was heard in both; tell sounds that have one name and other samples, and those with other names.

    Parameters
    ----------
    heard
        What each study heard, by its name.
    fmri
        The names of the studies of fMRI.

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
            f"{len(other)} sounds have one name in MEG and fMRI and other samples: {first_of(other)}. They are no pair.",
        )
    renamed = sorted(min(sides[0][one]) for one in shared if not sides[0][one] & sides[1][one])
    if renamed:
        tell(
            "odd",
            "data.studies",
            f"{len(renamed)} sounds have another name in fMRI than in MEG and equal samples: {first_of(renamed)}. They are pairs.",
        )


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
