"""``n2s decode``: a trained run on a recording that is in no study."""

import inspect
from pathlib import Path
from typing import Any, Literal


def decode(
    run: str,
    recording: Path | None = None,
    bold: Path | None = None,
    audio: list[Path] | None = None,
    subject: str | None = None,
    events: Path | None = None,
    confounds: Path | None = None,
    scale: Literal["training", "recording"] | None = None,
    step_s: float | None = None,
    out: Path | None = None,
) -> None:
    """Decode a recording of anybody with a trained run: what was heard, ranked over time or made heard; writes tables (CSV), sounds and a page.

    Parameters
    ----------
    run
        A run's folder, an experiment (its newest run), an export, or its id on the Hugging Face Hub.
    recording
        MEG, EEG or iEEG: a file that MNE reads (fif, edf, bdf, vhdr, set, cnt, ds, con, mff).
    bold
        fMRI: a NIfTI image.
    audio
        Sound files that may have been heard.
    subject
        Who it is, if it is somebody of the training; else the mean of the people of the training decodes.
    events
        When the events are, for decoders of classes (phones, words, commands): a table (events.tsv of BIDS, or CSV) with a column onset, in s; without
        it every moment of a grid is decoded.
    confounds
        fMRI: the table of confounds of the run (fMRIPrep's desc-confounds_timeseries.tsv), where training regressed some out.
    scale
        fMRI: voxels are scaled by the training clips of the person, or by this recording itself, which may be in any unit; by default by training.
    step_s
        Seconds from one window to the next; by default what suits the system: 1 s for sounds, 0.1 s for classes, a volume for fMRI.
    out
        Folder to write to; by default decoded/<recording> in the current folder.
    """
    from n2s.api.load import load
    from n2s.errors import UserError
    from n2s.report.table import print_shown, wide_console

    given = recording if bold is None else bold
    if given is None or (recording is not None and bold is not None):
        raise UserError("name one recording: --recording x.fif (MEG, EEG, iEEG), or --bold x.nii.gz (fMRI).")
    found = load(run)
    takes, name = found.decoder.takes, "--recording" if bold is None else "--bold"
    if takes != ("sensors" if bold is None else "bold"):
        raise UserError(
            f"{found.name} decodes {'fMRI: --bold x.nii.gz' if takes == 'bold' else 'sensors: --recording x.fif'}; got {name}."
        )
    options: dict[str, Any] = {
        name: value
        for name, value in (("step_s", step_s), ("events", events), ("confounds", confounds), ("scale", scale))
        if value is not None
    }
    decoder = found.decoder
    if unknown := [name for name in options if name not in inspect.signature(decoder.decode).parameters]:
        raise UserError(f"{found.name}: its decoder has no --{unknown[0]}. Leave it out.")
    decoded = decoder.decode(given, audio or [], subject=subject, **options)
    folder = out or Path("decoded") / given.name.split(".")[0]
    page = decoded.save(folder)
    console = wide_console()
    print_shown(decoded.shown(), console)
    for what, where in decoded.written(folder).items():
        console.print(f"{what}: {where}", soft_wrap=True, highlight=False)
    console.print(f"page: {page}\nnext: open that page in a browser", soft_wrap=True, highlight=False)
