"""Where the contacts of iEEG are: the electrodes.tsv of a BIDS folder, which may have one for each space."""

from pathlib import Path

import mne
import mne_bids
import numpy as np
from mne_bids import BIDSPath
from mne_bids.config import BIDS_TO_MNE_FRAMES

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.own.bids_side_files import check_table
from n2s.studies.readers.contacts import CONTACTS, UNITS_M
from n2s.studies.readers.side_files import read_json

HEAD_MM = 2.0  # places larger than this are no metres: mm, the unit of images


def contact_tables(path: BIDSPath) -> dict[str, Path]:
    """Space -> electrodes.tsv of a recording's session; "" for one that names none. MNI's come first, then by name."""
    found: dict[str, Path] = {}
    for file in sorted(path.directory.glob(f"sub-{path.subject}_*electrodes.tsv")):
        labels = mne_bids.get_entities_from_fname(file.name, on_error="ignore")
        own = path.entities
        if file.name.endswith("_electrodes.tsv") and all(
            value is None or value == own.get(key) for key, value in labels.items() if key != "space"
        ):
            space = labels.get("space") or ""
            if space in found:
                raise UserError(
                    f"{file}: {found[space].name} beside it places the same contacts in the same space. Keep one of the two."
                )
            found[space] = file
    return dict(sorted(found.items(), key=lambda one: (BIDS_TO_MNE_FRAMES.get(one[0]) != "mni_tal", one[0])))


def contact_sources(path: BIDSPath) -> list[Path]:
    """Every file that says where contacts are."""
    found = [file for table in contact_tables(path).values() for file in (table, _system(table))]
    return [file for file in found if file.is_file()]


def place_contacts(raw: mne.io.BaseRaw, path: BIDSPath, space: str | None) -> None:
    """Give contacts the places of one electrodes.tsv, in place of those that MNE-BIDS read.

    Parameters
    ----------
    raw
        The recording, with its types.
    path
        Where it is.
    space
        The space to take, as files name it (``space-MNI152NLin2009aSym``). None: MNI's if there is one, else the only one.

    Raises
    ------
    UserError
        The space is unknown, several are and none is MNI's, the table is damaged or another recording's, or its unit is unknown.
    """
    tables = contact_tables(path)
    if space is not None and space not in tables:
        raise UserError(
            f"{path.directory}: no *_space-{space}_electrodes.tsv; there is {first_of((one.name for one in tables.values()), 6) or 'none'}."
            f"{nearest(space, list(tables))} Mend or leave out space."
        )
    if not tables:
        return  # told where places are needed
    chosen = next(iter(tables)) if space is None else space
    if space is None and len(tables) > 1 and BIDS_TO_MNE_FRAMES.get(chosen) != "mni_tal":
        raise UserError(
            f"{path.directory}: contacts have places in {len(tables)} spaces ({first_of(tables)}), none of them MNI's. Set space to one."
        )
    file = tables[chosen]
    names = [name for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True) if kind in CONTACTS]
    places_m, frame = _read(file, chosen)
    placed = {name: place for name in names if (place := _place_of(name, places_m)) is not None}
    if names and places_m and not placed:
        raise UserError(
            f"{file}: no contact of the recording has a place in it. The recording has {first_of(names, 5)}, the table "
            f"{first_of(places_m, 5)}. Write the same names in both, or leave the table out."
        )
    if placed:
        montage = mne.channels.make_dig_montage(placed, coord_frame=frame)
        with mne.utils.use_log_level("ERROR"):  # without fiducials the space is taken as it is
            raw.set_montage(montage, on_missing="ignore", verbose="ERROR")
    for channel in raw.info["chs"]:
        if channel["ch_name"] in names and channel["ch_name"] not in placed:
            channel["loc"][:3] = np.nan  # MNE-BIDS may have read another space


def _place_of(name: str, places_m: dict[str, np.ndarray]) -> np.ndarray | None:
    """(3,) m: of a contact, or the middle of the two that a bipolar channel (``LA1-LA2``) was recorded from; None without one."""
    if name in places_m:
        return places_m[name]
    pairs = ((name[:at], name[at + 1 :]) for at, letter in enumerate(name) if letter == "-")
    middles = ((places_m[one] + places_m[other]) / 2 for one, other in pairs if one in places_m and other in places_m)
    return next(middles, None)


def _read(file: Path, space: str) -> tuple[dict[str, np.ndarray], str]:
    """Contact -> (3,) m, without those that have no place; and the frame as MNE calls it."""
    columns = check_table(file, "electrodes")
    places = np.array([[_number(cell) for cell in columns[axis]] for axis in "xyz"]).T.reshape(-1, 3)
    known = np.isfinite(places).all(1)
    beside = _system(file)
    about = read_json(beside) if beside.is_file() else {}
    named = str(about.get("iEEGCoordinateSystem") or space)
    if space in BIDS_TO_MNE_FRAMES and named != space:
        tell("odd", beside, f"iEEGCoordinateSystem is {named}, but the file's name says {space}: that is taken.")
        named = space
    unit = about.get("iEEGCoordinateUnits", "n/a")
    if unit in ("n/a", None) and not known.any():
        unit = "mm"
    if unit in ("n/a", None):
        far = np.abs(places[known]).max() > HEAD_MM
        unit = "mm" if far else "m"
        tell(
            "odd",
            file,
            f"nothing says the unit of its places ({'iEEGCoordinateUnits is n/a' if about else f'no {beside.name}'}); the largest is "
            f"{np.abs(places[known]).max():.3g}: {unit} is taken.",
        )
    if unit == "pixels":
        tell(
            "left out",
            file,
            f"its {known.sum()} places, which are pixels of an image. Give them in mm to show contacts in a brain.",
        )
        return {}, "mri"
    if unit not in UNITS_M:
        raise UserError(f"{beside}: iEEGCoordinateUnits is {unit!r}; expected {', '.join(UNITS_M)} or pixels.")
    found = places[known] * UNITS_M[unit]
    frame = "mni_tal" if BIDS_TO_MNE_FRAMES.get(named) == "mni_tal" else "mri"
    return dict(zip(np.array(columns["name"])[known].tolist(), found, strict=True)), frame


def _system(table: Path) -> Path:
    return table.with_name(table.name.replace("_electrodes.tsv", "_coordsystem.json"))


def _number(cell: str) -> float:
    """The cell as a number, which `check_table` has seen; NaN for n/a."""
    return np.nan if cell == "n/a" else float(cell.replace(",", "."))
