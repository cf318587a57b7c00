"""Brain scores of all subjects, and what follows from them: means over regions, tests over subjects."""

from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from n2s.systems.encoding.results.group import Group, within
from n2s.systems.encoding.results.regions import Regions


@dataclass(eq=False)
class BrainScores:
    """Brain scores of all subjects.

    Parameters
    ----------
    targets
        One row per subject and target (voxel, vertex, sensor): ``subject``, ``name``, ``index`` (flat place in the image or mesh, -1:
        none), ``x``, ``y``, ``z`` (mm; of sensors x and y of the layout), a column ``roi:<region>`` (bool) for each region, and

        - ``r:<row>``: Pearson correlation of prediction and response on held-out rows, mean over seeds;
        - ``p:<row>``: its p within the subject, one-sided;
        - ``gain:<row>``: r of a nested level minus r of the level before it;
        - ``share:<space>``: the share of R2 that the banded model gives a space (product measure);
        - ``ceiling:<kind>``: ``ev`` (explainable variance of a single response), ``ev_corrected``, ``r`` (what follows from it: the
          correlation of a perfect model with the held-out responses, which may be means of several presentations), ``isc``; NaN
          where it cannot be computed, or nothing is explained;
        - ``n_presentations``: how many presentations a held-out response is the mean of.
    rows
        One row per ``<row>``: ``row``, ``label``, ``role`` (model, control), ``network`` (``dutch``; "" for a single space), ``level``
        (0 for the first space of a network), ``spaces`` (joined by " + "), ``n_features``, ``n_seeds``.
    images
        Subject -> ``{"kind": voxel | vertex | grayordinate | sensor, "shape": [...], "affine": [[...]], "mesh": "", "template": "",
        "grayordinates": n2s.studies.readers.grayordinates.packed}``; what is not known is absent. ``template`` is that of
        `n2s.studies.fmri.Space`. ``own_names``: True if other subjects' sensors of the same names are elsewhere.
    lags
        For sensors: ``subject``, ``name``, ``lag_s``, and ``r:<row>`` of each lag alone. None: not asked for.
    kernels
        Response functions: ``subject``, ``name``, ``space``, ``feature``, ``lag_s``, ``weight``. None: not asked for.
    settings
        Facts for notes and ``metrics.json``: folds, penalties, permutations, what is purged, the kind of ceiling.
    seed
        Of permutations.
    """

    targets: pd.DataFrame
    rows: pd.DataFrame
    images: dict = field(default_factory=dict)
    lags: pd.DataFrame | None = None
    kernels: pd.DataFrame | None = None
    settings: dict = field(default_factory=dict)
    seed: int = 0

    @property
    def what(self) -> str:
        """What targets are: ``voxels``, ``sensors``; of several kinds all of them."""
        plural = {"voxel": "voxels", "vertex": "vertices", "grayordinate": "grayordinates", "sensor": "sensors"}
        kinds = sorted({one.get("kind", "target") for one in self.images.values()}) or ["target"]
        return " and ".join(plural.get(kind, "targets") for kind in kinds)

    @cached_property
    def regions(self) -> Regions:
        """Means over regions."""
        return Regions(self.targets, self.rows)

    @cached_property
    def group(self) -> Group:
        """Tests over subjects, at first use."""
        return Group(self.targets, self.images)

    def told_apart(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with ``subject`` and ``name``; where a name is another target in each subject, that of the subject is put before it."""
        return table if self.group.one_name else table.assign(name=table.subject + " " + table.name)

    @cached_property
    def significant(self) -> dict:
        """Counts of targets that are significant within each subject; see `n2s.systems.encoding.results.group.within`."""
        return within(self.targets, self.regions.names)
