"""Check that the words that a recipe needs exist."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.placements import Placement
from n2s.data.talkers import attended
from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.study import Stimulus


def check_words(
    study: str,
    stimuli: Mapping[str, Stimulus],
    events: Mapping[str, pd.DataFrame],
    placements: Mapping[str, Placement],
) -> None:
    """Raise a UserError if windows of a split start at words and no stimulus of the study has any; a finding if some lack them."""
    splits = [split for split, placement in placements.items() if placement.needs_words]
    followed = {name for table in events.values() for name in attended(table).stimulus}
    stimuli = {name: stimulus for name, stimulus in stimuli.items() if name in followed}
    silent = sorted(name for name, stimulus in stimuli.items() if stimulus.words.empty)
    if not splits or not silent:
        return
    kind = type(placements[splits[0]]).__name__
    which = f"{len(silent)} of {len(stimuli)} stimuli of {study} have no words ({', '.join(silent[:3])}{', ...' if len(silent) > 3 else ''})"
    if len(silent) < len(stimuli):
        tell("left out", which, f"the {' and '.join(splits)} windows, which start at words ({kind}), leave them out.")
        return
    raise UserError(
        f"{which}, and the {' and '.join(splits)} windows start at words (data.{splits[0]}_windows: {kind}). Give the words their "
        "times: `n2s align` makes TextGrids from sounds and transcripts; or put TextGrids beside the sounds, where the study "
        "reads them; or lay windows without words: n2s.data.Grid."
    )
