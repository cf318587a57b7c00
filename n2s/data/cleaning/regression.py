"""What sensors have in common with muscles, eyes, voice or the head's place, regressed out with coefficients of training runs."""

import mne
import numpy as np
from scipy.signal import butter, sosfiltfilt

from n2s.data.channel_types import TYPES
from n2s.data.cleaning.components import drop_unknown
from n2s.data.cleaning.references import FAST, check_references, envelope, references_of
from n2s.data.cleaning.run import good_samples
from n2s.data.edges import bad_spans
from n2s.data.steps import TRAINING, Learned, LearnedStep, check_fit_on
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_number

BLOCK = 2**14  # samples that a design is made for at once
RIDGE = 1e-4  # of a standardised regressor's variance: lags of one signal are nearly the same
LITTLE = 1e-3  # share of the variance below which nothing was explained
FEWEST = 20  # samples a regressor


class RegressOut(LearnedStep):
    """Regress muscles, eyes, voice or the head's position out of all sensors (Abbasi 2021), with coefficients of training runs alone.

    Regressors are each reference and, of EMG, audio and named channels, its envelope; of the head also the squares of its positions. All at
    lags up to ``lag_s``.

    Parameters
    ----------
    references
        ``emg``, ``eog``, ``ecg``, ``audio``, ``head`` (the channels QUAT of MaxFilter, HLC of CTF, or a .pos file beside the recording), or
        names of channels.
    lag_s, lag_step_s
        Longest lag on either side, and from one to the next.
    squares
        Squares of head positions, too.
    highpass_hz
        Only what is faster is regressed out: slower drifts would decide about coefficients by chance, and are left to the high-pass of the
        preprocessing. None: the signals as they are.
    fit_on
        ``training``, or the name of a task: see `n2s.data.steps.LearnedStep`.

    Examples
    --------
    >>> from n2s.data import Preprocessing, RegressOut
    >>> step = RegressOut(["eog", "emg"], lag_s=0.05)  # learned from each person's training stretches
    >>> Preprocessing(picks=["eeg"], steps=[step]).learns
    True
    """

    def __init__(
        self,
        references: list[str] | None = None,
        *,
        lag_s: float = 0.0,
        lag_step_s: float = 0.01,
        squares: bool = True,
        highpass_hz: float | None = 0.3,
        fit_on: str = TRAINING,
    ):
        self.references = check_references(["emg", "eog"] if references is None else references, "RegressOut")
        check_number("RegressOut: lag_s", lag_s, low=0)
        check_number("RegressOut: lag_step_s", lag_step_s, above=0)
        check_number("RegressOut: highpass_hz", highpass_hz, above=0)
        self.lag_s, self.lag_step_s, self.squares = float(lag_s), float(lag_step_s), squares
        self.highpass_hz, self.fit_on = highpass_hz, fit_on
        self.support_s = 2 * (self.lag_s + (1 / highpass_hz if highpass_hz else 0.0))  # where the high-pass falls to 2%
        check_fit_on(self)

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def fit(self, pieces: list[mne.io.BaseRaw]) -> Learned:
        """See `LearnedStep`: ridge with a tiny penalty, on standardised regressors.

        Raises
        ------
        UserError
            A reference is missing; there are too few samples for so many regressors.
        """
        sensors = [_sensors(one, self.references) for one in pieces]
        names = [name for name in sensors[0] if all(name in own for own in sensors)]
        if not names:
            raise UserError("RegressOut: recordings to learn from have no good channel in common.")
        rates = {float(one.info["sfreq"]) for one in pieces}
        if len(rates) > 1 and self.lag_s:
            raise UserError(
                f"RegressOut: recordings to learn from have rates {sorted(rates)} Hz. Give a person's recordings one rate."
            )
        found = [self._signals(one) for one in pieces]
        columns = [name for name in found[0] if all(name in one for one in found)]
        signals = [np.stack([one[name] for name in columns]) for one in found]
        uses = [good_samples(one, bad_spans(one)) for one in pieces]
        n_used = sum(int(use.sum()) for use in uses)
        centre = sum(values[:, use].sum(1) for values, use in zip(signals, uses, strict=True)) / max(n_used, 1)
        signals, columns = zip(
            *[self._with_squares(values - centre[:, None], columns) for values in signals], strict=True
        )
        columns = columns[0]
        lags = self._lags(pieces[0].info["sfreq"])
        p, c = len(columns) * len(lags), len(names)
        if n_used < FEWEST * p:
            raise UserError(
                f"RegressOut: {n_used} good samples for {p} regressors, expected {FEWEST} for each. Give more training runs, or a smaller lag_s."
            )
        xx, xy, yy, n, mean_x, mean_y = np.zeros((p, p)), np.zeros((p, c)), np.zeros(c), 0, np.zeros(p), np.zeros(c)
        for raw, values, use in zip(pieces, signals, uses, strict=True):
            y = np.nan_to_num(raw.get_data(picks=names))
            sos = (
                None
                if self.highpass_hz is None
                else butter(2, self.highpass_hz, "highpass", fs=raw.info["sfreq"], output="sos")
            )
            y = y - y.mean(1, keepdims=True) if sos is None else sosfiltfilt(sos, y)
            values = values if sos is None else sosfiltfilt(sos, values)
            for first in range(0, raw.n_times, BLOCK):
                last = min(first + BLOCK, raw.n_times)
                x, those = _lagged(values, lags, first, last)[:, use[first:last]], y[:, first:last][:, use[first:last]]
                xx, xy, yy, n = xx + x @ x.T, xy + x @ those.T, yy + (those**2).sum(1), n + x.shape[1]
                mean_x, mean_y = mean_x + x.sum(1), mean_y + those.sum(1)
        mean_x, mean_y = mean_x / n, mean_y / n
        xx, xy, yy = xx / n - np.outer(mean_x, mean_x), xy / n - np.outer(mean_x, mean_y), yy / n - mean_y**2
        size = np.sqrt(np.maximum(np.diag(xx), 0.0))
        size = np.where(size > 1e-12 * size.max(initial=0.0), size, np.inf)  # a regressor that never moves
        weights = np.linalg.solve(xx / np.outer(size, size) + RIDGE * np.eye(p), xy / size[:, None]) / size[:, None]
        left = yy - 2 * (weights * xy).sum(0) + (weights * (xx @ weights)).sum(0)
        kinds = dict(zip(pieces[0].ch_names, pieces[0].get_channel_types(), strict=True))
        explained = {
            kind: float(1 - left[own].sum() / max(yy[own].sum(), np.finfo(float).tiny))
            for kind in dict.fromkeys(kinds[name] for name in names)
            if (own := np.array([kinds[name] == kind for name in names])).any()
        }
        notes = {"regressors": list(columns), "n_lags": len(lags), "explained_in_training": explained}
        arrays = {
            "sfreq": np.array(pieces[0].info["sfreq"]), "names": np.array(names, str), "types": np.array([kinds[name] for name in names], str), "weights": weights, "centre": centre,
            "columns": np.array([name for name in found[0] if all(name in one for one in found)], str),
        }  # fmt: skip
        return Learned(arrays, notes)

    def apply(self, raw: mne.io.BaseRaw, learned: Learned) -> mne.io.BaseRaw:
        """See `LearnedStep`: a sensor that it could not learn on is marked bad.

        Raises
        ------
        UserError
            A reference is missing.
        """
        arrays, names = learned.arrays, learned.arrays["names"].tolist()
        found, sfreq = self._signals(raw), float(arrays["sfreq"])
        if self.lag_s and abs(sfreq - raw.info["sfreq"]) > 1e-6:
            raise UserError(
                f"RegressOut: it learned lags at {sfreq:g} Hz, and this recording has {raw.info['sfreq']:g} Hz. Give a person's recordings one rate."
            )
        lost = [name for name in arrays["columns"].tolist() if name not in found]
        if lost:
            raise UserError(
                f"RegressOut: it learned with {first_of(lost)}, which this recording lacks; it has {first_of(list(found))}."
            )
        explained = max(learned.notes["explained_in_training"].values())
        if explained < LITTLE:
            text = f"{', '.join(self.references)} explain {100 * explained:.2g}% of the sensors' variance in training: little is removed."
            tell("odd", "RegressOut", text)
        drop_unknown(raw, names, set(arrays["types"].tolist()), "RegressOut")
        values = np.stack([found[name] for name in arrays["columns"].tolist()]) - arrays["centre"][:, None]
        values = self._fast(self._with_squares(values, arrays["columns"].tolist())[0], raw.info["sfreq"])
        there = [i for i, name in enumerate(names) if name in raw.ch_names]
        picks, weights = [raw.ch_names.index(names[i]) for i in there], arrays["weights"][:, there]
        lags = self._lags(raw.info["sfreq"])
        for first in range(0, raw.n_times, BLOCK):
            last = min(first + BLOCK, raw.n_times)
            raw[picks, first:last] = raw[picks, first:last][0] - weights.T @ _lagged(values, lags, first, last)
        return raw

    def _signals(self, raw: mne.io.BaseRaw) -> dict[str, np.ndarray]:
        """(t,) each: references and envelopes."""
        series = {}
        for kind, signals in references_of(raw, self.references, "RegressOut").items():
            for name, values in signals.items():
                series[f"{kind} {name}"] = values
                if kind in FAST:
                    series[f"{kind} {name} (envelope)"] = envelope(values, kind, raw.info["sfreq"])
        return series

    def _with_squares(self, values: np.ndarray, columns: list[str]) -> tuple[np.ndarray, list[str]]:
        head = [i for i, name in enumerate(columns) if name.startswith("head ")]
        if not self.squares or not head:
            return values, list(columns)
        return np.concatenate([values, values[head] ** 2]), [*columns, *(f"{columns[i]} squared" for i in head)]

    def _fast(self, values: np.ndarray, sfreq: float) -> np.ndarray:
        if self.highpass_hz is None:
            return values
        return sosfiltfilt(butter(2, self.highpass_hz, "highpass", fs=sfreq, output="sos"), values)

    def _lags(self, sfreq: float) -> np.ndarray:
        """Samples; positive: the reference is earlier."""
        step = max(1, round(self.lag_step_s * sfreq))
        n = round(self.lag_s * sfreq) // step
        return step * np.arange(-n, n + 1)


def _sensors(raw: mne.io.BaseRaw, references: list[str]) -> list[str]:
    """Good sensors; an electrode that is a reference (EMG that its file calls EEG) would be left without a signal."""
    beside = {one for name in references for one in (name, *name.split("-"))} | set(raw.info["bads"])
    kinds = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    return [name for name, kind in kinds if kind in TYPES and name not in beside]


def _lagged(values: np.ndarray, lags: np.ndarray, first: int, last: int) -> np.ndarray:
    """(d * lags, last - first) Signals at lags; beside the ends they stay as they are there."""
    at = np.clip(np.arange(first, last) - lags[:, None], 0, values.shape[1] - 1)
    return values[:, at].reshape(len(values) * len(lags), last - first)
