"""Contacts inside the head: their types and marks from a channels.tsv, their places from an electrodes.tsv, for files that know neither."""

from collections.abc import Mapping
from pathlib import Path

import mne
import numpy as np

from n2s.errors import UserError, first_of
from n2s.studies.readers.side_files import read_json
from n2s.studies.readers.tsv import read_table

#: BIDS' types of channels -> MNE's; all others are no brain signal.
TYPES = {"ECOG": "ecog", "SEEG": "seeg", "DBS": "dbs", "EEG": "eeg", "ECG": "ecg", "EKG": "ecg", "EOG": "eog", "EMG": "emg", "TRIG": "stim"}  # fmt: skip
CONTACTS = ("ecog", "seeg", "dbs")
UNITS_M = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
DEFAULT_M = UNITS_M["mm"]  # if nothing says: the unit of imaging


def channel_types(path: Path, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """The type in MNE of each channel that the table lists, and the bad ones.

    Parameters
    ----------
    path
        A channels.tsv.
    names
        The channels of the recording, for messages.

    Raises
    ------
    UserError
        The table lacks name or type, or a channel of the recording.
    """
    table = read_table(path, numbers=())
    missing = [column for column in ("name", "type") if column not in table]
    if missing:
        raise UserError(f"{path}: no column {' and '.join(missing)}; there are {', '.join(table)}.")
    unlisted = [name for name in names if name not in set(table["name"])]
    if unlisted:
        raise UserError(
            f"{path}: {len(unlisted)} of {len(names)} channels of the recording are not in it ({first_of(unlisted)}). It is another "
            "recording's, or was changed: copy it again."
        )
    kinds = {row["name"]: TYPES.get(row["type"].upper(), "misc") for _, row in table.iterrows()}
    status = table["status"].str.lower() if "status" in table else ""
    return kinds, table["name"][status == "bad"].tolist()


def read_places(path: Path) -> dict[str, np.ndarray]:
    """Contact -> (3,) its place, m, from an electrodes.tsv; those without one (n/a) are not in it.

    The unit is that of coordsystem.json beside it (of the same space), else mm.

    Raises
    ------
    UserError
        A column is missing, a place is no number, or the unit is none of m, cm, mm.
    """
    table = read_table(path, numbers=("x", "y", "z"))
    missing = [column for column in ("name", "x", "y", "z") if column not in table]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; there are {', '.join(table)}.")
    places = table[["x", "y", "z"]].to_numpy(float) * _unit_m(path)
    known = np.isfinite(places).all(1)
    return dict(zip(table["name"][known], places[known], strict=True))


def place(raw: mne.io.BaseRaw, places_m: Mapping[str, np.ndarray], where: Path, *, frame: str) -> None:
    """Give contacts their places; those that are not among them have none, which the preparation tells.

    Parameters
    ----------
    raw
        The recording, with its types.
    places_m
        Contact -> (3,), m.
    where
        The table, for messages.
    frame
        MNE's name of the space: ``mni_tal`` for MNI's, ``mri`` or ``unknown`` for a person's own.

    Raises
    ------
    UserError
        No contact of the recording is among them.
    """
    kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
    contacts = [name for name, kind in kinds.items() if kind in CONTACTS]
    placed = {name: places_m[name] for name in contacts if name in places_m}
    if not placed:
        raise UserError(
            f"{where}: no contact of the recording has a place in it. The recording has {first_of(contacts, 5)}, the table "
            f"{first_of(places_m, 5) or 'nobody'}. Is it another person's?"
        )
    montage = mne.channels.make_dig_montage(placed, coord_frame=frame)
    with mne.utils.use_log_level("ERROR"):  # without fiducials the space is taken as it is
        raw.set_montage(montage, on_missing="ignore", verbose="ERROR")


def line_hz(path: Path) -> float | None:
    """PowerLineFrequency of a recording's JSON file, Hz; None without one, or if it is n/a."""
    said = read_json(path).get("PowerLineFrequency") if path.is_file() else None
    return float(said) if isinstance(said, int | float) and said > 0 else None


def _unit_m(path: Path) -> float:
    beside = path.with_name(path.name.replace("_electrodes.tsv", "_coordsystem.json"))
    said = read_json(beside).get("iEEGCoordinateUnits", "n/a") if beside.is_file() else "n/a"
    if said == "n/a":
        return DEFAULT_M
    if said not in UNITS_M:
        raise UserError(
            f"{beside}: iEEGCoordinateUnits is '{said}'; expected {', '.join(UNITS_M)}. Places in pixels need the image: give mm."
        )
    return UNITS_M[said]
