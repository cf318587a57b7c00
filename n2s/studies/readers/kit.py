"""KIT recordings in BIDS: the markers and digitised points beside them, which MNE-BIDS writes but does not read."""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import mne
import mne_bids
from mne_bids import BIDSPath

EXTENSIONS = (".con", ".sqd", ".kdf")


def kit_side_files(path: BIDSPath) -> dict[str, list[Path]]:
    """``mrk`` (one, or before and after), ``elp`` (fiducials and coils) and ``hsp`` (head shape) of a recording.

    They are ``*_markers.*`` and ``*_acq-ELP_headshape.*``, ``*_acq-HSP_headshape.*`` in its folder, of its task and
    run if their names have one.
    """
    found: dict[str, list[Path]] = {"mrk": [], "elp": [], "hsp": []}
    if path.extension not in EXTENSIONS:
        return found
    for file in sorted(path.fpath.parent.iterdir()):
        kind = re.search(r"_(markers|headshape)\.\w+$", file.name)
        if kind is None:
            continue
        own = mne_bids.get_entities_from_fname(file.name, on_error="ignore")
        if any(own.get(key) not in (None, getattr(path, key)) for key in ("task", "run")):
            continue
        role = "mrk" if kind[1] == "markers" else (own.get("acquisition") or "").lower()
        if role in found:
            found[role].append(file)
    return found


def set_head_position(raw: mne.io.BaseRaw, path: BIDSPath) -> None:
    """Set the head position in the helmet and the digitised points, from the side files if all three exist."""
    files = kit_side_files(path)
    if not all(files.values()):
        return
    with TemporaryDirectory() as folder:
        kit = mne.io.read_raw_kit(
            path.fpath,
            mrk=[str(file) for file in files["mrk"]],
            elp=_as_mne_names_it(files["elp"][0], "elp", Path(folder)),
            hsp=_as_mne_names_it(files["hsp"][0], "hsp", Path(folder)),
            verbose="ERROR",
        )
    raw.set_montage(kit.get_montage(), on_missing="ignore", verbose="ERROR")
    raw.info["dev_head_t"] = kit.info["dev_head_t"]


def _as_mne_names_it(file: Path, kind: str, folder: Path) -> Path:
    """A copy with the extension by which MNE distinguishes the two Polhemus formats: in BIDS both are .pos."""
    isotrak = b"%F" in file.read_bytes()  # its fiducials; FastSCAN's text has only % comments, and is in mm
    return Path(shutil.copyfile(file, folder / f"{kind}.{kind if isotrak else 'txt'}"))
