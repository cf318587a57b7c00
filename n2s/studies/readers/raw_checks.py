"""What a raw recording must be before its samples can be used: continuous, whole, with all its parts."""

import configparser
import json
import re
import struct
from pathlib import Path

import mne
import numpy as np
from mne_bids import BIDSPath

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.matlab import check_mat

_CONTINUOUS = "Only continuous recordings are read: export it without segmentation and averages."
_SAMPLE_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}  # of BrainVision's formats
_NEXT_NONE = -1  # of the last tag of a FIF file


def header_of(file: Path) -> dict[str, str | Path]:
    """The entries of a BrainVision header, with their names in lower case, and the paths ``data`` and ``markers``.

    Empty where it is damaged: MNE says how.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        text = file.read_bytes().decode("latin-1").split("[Comment]")[0]
        parser.read_string(text[text.index("[") :])
    except (OSError, ValueError, configparser.Error):
        return {}
    found: dict[str, str | Path] = {}
    for section in ("Common Infos", "Common infos", "Binary Infos"):
        found |= {key: value.strip() for key, value in (parser.items(section) if section in parser else [])}
    if found.get("datafile"):
        found["data"] = file.parent / _utf8(found["datafile"])
    if found.get("markerfile"):
        named = file.parent / _utf8(found["markerfile"])
        found["markers"] = named if named.is_file() else file.with_suffix(".vmrk")
    return found


def refuse_pieces(file: Path, side: dict) -> None:
    """Refuse epochs and averages that are stored like a continuous recording, and a header without its data.

    Raises
    ------
    UserError
        RecordingType in the JSON file is ``epoched``; a .set file is damaged; a BrainVision file is segmented or averaged, or its data are not there.
    """
    kind = side.get("RecordingType")
    if kind == "epoched":
        raise UserError(
            f"{file}: RecordingType in its JSON file is 'epoched', so the time between its epochs is lost. {_CONTINUOUS} If it "
            "is continuous, write that into the JSON file."
        )
    if kind == "discontinuous":
        tell(
            "odd",
            file,
            "RecordingType in its JSON file is 'discontinuous'. Check that onsets count its samples, without pauses.",
        )
    if file.suffix.lower() == ".set":
        check_mat(file)
    if file.suffix.lower() != ".vhdr":
        return
    header = header_of(file)
    for key, plain in (("datatype", "TIMEDOMAIN"), ("segmentationtype", "NOTSEGMENTED"), ("averaged", "NO")):
        if header.get(key, plain).upper() != plain:
            raise UserError(f"{file}: its header says {key} '{header[key]}'; expected {plain}. {_CONTINUOUS}")
    data = header.get("data")
    if data is not None and not data.is_file():
        here = sorted(one.name for one in file.parent.glob(f"{file.stem}.*") if one != file) or ["nothing of its name"]
        raise UserError(
            f"{file}: its data file {data.name} is not here; beside it lies {', '.join(here)}. Fetch it, or correct DataFile (and "
            "MarkerFile) in the header if the files were renamed."
        )


def explained(file: Path, error: Exception) -> str | None:
    """What an error of one of MNE's readers means, where its own words do not say it; else None."""
    said = " ".join(str(error).split())
    missing = re.search(r"next file (.+?) does not exist", said)
    if missing:
        return (
            f"{file}: it goes on in {Path(missing[1]).name}, which is not here. Fetch that part. If the files were renamed by hand, "
            "read them under their old names with MNE and save them again: the name of the next part is inside the file."
        )
    if re.search(r"number of trials is|contains epochs|contains evoked|averaged|No raw data in", said):
        return f"{file}: it is not a continuous recording ({said}). {_CONTINUOUS}"
    if "Ambiguous operation" in said:
        return (
            f"{file}: its annotations have a date and the recording has none, so their times cannot be placed: the date was removed by "
            "a program that left theirs. Use the original file, or remove its date with `raw.anonymize()` of MNE."
        )
    if ".fdt" in said and "not f" in said.lower().replace("could not find", "not found"):
        names = " and ".join(
            dict.fromkeys(Path(one).name for one in re.findall(r"[^ ]+\.fdt(?!\w)", said) if len(one) > 4)
        )
        return f"{file}: its samples are in a file of their own that is not here ({names}). Fetch it, or give it that name."
    return None


def check_ends(file: Path, raw: mne.io.BaseRaw, *, read: bool) -> None:
    """Refuse a recording without samples or rate; ``read`` its first and last sample, so that a damaged file is known at once.

    Raises
    ------
    Exception
        Of the reader, if a sample cannot be read.
    """
    n, sfreq = int(raw.n_times), raw.info["sfreq"]
    if n < 1 or not 0 < sfreq < np.inf:
        raise UserError(
            f"{file}: {n} samples at {sfreq:g} Hz; expected some, at a rate above 0. Copy it again from its source."
        )
    if not read:
        return
    try:
        raw[:, :1], raw[:, n - 1 :]
    except Exception as error:  # MNE's readers may raise any
        if file.suffix.lower() == ".fif" and any(_ends_early(Path(one)) for one in raw.filenames):
            raise UserError(
                f"{file}: the file ends before its end, inside its samples. Copy it again from its source."
            ) from error
        raise


def check_parts(file: Path, raw: mne.io.BaseRaw) -> None:
    """Report parts of a recording that lie beside it and are not read, and refuse samples that are not all there.

    Raises
    ------
    UserError
        The .fdt file of an EEGLAB recording is shorter than its header says.
    """
    if file.suffix.lower() == ".fif":
        stem = re.sub(r"_split-\d+", "", file.stem)
        base, _, kind = stem.rpartition("_")
        part = re.compile(rf"{re.escape(base)}(_split-\d+)?_{re.escape(kind)}(-\d+)?\.fif")
        read = {Path(one).name for one in raw.filenames} | {file.name, Path(file).resolve().name}
        left = sorted(one.name for one in file.parent.iterdir() if part.fullmatch(one.name) and one.name not in read)
        if left and base:
            tell(
                "left out",
                file,
                f"{', '.join(left)}: it lies beside it under the name of a part, but no part that is read names it as its next one. "
                "If it belongs to the recording, save all parts again with MNE.",
            )
    if file.suffix.lower() == ".set" and raw.filenames and str(raw.filenames[0]).endswith(".fdt"):
        data = Path(raw.filenames[0])
        expected, found = 4 * len(raw.ch_names) * raw.n_times, data.stat().st_size
        if found < expected:
            raise UserError(
                f"{data}: {found} bytes; {file.name} says {len(raw.ch_names)} channels of {raw.n_times} samples, which are "
                f"{expected} bytes. Copy it again from its source."
            )
        if found > expected:
            tell("odd", data, f"{found} bytes, where {file.name} says {expected}: what is beyond is not read.")


def tell_cut_off(file: Path, raw: mne.io.BaseRaw) -> None:
    """Report a file that ends before its end, and samples that are not read or not as they are: MNE is silent about these."""
    read_s = raw.n_times / raw.info["sfreq"]
    rates = {round(n, 6) for n in _edf_rates(raw)} if file.suffix.lower() in (".edf", ".bdf") else set()
    if len(rates) > 1:
        tell(
            "odd",
            file,
            f"its channels have {len(rates)} sampling rates: MNE brings all of them to {raw.info['sfreq']:g} Hz.",
        )
    if file.suffix.lower() == ".ds" and (n := raw._raw_extras[0]["n_samp_tot"] - raw._raw_extras[0]["n_samp"]) > 0:
        tell("left out", file, f"{n / raw.info['sfreq']:.3f} s at its end, where the system clock does not run.")
    if file.suffix.lower() == ".fif" and any(_ends_early(Path(one)) for one in raw.filenames):
        tell(
            "odd",
            file,
            f"the file ends before its end: {read_s:.3f} s of it can be read. Copy it again from its source.",
        )
    if file.suffix.lower() == ".vhdr":
        header = header_of(file)
        data, frame = header.get("data"), _SAMPLE_BYTES.get(str(header.get("binaryformat")), 0) * len(raw.ch_names)
        if frame and data.is_file() and data.stat().st_size % frame:
            tell(
                "odd",
                file,
                f"{data.name} ends inside a sample: {read_s:.3f} s of it are read. Copy it again from its source.",
            )
        try:
            promised = int(header["datapoints"])
        except (KeyError, ValueError):
            return
        if promised > 0 and promised != raw.n_times:  # 0: the software did not know it yet
            tell(
                "odd",
                file,
                f"its header says {promised} samples, its data file holds {raw.n_times}, which are {read_s:.3f} s: these are "
                "read. If the file was cut off, copy it again from its source.",
            )


def _edf_rates(raw: mne.io.BaseRaw) -> list[float]:
    """Samples of each channel in a data record, without the annotations."""
    extras = raw._raw_extras[0]
    lengths, notes = np.atleast_1d(extras.get("n_samps", [])), np.atleast_1d(extras.get("tal_idx", [])).astype(int)
    return [float(n) for n in np.delete(lengths, notes[notes < len(lengths)])]


def _ends_early(file: Path) -> bool:
    """Whether a chain of FIF tags breaks off: each says how long it is, and the last that it is the last."""
    if file.suffix != ".fif":
        return False
    size, at = file.stat().st_size, 0
    with file.open("rb") as opened:
        while at != size:
            opened.seek(at)
            head = opened.read(16)
            if len(head) < 16:
                return True
            _, _, n_bytes, follows = struct.unpack(">iiii", head)
            if n_bytes < 0 or at + 16 + n_bytes > size:
                return True
            if follows == _NEXT_NONE:
                return False
            if follows < 0 or 0 < follows <= at:
                return False  # damaged in another way
            at = follows or at + 16 + n_bytes
    return False


def side_of(path: BIDSPath | Path) -> dict:
    """The entries of a recording's JSON side file; empty if it has none, or MNE-BIDS says what is wrong with it."""
    side = path.find_matching_sidecar(path.datatype, ".json", on_error="ignore") if isinstance(path, BIDSPath) else None
    try:
        content = {} if side is None else json.loads(Path(side).read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text
