"""Raw recordings of MEG, EEG and iEEG: which extension is read by what, and how one is opened."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mne
import mne_bids
import pandas as pd
from mne_bids import BIDSPath
from mne_bids import read as mne_bids_read

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.clocks import check_samples, check_side_file
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.holes import accepted, brainvision_holes, ctf_holes, edf_holes, eeglab_holes
from n2s.studies.readers.kit import EXTENSIONS as KIT
from n2s.studies.readers.kit import set_head_position
from n2s.studies.readers.marks import Note, marks, notes_of, rows_of, set_notes
from n2s.studies.readers.nwb import read_raw_nwb
from n2s.studies.readers.raw_checks import (
    check_ends,
    check_parts,
    explained,
    header_of,
    refuse_pieces,
    side_of,
    tell_cut_off,
)


def _fif(file: Path, **options: str) -> mne.io.BaseRaw:
    return mne.io.read_raw_fif(file, allow_maxshield=True, **options)


def _cnt(file: Path, **options: str) -> mne.io.BaseRaw:
    """Neuroscan's format, or ANT's, which has the same name and is a RIFF file."""
    with file.open("rb") as opened:
        reader = mne.io.read_raw_ant if opened.read(4) == b"RIFF" else mne.io.read_raw_cnt
    return reader(file, **options)


def _bti(folder: Path, **options: str) -> mne.io.BaseRaw:
    """The folder of a 4D recording: its processed data file, ``config``, and ``hs_file`` if there is one."""
    found = [file for pattern in ("0", "c,rf*", "hc,rf*", "e,rf*") for file in sorted(folder.glob(pattern))]
    if not found:
        raise UserError(
            f"{folder}: no processed data file of 4D. Expected c,rfDC (or c,rf..., hc,rf..., e,rf...) beside config."
        )
    shape = folder / "hs_file"
    return mne.io.read_raw_bti(
        found[0], config_fname=str(folder / "config"), head_shape_fname=shape if shape.is_file() else None, **options
    )


#: What reads each format, by the end of its name in lower case; "" is the folder of a 4D (BTi) recording.
READERS: dict[str, Callable[..., mne.io.BaseRaw]] = {
    ".fif": _fif,
    ".fif.gz": _fif,
    ".ds": mne.io.read_raw_ctf,
    **dict.fromkeys(KIT, mne.io.read_raw_kit),
    "": _bti,
    ".vhdr": mne.io.read_raw_brainvision,
    ".edf": mne.io.read_raw_edf,
    ".bdf": mne.io.read_raw_bdf,
    ".set": mne.io.read_raw_eeglab,
    ".cnt": _cnt,
    ".mff": mne.io.read_raw_egi,
    ".nwb": read_raw_nwb,
}

#: The recordings of each BIDS datatype; of two files with one name, the first is read. ".pdf" is MNE-BIDS' name for 4D folders.
EXTENSIONS = {
    "meg": (".fif", ".ds", ".pdf", *KIT),
    "eeg": (".vhdr", ".edf", ".EDF", ".bdf", ".BDF", ".set", ".cnt", ".CNT", ".mff", ".fif"),
    "ieeg": (".vhdr", ".edf", ".EDF", ".set", ".nwb", ".bdf", ".fif"),
}

_BY_MNE_BIDS = (".fif", ".ds", ".con", ".sqd", ".vhdr", ".edf", ".EDF", ".bdf", ".set")
_READ_WHOLE = (".set", ".fif.gz")  # formats in which one sample may cost reading all
_WITHOUT_NOTES = ("", *KIT, ".nwb")  # formats that have no annotations

#: Warnings of MNE that are about the samples or their times.
_TOLD = (
    "Number of records",
    "file size",
    "Omitted",
    "Unknown types",
    "sampling",
    "Scaling factor",
    "hysical range",
    "igital range",
    "unit",
    "NaN",
    "Data file name in EEG.data",
    "not unique",
    "acq_time",
    "MarkerFile",
)

#: A package that MNE needs for some files, by a word of its message.
_INSTALL = {
    "HDF reader": "this file is MATLAB 7.3 (HDF5): `pip install pymatreader`, or save it in EEGLAB without -v7.3",
    "mffpy": "EGI's .mff needs `pip install mffpy defusedxml`",
    "defusedxml": "EGI's .mff needs `pip install mffpy defusedxml`",
    "antio": "ANT's .cnt needs `pip install antio`",
}


def open_raw(
    path: BIDSPath | Path, *, events: Path | None = None, kind: Sequence[str] = ("trial_type",)
) -> mne.io.BaseRaw:
    """Open a recording without reading its samples, with its annotations, and with its BIDS side files if it has some.

    Annotations: the bad spans and seams that the file or its events.tsv marks, each once, and the events. Their times are
    right with or without a date, and whatever date scans.tsv has.

    Parameters
    ----------
    path
        The file, or the folder for CTF (``.ds``), EGI (``.mff``) and 4D.
    events
        Its events.tsv.
    kind
        Columns of events.tsv that hold the kind of a row, see `n2s.studies.readers.event_columns.EventColumns`.

    Raises
    ------
    UserError
        The file cannot be read, is in pieces (epochs, averages), lacks a part, or has a hole before its events.
    """
    file = path.fpath if isinstance(path, BIDSPath) else Path(path)
    check_fetched(file)
    end = ending(file)
    side, rows = side_of(path), rows_of(events, kind)
    refuse_pieces(file, side)
    with _mne_reads(file, in_bids=isinstance(path, BIDSPath)):
        by_mne_bids = isinstance(path, BIDSPath) and path.extension in _BY_MNE_BIDS
        raw = mne_bids.read_raw_bids(path, verbose="WARNING") if by_mne_bids else _read(file, end)
        own = _read(file, end) if by_mne_bids and end not in _WITHOUT_NOTES else raw.copy()
        check_ends(file, own, read=end not in _READ_WHOLE)
        if isinstance(path, BIDSPath) and not by_mne_bids:  # what `read_raw_bids` does after its own reader
            raw = mne_bids_read._attach_sidecars(raw, path, on_ch_mismatch="raise")
        if end in KIT and isinstance(path, BIDSPath):
            set_head_position(raw, path)
        notes = [] if end in _WITHOUT_NOTES else _own_notes(own, file, end)
    check_parts(file, own)
    tell_cut_off(file, own)
    check_side_file(own, side, file)
    check_samples(own, rows, events)
    if own.info.get("maxshield"):
        tell(
            "odd",
            file,
            "recorded with MaxShield (active shielding) and not cleaned by SSS since: its fields are distorted. Add the step "
            "SSS to the preprocessing, or use the file that MaxFilter wrote (proc-sss).",
        )
    seams = _seams(own, file, end, notes, rows)
    set_notes(raw, events, (notes if events is None else marks(rows, notes, events, file)) + seams)
    return raw


def ending(file: Path) -> str:
    """The end of its name that says its format, in lower case: a key of `READERS`; a `UserError` if it is none."""
    name = file.name.lower()
    found = max((end for end in READERS if name.endswith(end)), key=len)
    if not found and not (file.is_dir() and (file / "config").is_file()):
        raise UserError(
            f"{file}: not a format that is read ({', '.join(sorted(READERS)[1:])}, or a 4D folder with its config)."
        )
    return found


def _read(file: Path, end: str) -> mne.io.BaseRaw:
    return READERS[end](file, verbose="WARNING")


@contextmanager
def _mne_reads(file: Path, *, in_bids: bool) -> Iterator[None]:
    """MNE's warnings about samples and times become findings, and whatever its readers raise a `UserError`."""
    log, mute = logging.getLogger("mne"), lambda record: False  # it would repeat its warnings on the terminal
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        log.addFilter(mute)
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # MNE's readers may raise any exception for a damaged or misnamed file
            said = re.split(r"\w+Error: ", " ".join(str(error).split()))[-1]  # some repeat a traceback in their message
            install = next((how for word, how in _INSTALL.items() if word in said), None)
            if install or (plain := explained(file, error)):
                raise UserError(f"{file}: {install}." if install else plain) from error
            raise UserError(
                f"{file}: MNE cannot read it{' with its BIDS side files' if in_bids else ''} ({type(error).__name__}: {said}). "
                f"Check the file{', and that channels.tsv has the channel names of the recording' if in_bids else ''}."
            ) from error
        finally:
            log.removeFilter(mute)
    for one in heard:
        text = " ".join(str(one.message).split())
        ours = text.startswith("Coordinate unit") and file.name.partition(".")[0].endswith("_ieeg")  # told by its study
        if any(word in text for word in _TOLD) and not ours:
            tell("odd", file, f"MNE says: {text}")


def _own_notes(own: mne.io.BaseRaw, file: Path, end: str) -> list[Note]:
    """The annotations of the file, s from its first sample."""
    found = notes_of(own.annotations, own.first_time)
    if end == ".ds":
        return _ctf_notes(found, own._raw_extras[0]["block_size"] / own.info["sfreq"])
    if end == ".set":  # those of the recording are cut at its end, but a boundary's duration is what was cut out
        return _eeglab_notes(notes_of(mne.read_annotations(file)))
    if end.startswith(".fif"):
        try:
            kept = mne.read_annotations(file)
        except OSError:  # it has none
            return found
        date = own.info["meas_date"]
        if len(kept) > len(found) and date and kept.orig_time and kept.orig_time != date:
            # MNE writes both dates alike: somebody changed that of the recording alone, and MNE drops what lies outside it
            tell(
                "corrected",
                file,
                f"its annotations were written when the recording had the date {kept.orig_time:%Y-%m-%d}, not {date:%Y-%m-%d}: "
                "they are placed by that date.",
            )
            return notes_of(kept, own.first_time) + found
    return found


def _ctf_notes(notes: list[Note], trial_s: float) -> list[Note]:
    """CTF's bad.segments has lines of trial (from 1), start and end in that trial; MNE takes the trial for a name alone."""
    found = [(re.fullmatch(r"bad_(\d+)", note.text), note) for note in notes]
    return [
        note._replace(onset=note.onset + (int(bad[1]) - 1) * trial_s, text="bad_segment")
        if bad and int(bad[1])
        else note
        for bad, note in found
    ]


def _eeglab_notes(notes: list[Note]) -> list[Note]:
    """Where all events have numbers, EEGLAB's boundary is -99 (eeg_isboundary.m)."""
    if not all(re.fullmatch(r"-?\d+(\.0)?", note.text) for note in notes if note.text != "boundary"):
        return notes
    return [note._replace(text="boundary") if note.text in ("-99", "-99.0") else note for note in notes]


def _seams(own: mne.io.BaseRaw, file: Path, end: str, notes: list[Note], rows: pd.DataFrame) -> list[Note]:
    """The holes of the recording as seams; a `UserError` if events lie after one."""
    sfreq, holes = own.info["sfreq"], []
    if end in (".edf", ".bdf"):
        holes = edf_holes(file)
    elif end == ".vhdr":
        holes = brainvision_holes(header_of(file).get("markers"), sfreq)
    elif end == ".set":
        holes = eeglab_holes(notes)
    elif end == ".ds":
        holes = ctf_holes(own)
    elif end == "" and (n_epochs := own._raw_extras[0].get("total_epochs", 1)) > 1:
        raise UserError(f"{file}: {n_epochs} epochs; expected a continuous recording of 4D, which has one.")
    return accepted(file, holes, rows=rows, own=notes, on_samples=end in (".vhdr", ".set"), sfreq=sfreq)
