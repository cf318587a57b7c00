"""Spans with tense muscles, from fast activity at the recording's own rate."""

import mne
import numpy as np

from n2s.data.cleaning.labels import check_muscle_band
from n2s.data.cleaning.spared import Annotation
from n2s.data.edges import annotated
from n2s.data.steps import first_line, note
from n2s.errors import UserError, counted
from n2s.findings import tell
from n2s.options import check_number, check_pair


class AnnotateMuscle(Annotation):
    """Marks spans in which many sensors hold fast activity (`mne.preprocessing.annotate_muscle_zscore`).

    It sees the recording's own rate, before ``preprocessing.sfreq``; its band is above the rates of most prepared data.

    Parameters
    ----------
    threshold
        z-score over the recording, summed over sensors, from which on a span is marked.
    filter_freq
        Band, Hz. The recording must hold it.
    min_length_good_s
        Shorter pieces between two spans are marked, too.
    ch_type
        ``mag``, ``grad`` or ``eeg``; None: the first of these that there is.
    drop
        Whether no window may touch what is marked; else it is counted only.
    spared
        Conditions whose events are kept all the same; by default ``overt``: who speaks tenses muscles, and all speech would go.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from n2s.data import AnnotateMuscle
    >>> rng = np.random.default_rng(0)
    >>> noise = 1e-5 * rng.standard_normal((4, 20_000))
    >>> noise[:, 10_000:11_000] *= 30  # a clenched jaw from 10 to 11 s
    >>> raw = mne.io.RawArray(noise, mne.create_info(["F7", "F8", "T7", "T8"], 1000.0, "eeg"), verbose="error")
    >>> marked = AnnotateMuscle(ch_type="eeg")(raw).annotations
    >>> [(round(span["onset"]), span["description"]) for span in marked]
    [(10, 'BAD_muscle')]
    """

    def __init__(
        self,
        *,
        threshold: float = 4.0,
        filter_freq: tuple[float, float] = (110.0, 140.0),
        min_length_good_s: float = 0.1,
        ch_type: str | None = None,
        drop: bool = True,
        spared: list[str] | None = None,
    ):
        check_number("AnnotateMuscle: threshold", threshold, above=0)
        check_number("AnnotateMuscle: min_length_good_s", min_length_good_s, low=0)
        check_pair("AnnotateMuscle: filter_freq", filter_freq, above=0)
        if not filter_freq[0] < filter_freq[1]:
            raise UserError(
                f"AnnotateMuscle: filter_freq is {list(filter_freq)}, expected a lower and a higher frequency."
            )
        if ch_type not in (None, "mag", "grad", "eeg"):
            raise UserError(f"AnnotateMuscle: ch_type is {ch_type!r}, expected mag, grad, eeg or null.")
        self.threshold, self.filter_freq = float(threshold), (float(filter_freq[0]), float(filter_freq[1]))
        self.min_length_good_s, self.ch_type = float(min_length_good_s), ch_type
        self._choose(drop, spared)

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self)) | {"filter_freq": list(self.filter_freq)}

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """See `Step`.

        Raises
        ------
        UserError
            The recording does not hold the band (rate, low-pass), or has none of these sensors.
        """
        low, high = self.filter_freq
        check_muscle_band(raw.info, f"AnnotateMuscle: filter_freq is {low:g}-{high:g} Hz", self.filter_freq)
        kinds = [kind for kind in ("mag", "grad", "eeg") if len(_good(raw.info, kind))]
        if not kinds or self.ch_type not in (None, *kinds):
            raise UserError(
                f"AnnotateMuscle: ch_type is {self.ch_type}, and the recording has good channels of {sorted(set(raw.get_channel_types()))}. "
                "Expected mag, grad or eeg; remove the step if there are none."
            )
        kind = self.ch_type or kinds[0]
        try:
            found, scores = mne.preprocessing.annotate_muscle_zscore(
                raw.copy().pick(_good(raw.info, kind), verbose="error"),
                threshold=self.threshold,
                ch_type=kind,
                min_length_good=self.min_length_good_s,
                filter_freq=self.filter_freq,
                verbose="error",
            )
        except Exception as error:  # MNE documents none: all of it is bad, shorter than its filters
            raise UserError(
                f"AnnotateMuscle: MNE's annotate_muscle_zscore failed ({type(error).__name__}: {first_line(error)}). Remove it from "
                "preprocessing.steps."
            ) from error
        marked = raw.copy().pick([0], verbose="error").set_annotations(found, verbose="error")
        spans = [(onset, duration) for onset, duration, _ in annotated(marked)]
        self._mark(raw, spans, "muscle")
        seconds = sum(length for _, length in spans)
        share = seconds / (raw.n_times / raw.info["sfreq"])
        note(
            marked_s=round(seconds, 3),
            n_spans=len(spans),
            ch_type=kind,
            highest_z=round(float(np.nanmax(scores)), 2),
            dropped=self.drop,
        )
        what = (
            "no window touches them, but in events of spared conditions"
            if self.drop
            else "they are used (drop is false)"
        )
        text = f"spans with tense muscles are marked; {what}." if spans else "no span with tense muscles."
        tell(
            "left out" if spans and self.drop else "odd",
            f"AnnotateMuscle ({counted(len(spans), 'span')}, {100 * share:.1f}% of the time)",
            text,
        )
        return raw


def _good(info: mne.Info, kind: str) -> np.ndarray:
    return mne.pick_types(info, meg=kind if kind != "eeg" else False, eeg=kind == "eeg", ref_meg=False, exclude="bads")
