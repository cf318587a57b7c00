"""Signal-space projection: the patterns of blinks, heart beats or gestures, projected out."""

import warnings
from typing import ClassVar, Literal

import mne
import numpy as np

from n2s.data.cleaning.components import high_passed, joined, remove, spatial
from n2s.data.steps import ITSELF, TRAINING, Learned, LearnedStep, check_fit_on, first_line
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_choice, check_number

LOWPASS_HZ = 40.0  # of a block: noise of sensors is no pattern
MUCH = 0.9  # of the variance of a type


class SSP(LearnedStep):
    """Project out the patterns of an artifact, of each type of sensors by itself.

    Parameters
    ----------
    of
        ``eog``, ``ecg``: the patterns around blinks and heart beats (`mne.preprocessing.compute_proj_eog`, ``compute_proj_ecg``).
        ``block``: the largest patterns of a whole block, 1 to 40 Hz, for a task of gestures (``fit_on``).
    n_components
        Patterns of each type of sensors.
    fit_on
        ``training``, the name of a task, or (for ``eog`` and ``ecg``) ``itself``: see `n2s.data.steps.LearnedStep`.

    Examples
    --------
    >>> from n2s.data import SSP, Preprocessing
    >>> Preprocessing(sfreq=120, steps=[SSP("eog", n_components=2)]).learns
    True
    >>> SSP("block")
    Traceback (most recent call last):
    n2s.errors.UserError: SSP: of is block, and fit_on is training: the largest patterns of what is decoded are the brain's, too. Set fit_on to a task without speech, such as gestures.
    """

    by_itself: ClassVar[bool] = True

    def __init__(self, of: Literal["eog", "ecg", "block"] = "eog", *, n_components: int = 2, fit_on: str = TRAINING):
        check_choice("SSP: of", of, ("eog", "ecg", "block"))
        check_number("SSP: n_components", n_components, low=1, whole=True)
        self.of, self.n_components, self.fit_on = of, int(n_components), fit_on
        check_fit_on(self)
        if of == "block" and fit_on in (TRAINING, ITSELF):
            raise UserError(
                f"SSP: of is block, and fit_on is {fit_on}: the largest patterns of what is decoded are the brain's, too. Set fit_on to a task "
                "without speech, such as gestures."
            )

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def fit(self, pieces: list[mne.io.BaseRaw]) -> Learned:
        """See `LearnedStep`.

        Raises
        ------
        UserError
            No channel shows blinks or heart beats, or none was found; more patterns than sensors.
        """
        raw = joined(high_passed(pieces), "SSP")
        kinds = {kind: names for kind in ("mag", "grad", "eeg", "ecog", "seeg", "dbs") if (names := _good(raw, kind))}
        if not kinds:
            raise UserError(f"SSP: no good sensor; the channels are of type {raw.get_channel_types(unique=True)}.")
        few = {kind: len(names) for kind, names in kinds.items() if len(names) <= self.n_components}
        if few:
            raise UserError(
                f"SSP: n_components is {self.n_components}, and there are {few} good sensors: nothing would be left. Lower it."
            )
        found = self._block(raw, kinds) if self.of == "block" else self._events(raw, kinds)
        names = [name for own in kinds.values() for name in own]
        patterns = []
        for kind, own in found.items():
            for vector in own:
                row = np.zeros(len(names))
                row[[names.index(name) for name in kinds[kind]]] = vector
                patterns.append(row)
        basis = np.stack(patterns, 1)  # orthonormal: types share no row
        notes = {
            "of": self.of,
            "patterns": {kind: len(own) for kind, own in found.items()},
            "components_removed": len(patterns),
        }
        arrays = spatial(names, basis.T, basis, raw)
        notes["variance_of_training"] = {kind: self._share(arrays, names, kinds[kind]) for kind in found}
        return Learned(arrays, notes)

    def apply(self, raw: mne.io.BaseRaw, learned: Learned) -> mne.io.BaseRaw:
        """See `LearnedStep`."""
        for kind, share in learned.notes["variance_of_training"].items():
            if share > MUCH:
                tell(
                    "odd",
                    "SSP",
                    f"its patterns hold {100 * share:.0f}% of the variance of {kind} in what they were learned from.",
                )
        return remove(raw, learned, "SSP")

    def _events(self, raw: mne.io.BaseRaw, kinds: dict[str, list[str]]) -> dict[str, np.ndarray]:
        there = set(raw.get_channel_types(unique=True))
        if self.of not in there and not (self.of == "ecg" and "mag" in there):
            more = " (or magnetometers, for a synthetic one)" if self.of == "ecg" else ""
            raise UserError(
                f"SSP: of is {self.of}, and the recording has channels of type {sorted(there)}, expected an {self.of.upper()} channel{more}. "
                "Remove the step."
            )
        compute = mne.preprocessing.compute_proj_eog if self.of == "eog" else mne.preprocessing.compute_proj_ecg
        numbers = {f"n_{kind}": self.n_components if kind in kinds else 0 for kind in ("mag", "grad", "eeg")}
        with warnings.catch_warnings(), mne.use_log_level("error"):
            warnings.simplefilter("ignore")  # that no event was found: refused below
            try:
                found, events = compute(raw, **numbers, average=True, no_proj=True, reject=None, verbose="error")
            except Exception as error:  # MNE documents none: too short a recording, a channel without a blink
                raise UserError(
                    f"SSP: MNE's {compute.__name__} failed ({type(error).__name__}: {first_line(error)}). Check the {self.of.upper()} channel, or "
                    "remove the step."
                ) from error
        if not found:
            what = "blink" if self.of == "eog" else "heart beat"
            raise UserError(
                f"SSP: no {what} was found in {raw.times[-1]:.0f} s to learn from. Give more, or remove the step."
            )
        vectors: dict[str, list[np.ndarray]] = {}
        for one in found:
            own = one["data"]["col_names"]
            kind = next(kind for kind, names in kinds.items() if own[0] in names)
            vectors.setdefault(kind, []).append([one["data"]["data"][0][own.index(name)] for name in kinds[kind]])
        return {kind: np.linalg.qr(np.array(rows).T)[0].T for kind, rows in vectors.items()}

    def _block(self, raw: mne.io.BaseRaw, kinds: dict[str, list[str]]) -> dict[str, np.ndarray]:
        if 0.45 * raw.info["sfreq"] > LOWPASS_HZ:
            raw = raw.copy().filter(None, LOWPASS_HZ, verbose="error")
        vectors = {}
        for kind, names in kinds.items():
            values = raw.get_data(picks=names, reject_by_annotation="omit", verbose="error")
            vectors[kind] = np.linalg.eigh(np.cov(values))[1][:, ::-1][:, : self.n_components].T
        return vectors

    def _share(self, arrays: dict[str, np.ndarray], names: list[str], own: list[str]) -> float:
        at = [names.index(name) for name in own]
        covariance, basis = arrays["covariance"][np.ix_(at, at)], arrays["patterns"][at]
        return float(np.trace(basis.T @ covariance @ basis) / max(np.trace(covariance), np.finfo(float).tiny))


def _good(raw: mne.io.BaseRaw, kind: str) -> list[str]:
    types = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    return [name for name, own in types if own == kind and name not in raw.info["bads"]]
