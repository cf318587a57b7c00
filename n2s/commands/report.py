"""``n2s report``: write the reports of a run again."""

from pathlib import Path


def report(run: Path) -> None:
    """Write report.html of a tested run again, and that of its sounds, from what is in its folder.

    Parameters
    ----------
    run
        The run's folder: checkpoints/<experiment>/<run>.
    """
    from n2s.errors import UserError
    from n2s.report import write_report
    from n2s.systems.clips.fmri_html import write_clip_report
    from n2s.systems.sound.sound_html import write_sound_report

    if not run.is_dir():
        raise UserError(f"{run}: no such folder. Expected a run's folder: checkpoints/<experiment>/<run>.")
    of_sounds = (run / "predictions" / "metrics.json").is_file()
    if of_sounds:
        print(f"Report: {write_sound_report(run)}")
    if of_sounds and not (run / "metrics.json").is_file():
        return
    of_clips = any((run / "test").glob("*.clips.parquet"))  # what only a test of an fMRI decoder leaves
    print(f"Report: {(write_clip_report if of_clips else write_report)(run)}")
