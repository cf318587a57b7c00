"""What was measured of all subjects: cells, transfer ratios, voxels, regions, probes."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(eq=False)
class CrossLanguageScores:
    """Scores of all subjects; ``subject`` is ``all subjects`` for their mean.

    Parameters
    ----------
    cells
        One row per subject, feature space, cell, measure and region: ``subject``, ``space``, ``role`` (model, control), ``cell``, ``label``,
        ``train``, ``test``, ``kind`` (within, cross, both), ``design`` (held_out, matched), ``measure`` (r: of encoding; rank, top1, topk: of
        identification), ``region`` ("" for identification), ``value``, ``low``, ``high``, ``interval`` (its kind), ``chance`` (mean of values at
        other times), ``chance_low``, ``chance_high`` (2.5 to 97.5% of these), ``p`` (one-sided), ``q`` (Benjamini-Hochberg over regions; of
        identification over cells), ``n`` (voxels, or segments), ``people`` (who have the cell: the mean over subjects is of these).
    transfer
        ``subject``, ``space``, ``role``, ``train``, ``test``, ``design``, ``measure``, ``region``, ``ratio`` (NaN: undefined), ``low``, ``high``, ``interval``,
        ``told`` (why it is undefined).
    voxels
        One row per subject and voxel: ``subject``, ``name``, ``x``, ``y``, ``z``, ``r:<cell>`` of the main space, ``q`` (of the best prediction
        within a language, Benjamini-Hochberg over voxels; absent without moves), and of each pair of languages
        ``<pair>:shared``, ``<pair>:<language>`` (parts of R2), ``<pair>:q`` (as ``q``, of the two languages) and ``<pair>:class`` (empty for
        subjects who did not hear both).
    regions
        ``subject``, ``pair``, ``region``, ``band``, ``explained`` (mean part of R2 of its voxels), ``share`` (of its voxels that are of this class), ``n``.
    probe
        ``subject``, ``space``, ``what``, ``accuracy``, ``chance``, ``n``.
    known
        ``subject``, ``pair``, ``truth``, ``class``, ``n``, and ``auc`` (of shared against specific voxels, by the difference of their parts): where the
        recipe names regions whose answer is known; else empty.
    settings
        Counts and options, as plain types.
    seed
        Of draws.
    """

    cells: pd.DataFrame
    transfer: pd.DataFrame
    voxels: pd.DataFrame
    regions: pd.DataFrame
    probe: pd.DataFrame
    known: pd.DataFrame
    settings: dict = field(default_factory=dict)
    seed: int = 0
