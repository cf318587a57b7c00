"""Signal-space separation: MNE's Maxwell filter, with its temporal extension and compensation of movement."""

from pathlib import Path
from typing import Literal

import mne
import numpy as np

from n2s.data.cleaning.head_position import CHPI, check_source, distances_m, head_positions, pos_file
from n2s.data.steps import Step, first_line, note, typed
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number, check_numbers

AVERAGE = "average"


class SSS(Step):
    """Signal-space separation by `mne.preprocessing.maxwell_filter`.

    Bad channels are rebuilt from the others; they are good afterwards.

    Parameters
    ----------
    calibration, cross_talk
        Site files of a Megin system (``sss_cal.dat``, ``ct_sparse.fif``).
    st_duration_s
        Buffer of the temporal extension (tSSS); None for the purely spatial filter.
    coord_frame
        ``head``: the origin is the centre of the digitised head. ``meg``: the origin of the device, for recordings
        without a digitised head.
    st_correlation
        With ``st_duration_s``: inside and outside signals that correlate more are removed. MNE's default is 0.98; 0.9 for people who speak.
    head_pos
        Compensation of movement: ``chpi`` fits positions from the recording; else the path of MaxFilter's .pos file, in which ``{name}``
        stands for the name of the recording's file without ending, and ``{folder}`` for its folder.
    destination
        Where sensors are placed: None for the head position of each recording's start, ``average`` for the mean of ``head_pos``, the path
        of a FIF file whose position all shall have, or x, y, z (m). One place for all runs of a person lets steps after it learn from some
        and clean others.

    Examples
    --------
    >>> from n2s.data import SSS, Preprocessing
    >>> step = SSS(st_duration_s=10.0, st_correlation=0.98)
    >>> Preprocessing(sfreq=120, steps=[step]).steps[0].support_s  # s on both sides that one sample depends on
    20.0
    """

    stops_at_edges = True  # MNE's default: it skips data annotated as edge or bad_acq_skip

    def __init__(
        self,
        calibration: str | None = None,
        cross_talk: str | None = None,
        st_duration_s: float | None = None,
        *,
        coord_frame: Literal["head", "meg"] = "head",
        st_correlation: float = 0.98,
        head_pos: str | None = None,
        destination: str | list[float] | None = None,
    ):
        check_number("SSS: st_duration_s", st_duration_s, above=0)
        if coord_frame not in ("head", "meg"):
            raise UserError(f"SSS: coord_frame is {coord_frame!r}, expected head or meg.")
        check_number("SSS: st_correlation", st_correlation, above=0, high=1)
        if not isinstance(destination, str):
            check_numbers("SSS: destination", destination)
        check_source(head_pos, "SSS")
        if coord_frame == "meg" and (head_pos or destination):
            raise UserError(
                "SSS: head_pos and destination move the head, and coord_frame is meg. Leave them out, or set it to head."
            )
        if destination == AVERAGE and not head_pos:
            raise UserError(
                "SSS: destination is average, of head positions, and head_pos is not set. Set head_pos, too."
            )
        if not isinstance(destination, str) and destination is not None and np.shape(destination) != (3,):
            raise UserError(f"SSS: destination is {destination}, expected average, a FIF file, or x, y, z in metres.")
        if not isinstance(destination, str) and destination is not None and np.abs(destination).max() > 1:
            raise UserError(
                f"SSS: destination is {list(destination)}, which is farther than 1 m. Give metres, such as [0, 0, 0.04]."
            )
        self.calibration, self.cross_talk, self.st_duration_s = calibration, cross_talk, st_duration_s
        self.coord_frame, self.st_correlation, self.head_pos = coord_frame, float(st_correlation), head_pos
        self.destination = (
            destination if destination is None or isinstance(destination, str) else [*map(float, destination)]
        )
        self.support_s = 2 * st_duration_s if st_duration_s else 0.0

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def files(self, sources: list[Path]) -> list[Path]:
        """See `Step`: site files, positions, destination."""
        named = [self.calibration, self.cross_talk, self.destination if self.destination != AVERAGE else None]
        found = [Path(one) for one in named if isinstance(one, str)]
        return found + ([pos_file(self.head_pos, sources[0])] if self.head_pos not in (None, CHPI) else [])

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            SSS was already applied; the recording has no MEG channels, or not the head that ``coord_frame`` needs; a site
            file does not exist; no head positions; `maxwell_filter` fails.
        """
        self._check(raw)
        bad = [name for name, kind in typed(raw) if name in raw.info["bads"] and kind in ("mag", "grad")]
        if bad:
            listed = f"{', '.join(bad[:8])}{' ...' if len(bad) > 8 else ''}"
            tell("corrected", "SSS", f"bad MEG channels ({listed}) are rebuilt from the others, and count as good.")
        positions, destination = None, self.destination
        if self.head_pos is not None:
            positions = head_positions(raw, self.head_pos, "SSS")
            note(head_moved_mm=round(1e3 * float(distances_m(positions).max()), 2), n_head_positions=len(positions))
            if destination == AVERAGE:
                destination = mne.preprocessing.compute_average_dev_head_t(raw, positions, verbose="error")
        try:
            cleaned = mne.preprocessing.maxwell_filter(
                raw,
                calibration=self.calibration,
                cross_talk=self.cross_talk,
                st_duration=self._buffer_s(raw.info["sfreq"]),
                st_correlation=self.st_correlation,
                head_pos=positions,
                destination=destination,
                coord_frame=self.coord_frame,
                ignore_ref=ignores_references(raw.info),
                verbose="error",
            )
        except Exception as error:  # MNE documents none: a geometry or a site file that does not fit
            raise UserError(
                f"SSS: MNE's maxwell_filter failed ({type(error).__name__}: {first_line(error)}). Check the sensors and "
                "the site files, or remove SSS from preprocessing.steps."
            ) from error
        note(rebuilt=bad, n_moments=int(cleaned.info["proc_history"][0]["max_info"]["sss_info"]["nfree"]))
        return cleaned

    def _buffer_s(self, sfreq: float) -> float | None:
        """The buffer in an even number of samples: halves of buffers overlap."""
        return self.st_duration_s and 2 * max(1, int(self.st_duration_s * sfreq / 2)) / sfreq

    def _check(self, raw: mne.io.BaseRaw) -> None:
        info = raw.info
        if not mne.pick_types(info, meg=True, ref_meg=False).size:
            raise UserError("SSS: the recording has no good MEG channel. Remove SSS from preprocessing.steps.")
        check_not_maxfiltered(info, "SSS")
        for name, path in (("calibration", self.calibration), ("cross_talk", self.cross_talk)):
            if path is not None and not Path(path).is_file():
                raise UserError(
                    f"SSS: {name} is {path}, which is no file. Give the path of the site's file, or null for none."
                )
        if isinstance(self.destination, str) and self.destination != AVERAGE and not Path(self.destination).is_file():
            raise UserError(
                f"SSS: destination is {self.destination}, which is no file. Give a FIF file, average, or x, y, z in metres."
            )
        length_s = raw.n_times / info["sfreq"]
        if self.st_duration_s and length_s < self.st_duration_s:
            raise UserError(
                f"SSS: st_duration_s is {self.st_duration_s:g}, and the recording lasts {length_s:.2f} s. Lower it, or set it to null."
            )
        if self.coord_frame == "head":
            check_head(info, "SSS")


def check_not_maxfiltered(info: mne.Info, step: str) -> None:
    """Raise a `UserError` if SSS is in the processing history: it cannot be applied twice."""
    for one in info["proc_history"]:
        if one["max_info"]["sss_info"] or one["max_info"]["max_st"]:
            raise UserError(
                f"{step}: the file was already processed by MaxFilter (SSS is in its processing history), and SSS cannot be "
                f"applied twice. Remove {step} from preprocessing.steps, or give the unprocessed file."
            )


def check_head(info: mne.Info, step: str) -> None:
    """Raise a `UserError` if a sphere cannot be fitted to the digitised head."""
    head = {int(mne.io.constants.FIFF.FIFFV_POINT_EXTRA), int(mne.io.constants.FIFF.FIFFV_POINT_EEG)}
    n_points = sum(int(point["kind"]) in head for point in info["dig"] or [])
    if info["dev_head_t"] is None or n_points < 4:  # a sphere has 4 unknowns
        lacks = "no transform from device to head (dev_head_t)" if info["dev_head_t"] is None else ""
        lacks = lacks or f"{n_points} digitised points of the head, and the centre of a sphere needs 4"
        raise UserError(
            f"{step}: the recording has {lacks}. Give the digitised head (in a CTF, KIT or FIF recording: the headshape file "
            f"beside it), or set coord_frame to meg in the options of {step}: the origin is then that of the device."
        )


def check_shielding(info: mne.Info, steps: list[Step], where: str) -> None:
    """Refuse a recording of Megin's active shielding (MaxShield) without SSS: it holds the field of the shielding, too."""
    if info.get("maxshield") and not any(isinstance(step, SSS) for step in steps):
        raise UserError(
            f"{where}: the recording was made with active shielding (MaxShield), whose field only SSS takes out. Add SSS to "
            "preprocessing.steps, or give the file that MaxFilter made of it."
        )


def ignores_references(info: mne.Info) -> bool:
    """Whether reference sensors are left out: MNE cannot use those of KIT, and needs those of CTF."""
    return any(int(one["coil_type"]) == mne.io.constants.FIFF.FIFFV_COIL_KIT_REF_MAG for one in info["chs"])
