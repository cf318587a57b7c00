"""Recordings that a pipeline cleaned, such as MNE-BIDS-Pipeline: read in place of the raw ones, with the side files of the raw folder."""

from pathlib import Path

import mne
from mne_bids import BIDSPath

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.studies.own.bids_scan import Found, scan
from n2s.studies.own.bids_side_files import check_table, side_file
from n2s.studies.readers.fetched import missing_content

KEY = ("subject", "session", "task", "run", "acquisition")


def cleaned_recordings(root: Path, derivative: str, datatype: str, raw: list[Found]) -> dict[Found, BIDSPath]:
    """The continuous recordings of a pipeline (``*_raw.fif`` or ``*_meg.fif``), each with the raw recording that it was made from.

    Their ``proc-`` or ``desc-`` label is their entity ``processing``.

    Parameters
    ----------
    root
        The raw folder.
    derivative
        The pipeline's folder, from the root.
    datatype
        ``meg`` or ``eeg``.
    raw
        What a scan of the raw folder gave.

    Raises
    ------
    UserError
        There is no such folder, or it holds no continuous recording.
    """
    folder = root / derivative
    if not folder.is_dir():
        there = sorted(one.name for one in (root / "derivatives").glob("*") if one.is_dir())
        raise UserError(
            f"derivative: no folder {folder}; {root / 'derivatives'} holds {', '.join(there) or 'nothing'}."
            f"{nearest(Path(derivative).name, there)} Give the pipeline's folder from the root: derivatives/mne-bids-pipeline."
        )
    found = scan(folder, datatype, (".fif",), (datatype, "raw"))
    if not found:
        epochs = sorted(folder.glob(f"sub-*/**/{datatype}/*_epo.fif"))
        also = (
            f" It holds epochs ({epochs[0].name}, {len(epochs)} in all), which have lost the time between."
            if epochs
            else ""
        )
        raise UserError(
            f"derivative: {folder} holds no continuous {datatype} recording (sub-*/[ses-*/]{datatype}/*_raw.fif).{also} Let the "
            "pipeline save cleaned recordings (MNE-BIDS-Pipeline: proc-filt_raw.fif or proc-clean_raw.fif)."
        )
    paths = {tuple(one.entities.get(key) for key in KEY): one.path for one in raw if one.path is not None}
    pairs = {}
    for one in found:
        labels = {key: one.entities.get(key) for key in KEY}
        one.entities["processing"] = one.entities.get("processing") or one.entities.get("description")
        path = paths.get(tuple(labels.values()))
        pairs[one] = path or BIDSPath(
            root=root, datatype=datatype, suffix=datatype, extension=".fif", check=False, **labels
        )
    return pairs


def read_cleaned(path: BIDSPath, raw: BIDSPath) -> mne.io.BaseRaw:
    """Open a cleaned recording: channels, bad channels and annotations are its own.

    Raises
    ------
    UserError
        It cannot be read, or it begins at another time than the raw recording, so that events.tsv does not fit it.
    """
    file = path.fpath
    try:
        cleaned = mne.io.read_raw_fif(file, verbose="ERROR")
    except Exception as error:  # MNE's reader may raise any exception for a damaged file
        raise UserError(
            f"{file}: MNE cannot read it ({type(error).__name__}: {error}). Run the pipeline again."
        ) from error
    _compare_starts(cleaned, file, raw.fpath)
    channels, _ = side_file(raw, "channels", ".tsv")
    if channels is not None:
        columns = check_table(channels, "channels")
        status = columns.get("status", [""] * len(columns["name"]))
        bad = [name for name, says in zip(columns["name"], status, strict=True) if says.lower() == "bad"]
        good = [name for name in bad if name in cleaned.ch_names and name not in cleaned.info["bads"]]
        if good:
            tell("odd", file, f"{len(good)} channels are bad in {channels.name} and good here ({', '.join(good[:8])}): n2s takes them "
                 "for repaired.")  # fmt: skip
    return cleaned


def _compare_starts(cleaned: mne.io.BaseRaw, file: Path, raw_file: Path) -> None:
    """Refuse a recording that was cut at its beginning: the times of events.tsv count from the raw one's first sample."""
    start_s = cleaned.first_samp / cleaned.info["sfreq"]
    if raw_file.suffix == ".fif":
        if missing_content(raw_file):
            tell("odd", file, "the raw recording is not here: n2s takes both for equally long, without a check.")
            return
        try:
            raw = mne.io.read_raw_fif(raw_file, allow_maxshield=True, verbose="ERROR")
        except Exception as error:  # as above
            raise UserError(
                f"{raw_file}: MNE cannot read it ({type(error).__name__}: {error}). Copy it again."
            ) from error
        start_s -= raw.first_samp / raw.info["sfreq"]
    if abs(start_s) > 1.5 / cleaned.info["sfreq"]:
        raise UserError(
            f"{file} begins {start_s:.3f} s after its raw recording {raw_file.name}: it was cropped, and events.tsv counts from the "
            "start of the raw one. Run the pipeline without cropping at the start (crop_runs)."
        )
