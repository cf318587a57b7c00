"""Independent components that go with a face's muscles or the voice, removed: found in a block of gestures or in training runs."""

from typing import Literal

import mne
import numpy as np

from n2s.data.cleaning.components import check_components, decompose, high_passed, joined, remove, tell_fewer, without
from n2s.data.cleaning.dependence import Tested, by_correlation, by_information
from n2s.data.cleaning.references import FAST, check_references, envelope, references_of, slow
from n2s.data.steps import TRAINING, Learned, LearnedStep, check_fit_on
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_choice, check_number

RATE_HZ = 50.0  # at which what is slower than 10 Hz is compared
MANY = 0.33  # of the components


class RemoveByReference(LearnedStep):
    """Remove the independent components that follow muscles or the voice more than chance (Tuomaala 2025).

    A component and its envelope (above 20 Hz) are compared with each reference, and with its envelope, below 10 Hz and at any lag up to
    ``lag_s``. What is removed must reach ``threshold`` and 95% of the largest values that references moved in time reach with any component.

    In speech itself the brain follows the voice, too: learn from a block of gestures without speech (``fit_on: gestures``), if there is one.

    Parameters
    ----------
    references
        ``emg``, ``audio``, ``eog``, ``ecg``, ``head``, or names of channels.
    measure
        ``correlation``, or ``information``: mutual information in 8 by 8 bins, as the correlation of Gaussians that have it.
    threshold
        Least correlation.
    lag_s
        Muscles are up to 0.3 s earlier than the voice.
    n_components, method, seed
        As in `RemoveICA`.
    fit_on
        ``training``, or the name of a task: see `n2s.data.steps.LearnedStep`.

    Examples
    --------
    >>> from n2s.data import Preprocessing, RemoveByReference
    >>> Preprocessing(picks=["eeg"], steps=[RemoveByReference(["emg"], threshold=0.3)]).learns
    True
    >>> RemoveByReference(["emg"], threshold=1.5)
    Traceback (most recent call last):
    n2s.errors.UserError: RemoveByReference: threshold is 1.5; expected a number above 0 and below 1.
    """

    def __init__(
        self,
        references: list[str] | None = None,
        *,
        measure: Literal["correlation", "information"] = "correlation",
        threshold: float = 0.3,
        lag_s: float = 0.3,
        n_components: float | None = 30,
        method: Literal["fastica", "picard", "infomax"] = "picard",
        seed: int = 0,
        fit_on: str = TRAINING,
    ):
        self.references = check_references(["emg"] if references is None else references, "RemoveByReference")
        check_choice("RemoveByReference: measure", measure, ("correlation", "information"))
        check_number("RemoveByReference: threshold", threshold, above=0, below=1)
        check_number("RemoveByReference: lag_s", lag_s, low=0)
        check_number("RemoveByReference: seed", seed, low=0, whole=True)
        check_components("RemoveByReference", n_components, method)
        self.measure, self.threshold, self.lag_s = measure, float(threshold), float(lag_s)
        self.n_components = n_components if n_components is None or n_components < 1 else int(n_components)
        self.method, self.seed, self.fit_on = method, seed, fit_on
        check_fit_on(self)

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def fit(self, pieces: list[mne.io.BaseRaw]) -> Learned:
        """See `LearnedStep`.

        Raises
        ------
        UserError
            A reference is missing; the estimation fails; too little to learn from; all components would go.
        """
        found = [references_of(one, self.references, "RemoveByReference") for one in pieces]
        series = [self._series(one, piece.info["sfreq"]) for one, piece in zip(found, pieces, strict=True)]
        names = [name for name in series[0] if all(name in one for one in series)]
        if not names:
            raise UserError("RemoveByReference: recordings to learn from have no reference in common.")
        raw = joined(high_passed(pieces), "RemoveByReference")
        sfreq, step = raw.info["sfreq"], max(1, int(raw.info["sfreq"] // RATE_HZ))
        ica, notes = decompose(raw, self.n_components, self.method, self.seed, "RemoveByReference")
        sources = ica.get_sources(raw).get_data()
        heard = np.stack([np.concatenate([one[name] for one in series]) for name in names])
        seen = np.stack([slow(sources, sfreq), envelope(sources, "emg", sfreq)], 1)  # (k, 2, t)
        test = by_correlation if self.measure == "correlation" else by_information
        result: Tested = test(
            seen[..., ::step], heard[:, ::step], rate_hz=sfreq / step, lag_s=self.lag_s, seed=self.seed
        )
        limit = max(self.threshold, result.chance)
        excluded = np.flatnonzero(result.score > limit).tolist()
        if len(excluded) == ica.n_components_:
            raise UserError(
                f"RemoveByReference: all {ica.n_components_} components follow {', '.join(self.references)} (above {limit:.2f}): nothing "
                "would be left. Raise threshold, or estimate more components."
            )
        by: dict[str, list[int]] = {}
        for index in excluded:
            by.setdefault(names[result.reference[index]], []).append(index)
        notes |= {
            "found": by, "components_removed": len(excluded), "measure": self.measure, "limit": round(limit, 4),
            "chance": round(result.chance, 4), "highest": round(float(result.score.max()), 4),
            "scores": result.score.round(4).tolist(), "lags_s": {str(i): round(float(result.lag_s[i]), 3) for i in excluded},
        }  # fmt: skip
        return Learned(without(ica, excluded, raw), notes)

    def apply(self, raw: mne.io.BaseRaw, learned: Learned) -> mne.io.BaseRaw:
        """See `LearnedStep`."""
        notes = learned.notes
        tell_fewer(notes, "RemoveByReference")
        n, of = notes["components_removed"], notes["n_components"]
        if not n:
            tell(
                "odd",
                "RemoveByReference",
                f"none of {of} components follows {', '.join(self.references)} (highest {notes['highest']:.2f}, needed {notes['limit']:.2f}): "
                "nothing is removed.",
            )
        elif n > MANY * of:
            tell(
                "odd",
                "RemoveByReference",
                f"{n} of {of} components follow {', '.join(self.references)}: most of the signal may go.",
            )
        return remove(raw, learned, "RemoveByReference")

    def _series(self, found: dict[str, dict[str, np.ndarray]], sfreq: float) -> dict[str, np.ndarray]:
        series = {}
        for kind, signals in found.items():
            for name, values in signals.items():
                series[name] = slow(values, sfreq)
                if kind in FAST:
                    series[f"{name} (envelope)"] = envelope(values, kind, sfreq)
        return series
