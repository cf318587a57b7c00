"""Spans in which the head moved, from its positions."""

from pathlib import Path

import mne

from n2s.data.cleaning.head_position import CHPI, check_source, distances_m, head_positions, pos_file
from n2s.data.cleaning.spared import Annotation
from n2s.data.edges import annotated
from n2s.data.steps import first_line, note
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number


class AnnotateMovement(Annotation):
    """Marks where the head is far from its mean place, or moves fast (`mne.preprocessing.annotate_movement`).

    Movement that SSS compensates (``head_pos``) leaves little; this marks what is too much for that. Put it before SSS if positions come
    from cHPI.

    Parameters
    ----------
    head_pos
        As in SSS: ``chpi``, or the path of a .pos file.
    distance_m
        From the mean place of the coils, from which on it is far; None: any place.
    translation_m_s, rotation_deg_s
        Speeds from which on it is fast; None: any.
    drop
        Whether no window may touch what is marked; else it is counted only.
    spared
        Conditions whose events are kept all the same; by default ``overt``: who speaks moves.

    Examples
    --------
    >>> from n2s.data import AnnotateMovement, Preprocessing
    >>> step = AnnotateMovement(distance_m=0.01, drop=False)  # marks what is farther than 1 cm from the median place
    >>> Preprocessing(steps=[step]).settings()["steps"][0][2]["distance_m"]
    0.01
    """

    def __init__(
        self,
        head_pos: str = CHPI,
        *,
        distance_m: float | None = 0.005,
        translation_m_s: float | None = None,
        rotation_deg_s: float | None = None,
        drop: bool = True,
        spared: list[str] | None = None,
    ):
        check_source(head_pos, "AnnotateMovement")
        limits = {"distance_m": distance_m, "translation_m_s": translation_m_s, "rotation_deg_s": rotation_deg_s}
        for name, value in limits.items():
            check_number(f"AnnotateMovement: {name}", value, above=0)
        if all(value is None for value in limits.values()):
            raise UserError(f"AnnotateMovement: none of {', '.join(limits)} is set: nothing would be marked. Set one.")
        self.head_pos = head_pos
        self.distance_m, self.translation_m_s, self.rotation_deg_s = distance_m, translation_m_s, rotation_deg_s
        self._choose(drop, spared)

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def files(self, sources: list[Path]) -> list[Path]:
        """See `Step`: the .pos file."""
        return [] if self.head_pos == CHPI else [pos_file(self.head_pos, sources[0])]

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            No head positions (`head_positions`); no places of the coils for ``distance_m``.
        """
        positions = head_positions(raw, self.head_pos, "AnnotateMovement")
        if self.distance_m is not None and not (
            raw.info["hpi_results"] and len(raw.info["hpi_results"][-1]["dig_points"])
        ):
            raise UserError(
                "AnnotateMovement: distance_m is a distance of coils, and the file holds no places of coils (hpi_results). Set distance_m to "
                "null, and translation_m_s or rotation_deg_s."
            )
        try:
            with mne.use_log_level("error"):
                found, _ = mne.preprocessing.annotate_movement(
                    raw,
                    positions,
                    rotation_velocity_limit=self.rotation_deg_s,
                    translation_velocity_limit=self.translation_m_s,
                    mean_distance_limit=self.distance_m,
                )
        except Exception as error:  # MNE documents none
            raise UserError(
                f"AnnotateMovement: MNE's annotate_movement failed ({type(error).__name__}: {first_line(error)}). Check the head positions, or "
                "remove it from preprocessing.steps."
            ) from error
        marked = raw.copy().pick([0], verbose="error").set_annotations(found, verbose="error")
        length_s = raw.n_times / raw.info["sfreq"]
        by: dict[str, list[tuple[float, float]]] = {}
        for onset, duration, text in annotated(marked):
            first, last = max(onset, 0.0), min(onset + duration, length_s)
            if last > first:
                by.setdefault(text.removeprefix("BAD_"), []).append((first, last - first))
        seconds = {name: round(sum(length for _, length in spans), 3) for name, spans in by.items()}
        moved_mm = round(1e3 * float(distances_m(positions).max()), 2)
        note(marked_s=seconds, head_moved_mm=moved_mm, dropped=self.drop)
        for name, spans in by.items():
            self._mark(raw, spans, name)
        share = sum(seconds.values()) / length_s
        what = "no window touches them" if self.drop else "they are used (drop is false)"
        text = (
            f"spans in which the head moved are marked; {what}."
            if by
            else "the head never moved as much as to be marked."
        )
        told = f"{100 * share:.1f}% of the time, up to {moved_mm:g} mm"
        tell("left out" if by and self.drop else "odd", f"AnnotateMovement ({told})", text)
        return raw
