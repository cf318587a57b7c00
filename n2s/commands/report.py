"""``n2s report``: write the pages of a run again."""

from pathlib import Path


def report(run: Path) -> None:
    """Write report.html of a tested run again, and the page of its predictions, from the run's folder.

    Parameters
    ----------
    run
        The run's folder: checkpoints/<experiment>/<run>.
    """
    from n2s.errors import UserError
    from n2s.training.results import write_reports

    if not run.is_dir():
        raise UserError(f"{run}: no such folder. Expected a run's folder: checkpoints/<experiment>/<run>.")
    for page in write_reports(run):
        print(f"Report: {page}")
