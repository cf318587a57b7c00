"""Steps of the cleaning that need more than a number: SSS, ICA, your own."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import mne

from n2s.errors import UserError
from n2s.findings import kept, tell


class Step(ABC):
    """One step of the cleaning, on the whole raw recording, whose bad channels are marked: SSS, ICA, your own."""

    #: Seconds that one output sample depends on in time: 0 for a spatial filter.
    support_s: float = 0.0

    #: Whether it treats the stretches between interruptions apart (`n2s.data.edges.filtered_apart`), as the filters do.
    stops_at_edges: bool = False

    @abstractmethod
    def settings(self) -> dict:
        """All settings that change the result, as plain JSON types."""

    @abstractmethod
    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """Clean a loaded recording and return it. A `UserError` needs no name of the recording."""


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
    """

    stops_at_edges = True  # MNE's default: it skips data annotated as edge or bad_acq_skip

    def __init__(
        self,
        calibration: str | None = None,
        cross_talk: str | None = None,
        st_duration_s: float | None = None,
        *,
        coord_frame: Literal["head", "meg"] = "head",
    ):
        if st_duration_s is not None and not 0 < st_duration_s < float("inf"):
            raise UserError(f"SSS: st_duration_s is {st_duration_s}, expected a positive number of seconds, or null.")
        if coord_frame not in ("head", "meg"):
            raise UserError(f"SSS: coord_frame is {coord_frame!r}, expected head or meg.")
        self.calibration, self.cross_talk, self.st_duration_s = calibration, cross_talk, st_duration_s
        self.coord_frame = coord_frame
        self.support_s = 2 * st_duration_s if st_duration_s else 0.0

    def settings(self) -> dict:
        """See `Step`."""
        found = {"calibration": self.calibration, "cross_talk": self.cross_talk, "st_duration_s": self.st_duration_s}
        return found if self.coord_frame == "head" else found | {"coord_frame": self.coord_frame}

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            SSS was already applied; the recording has no MEG channels, or not the head that ``coord_frame`` needs; a site
            file does not exist; `maxwell_filter` fails.
        """
        self._check(raw)
        bad = [name for name, kind in _typed(raw) if name in raw.info["bads"] and kind in ("mag", "grad")]
        if bad:
            listed = f"{', '.join(bad[:8])}{' ...' if len(bad) > 8 else ''}"
            tell("corrected", "SSS", f"bad MEG channels ({listed}) are rebuilt from the others, and count as good.")
        try:
            return mne.preprocessing.maxwell_filter(
                raw,
                calibration=self.calibration,
                cross_talk=self.cross_talk,
                st_duration=self.st_duration_s,
                coord_frame=self.coord_frame,
                ignore_ref=_has_kit_references(raw.info),  # MNE cannot use those of KIT
                verbose="error",
            )
        except Exception as error:  # MNE documents none: a geometry or a site file that does not fit
            raise UserError(
                f"SSS: MNE's maxwell_filter failed ({type(error).__name__}: {_first_line(error)}). Check the sensors and "
                "the site files, or remove SSS from preprocessing.steps."
            ) from error

    def _check(self, raw: mne.io.BaseRaw) -> None:
        info = raw.info
        if not mne.pick_types(info, meg=True, ref_meg=False).size:
            raise UserError("SSS: the recording has no good MEG channel. Remove SSS from preprocessing.steps.")
        for one in info["proc_history"]:
            if one["max_info"]["sss_info"] or one["max_info"]["max_st"]:
                raise UserError(
                    "SSS: the file was already processed by MaxFilter (SSS is in its processing history), and SSS cannot be "
                    "applied twice. Remove SSS from preprocessing.steps, or give the unprocessed file."
                )
        for name, path in (("calibration", self.calibration), ("cross_talk", self.cross_talk)):
            if path is not None and not Path(path).is_file():
                raise UserError(
                    f"SSS: {name} is {path}, which is no file. Give the path of the site's file, or null for none."
                )
        if self.coord_frame == "meg":
            return
        head = {int(mne.io.constants.FIFF.FIFFV_POINT_EXTRA), int(mne.io.constants.FIFF.FIFFV_POINT_EEG)}
        n_points = sum(int(point["kind"]) in head for point in info["dig"] or [])
        if info["dev_head_t"] is None or n_points < 4:  # a sphere has 4 unknowns
            lacks = "no transform from device to head (dev_head_t)" if info["dev_head_t"] is None else ""
            lacks = lacks or f"{n_points} digitised points of the head, and the centre of a sphere needs 4"
            raise UserError(
                f"SSS: the recording has {lacks}. Give the digitised head (in a CTF, KIT or FIF recording: the headshape file "
                "beside it), or set coord_frame to meg in the options of SSS: the origin is then that of the device."
            )


class RemoveICA(Step):
    """Remove the components that follow the eye and heart channels (`mne.preprocessing.ICA`, find_bads).

    The unmixing is fitted on the whole recording, without labels or stimuli: it is part of the cleaning, as SSS is.

    Parameters
    ----------
    n_components
        Components to estimate. A recording of lower rank (fewer good channels, SSS, a reference) gets as many as its rank.
    seed
        Seed for the estimation.
    """

    def __init__(self, n_components: int = 30, seed: int = 0):
        if n_components < 2:
            raise UserError(f"RemoveICA: n_components is {n_components}, expected 2 or more.")
        self.n_components, self.seed = n_components, seed

    def settings(self) -> dict:
        """See `Step`."""
        return {"n_components": self.n_components, "seed": self.seed}

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            Nothing tells which components to remove; the rank is below 2; the estimation fails.
        """
        kinds = raw.get_channel_types(unique=True)
        eog = [name for name, kind in _typed(raw) if kind == "eog" and name not in raw.info["bads"]]
        if not eog and not {"ecg", "mag"} & set(kinds):
            raise UserError(
                f"RemoveICA: the recording has channels of type {kinds}, expected an EOG or ECG channel (or magnetometers, "
                "for a synthetic ECG) to tell which components to remove. Remove this step from the recipe."
            )
        try:
            fitted = raw.copy().filter(1.0, None, verbose="error")  # 1 Hz: drifts would fill components
            ica = mne.preprocessing.ICA(
                self._n_components(fitted), random_state=self.seed, max_iter="auto", verbose="error"
            )
            ica.fit(fitted, verbose="error")
            found = [ica.find_bads_eog(raw, verbose="error")[0]] if eog else []
            if "ecg" in kinds or "mag" in kinds:
                found.append(ica.find_bads_ecg(raw, verbose="error")[0])
            ica.exclude = sorted({index for indices in found for index in indices})
            if not ica.exclude:
                text = f"none of {ica.n_components_} components follows the eye or heart channels: nothing is removed."
                tell("odd", "RemoveICA", text)
            return ica.apply(raw, verbose="error")
        except UserError:
            raise
        except Exception as error:  # MNE documents none: too short a recording, an eye channel without a blink
            raise UserError(
                f"RemoveICA: MNE's ICA failed ({type(error).__name__}: {_first_line(error)}). Check the EOG and ECG channels, "
                "or remove this step from the recipe."
            ) from error

    def _n_components(self, raw: mne.io.BaseRaw) -> int:
        rank = sum(mne.compute_rank(raw, rank=None, verbose="error").values())
        if rank < 2:
            raise UserError(f"RemoveICA: the good channels have rank {rank}, and ICA needs 2 or more.")
        if rank < self.n_components:
            tell(
                "corrected",
                "RemoveICA",
                f"{rank} components are estimated, not n_components {self.n_components}: the good channels have no higher "
                "rank (few channels, SSS, or a common reference).",
            )
        return min(self.n_components, rank)


def _typed(raw: mne.io.BaseRaw) -> list[tuple[str, str]]:
    return list(zip(raw.ch_names, raw.get_channel_types(), strict=True))


def _has_kit_references(info: mne.Info) -> bool:
    return any(int(one["coil_type"]) == mne.io.constants.FIFF.FIFFV_COIL_KIT_REF_MAG for one in info["chs"])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def check_shielding(info: mne.Info, steps: list[Step], where: str) -> None:
    """Refuse a recording of Megin's active shielding (MaxShield) without SSS: it holds the field of the shielding, too."""
    if info.get("maxshield") and not any(isinstance(step, SSS) for step in steps):
        raise UserError(
            f"{where}: the recording was made with active shielding (MaxShield), whose field only SSS takes out. Add SSS to "
            "preprocessing.steps, or give the file that MaxFilter made of it."
        )


def run_step(step: Step, raw: mne.io.BaseRaw, where: str) -> mne.io.BaseRaw:
    """The recording after one step; its errors and findings name the recording.

    Raises
    ------
    UserError
        The step refuses the recording, gives something else than a recording, or changes its rate or length.
    """
    name, before = type(step).__name__, (raw.info["sfreq"], raw.n_times)
    with kept() as findings:
        try:
            raw = step(raw)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    for one in findings:
        tell(one.kind, where, f"{one.where}: {one.text}")
    if not isinstance(raw, mne.io.BaseRaw):
        raise UserError(f"{where}: the step {name} gives {type(raw).__name__}, expected the recording that it cleaned.")
    if (raw.info["sfreq"], raw.n_times) != before:
        raise UserError(
            f"{where}: the step {name} changes rate and length from {before[0]:g} Hz, {before[1]} samples to "
            f"{raw.info['sfreq']:g} Hz, {raw.n_times}; events would not fit. Leave the rate to preprocessing.sfreq."
        )
    return raw
