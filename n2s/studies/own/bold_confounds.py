"""What a run's table of confounds says about its volumes, whether or not confounds are regressed out."""

from fnmatch import fnmatchcase
from pathlib import Path

from n2s.findings import tell
from n2s.studies.confound_sets import columns_of
from n2s.studies.readers.fetched import missing_content
from n2s.studies.readers.tsv import read_table

UNSTEADY = "non_steady_state_outlier"  # fMRIPrep: one column for each volume before the signal is steady


def tell_about_volumes(path: Path, n_tr: int, used: tuple[str, ...]) -> None:
    """Report another number of rows than volumes, and first volumes that are not steady.

    Parameters
    ----------
    path
        The table. If it is used, its errors are raised there.
    n_tr
        Volumes of the run.
    used
        Patterns of the columns that are regressed out.
    """
    if used and missing_content(path):
        return
    if why := missing_content(path):
        tell("odd", path, f"the confounds of a run cannot be read ({why}); none is used.")
        return
    table = read_table(path, numbers=())
    if len(table) != n_tr and not used:
        tell("odd", path, f"{len(table)} rows of confounds, but the run has {n_tr} volumes. If volumes were cut off its start, "
                          "clips' times have to be from the first one that was kept.")  # fmt: skip
    unsteady = [name for name in table if name.startswith(UNSTEADY)]
    if unsteady and not any(fnmatchcase(unsteady[0], pattern) for pattern in columns_of(used)):
        tell("odd", path, f"{len(unsteady)} first volumes are not steady ({UNSTEADY}*); n2s uses them. Regress them out with "
                          f"cleaning.confounds, or leave the clips of that time out.")  # fmt: skip
