"""``n2s report``: write the report of a run again."""

from pathlib import Path


def report(run: Path) -> None:
    """Write report.html of a tested run again, from what is in its folder.

    Parameters
    ----------
    run
        The run's folder: checkpoints/<experiment>/<run>.
    """
    from n2s.errors import UserError
    from n2s.report import write_report
    from n2s.report.fmri_html import write_clip_report

    if not run.is_dir():
        raise UserError(f"{run}: no such folder. Expected a run's folder: checkpoints/<experiment>/<run>.")
    of_clips = any((run / "test").glob("*.clips.parquet"))  # what only a test of an fMRI decoder leaves
    print(f"Report: {(write_clip_report if of_clips else write_report)(run)}")
