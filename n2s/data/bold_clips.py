"""The responses of one person to clips, from the runs of BOLD in which they were heard."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.data.bold_preparation import BoldRun
from n2s.data.clip_splits import without_shared_volumes
from n2s.data.kept_responses import KeptResponses, kept_responses, scaled_responses, tell_few
from n2s.data.responses import VolumeWindow
from n2s.errors import UserError


@dataclass(frozen=True)
class SubjectResponses:
    """What one person gives.

    Parameters
    ----------
    table
        The usable presentations.
    kept
        Their z-scored responses, row by row.
    places
        (v, 3) Where the voxels are, mm; None if not known.
    left_out
        Why presentations are not used -> how many.
    """

    table: pd.DataFrame
    kept: KeptResponses
    places: np.ndarray | None
    left_out: dict[str, int]


def subject_responses(
    clips: pd.DataFrame,
    bold: Mapping[str, BoldRun],
    response: VolumeWindow,
    *,
    roi: str | None,
    scale: Literal["subject", "run"],
) -> SubjectResponses:
    """Cut the responses of one person and scale them with training clips.

    Parameters
    ----------
    clips
        All presentations to this person, with their splits.
    bold
        The prepared runs, by ``study/recording``.
    response
        Which volumes belong to a clip.
    roi
        The region, by its name in the study; None: all voxels.
    scale
        See `n2s.data.FMRIDataModule`.

    Raises
    ------
    UserError
        No presentation can be used, or none of them is for training.
    """
    tables, cuts, subject = [], {}, clips.subject.iloc[0]
    n_outside = 0
    for name, rows in clips.groupby("recording", sort=False):
        run = bold[name].bold(name)
        voxels = run.voxels(roi, name)
        bounds, inside = response.bounds(rows, len(run.data), run.tr_s, name)
        n_outside += int((~inside).sum())
        rows, bounds = rows[inside], bounds[inside]
        if len(rows):
            cuts[name] = (run, bounds, voxels, name)
            tables.append(rows.assign(first=bounds[:, 0], stop=bounds[:, 1]))
    if not tables:
        raise UserError(f"{subject}: no clip's window lies in its run. Check data.lag_s and data.window_s.")
    table = pd.concat(tables, ignore_index=True)
    keep = without_shared_volumes(table)
    usable = table[keep].reset_index(drop=True)
    if not (usable.split == "train").any():
        raise UserError(f"{subject} has no training clips: voxels cannot be scaled. Leave it out (data.subjects).")
    if scale == "run":
        tell_few(usable)
    rows = table[["recording", "first", "stop", "split"]].assign(keep=keep).to_csv(index=False)
    prepared = [f"{bold[name].folder.parent.name}/{bold[name].key}" for name in cuts]
    key = {"runs": prepared, "rows": rows, "roi": roi, "scale": scale, "window": asdict(response)}
    found = kept_responses(key, lambda: scaled_responses(response, cuts, usable, keep, scale), where=subject)
    left_out = {
        "their window reaches out of the run": n_outside,
        "training clips that share volumes with held-out ones": int((~keep).sum()),
    }
    return SubjectResponses(usable, found, None if run.places is None else run.places[voxels], left_out)
