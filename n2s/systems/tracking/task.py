"""The system of tracking: how closely each person's brain follows speech, as a table of measures."""

from collections.abc import Mapping
from dataclasses import asdict

import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.data.encoding_data import Fold
from n2s.errors import UserError, first_of, nearest
from n2s.metrics.tracking_coherence import BANDS, check_bands
from n2s.options import check_options, check_pair
from n2s.systems.closed_form import FoldFits, check_made
from n2s.systems.encoding.fit import Recipe, check_units, checked_brain
from n2s.systems.kept_fits import keep, kept
from n2s.systems.tracking.lengths import Length
from n2s.systems.tracking.measures import MeasureOptions
from n2s.systems.tracking.reconstruction import Backward, FoldReconstruction
from n2s.systems.tracking.regions import regions_of
from n2s.systems.tracking.result import TrackingResult
from n2s.systems.tracking.scoring import Plan, Scorer, features_marks, marks_of
from n2s.systems.tracking.sensor_measures import KINDS, drawn_shifts
from n2s.systems.tracking.trf import FoldTRF

#: Penalties of response functions to choose from, for z-scored features and responses.
ALPHAS = (1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
#: Where peaks of response functions are sought, s after the sound.
PEAKS_S = {"early": (0.03, 0.15), "late": (0.15, 0.35)}
#: Keys of a checkpoint: the fits, by subject and fold, and how they were made.
FITS, RECIPE = "n2s_tracking_fits", "n2s_tracking_recipe"


class Tracking(FoldFits):
    """Measures of how closely each person's brain follows the envelope of speech, each above its chance level.

    ``n2s fit`` fits temporal response functions and the reconstruction on training rows; ``n2s test`` scores them on held-out rows,
    measures coherence, phase-locking, information and coupling on everything that was heard, and writes one table of all people. Every
    measure is made of the same length of data for everybody.

    Parameters
    ----------
    envelope
        The feature space with the envelope, of one dimension, such as `n2s.features.Envelope`.
    measures
        Some of ``coherence``, ``plv``, ``information``, ``edges``, ``coupling``; null: all. See `n2s.systems.tracking.sensor_measures`.
    bands
        Name -> lowest and highest frequency, Hz; null: delta .5 to 4, theta 4 to 8.
    segment_s
        Of coherence and phase-locking, s.
    trf
        Feature spaces of response functions, each in a model with those before it: the envelope first, then word rate, then surprisal.
        Null: the envelope alone; empty: none. Lags are those of ``data.response``.
    peaks_s
        Window -> first and last lag, s, in which the peak of a response function is sought.
    reconstruct
        Whether to reconstruct the envelope from all sensors (r, match-mismatch).
    lags_s
        First and last lag of the brain after the sound of the reconstruction, s, within those of ``data.response``.
    n_components
        Principal components of the sensors that the reconstruction takes.
    match_s
        Length of the windows that are told apart, s.
    regions
        Name -> sensors, or patterns of their names (``MEG01*``); null: ``left`` and ``right`` by the layout. With ``left`` and ``right``
        every measure has a laterality.
    duration_s
        Seconds of sound of each person; null: as much as the person has who heard least.
    alphas
        Penalties of response functions to choose from, as scikit-learn's.
    n_folds
        Of the cross-validation of penalties inside training rows.
    n_shifts
        Circular shifts of the sound, which give the chance level; 0: none.
    min_shift_s
        The smallest shift in either direction, s.
    seed
        Of shifts.

    Examples
    --------
    >>> from n2s.systems import Tracking
    >>> system = Tracking(measures=["coherence", "plv"], bands={"delta": (0.5, 4.0)}, n_shifts=50)
    >>> system.recipe
    'configs/tracking.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("tracking")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/tracking.yaml"
    instead = "it measures how a brain follows speech, and the sound has to be known. Put recording and sound into a study, and run n2s test."

    def __init__(
        self,
        *,
        envelope: str = "envelope",
        measures: list[str] | None = None,
        bands: dict[str, tuple[float, float]] | None = None,
        segment_s: float = 4.0,
        trf: list[str] | None = None,
        peaks_s: dict[str, tuple[float, float]] | None = None,
        reconstruct: bool = True,
        lags_s: tuple[float, float] = (0.0, 0.4),
        n_components: int = 32,
        match_s: float = 5.0,
        regions: dict[str, list[str]] | None = None,
        duration_s: float | None = None,
        alphas: list[float] | None = None,
        n_folds: int = 5,
        n_shifts: int = 100,
        min_shift_s: float = 5.0,
        seed: int = 0,
    ):
        check_options(
            "model.", above=0, segment_s=segment_s, match_s=match_s, duration_s=duration_s, min_shift_s=min_shift_s
        )
        check_options("model.", low=1, whole=True, n_components=n_components)
        check_options("model.", low=2, whole=True, n_folds=n_folds)
        check_options("model.", low=0, whole=True, n_shifts=n_shifts, seed=seed)
        check_pair("model.lags_s", lags_s)
        super().__init__()
        self.save_hyperparameters()
        options = MeasureOptions(
            bands={name: (float(low), float(high)) for name, (low, high) in (bands or BANDS).items()},
            kinds=tuple(measures if measures is not None else KINDS),
            segment_s=segment_s,
            n_shifts=n_shifts,
            min_shift_s=min_shift_s,
            seed=seed,
        )
        ends = [end for band in options.bands.values() for end in band]
        self.plan = Plan(
            envelope=envelope,
            options=options,
            trf=tuple([envelope] if trf is None else trf),
            recipe=Recipe(tuple(alphas or ALPHAS), n_folds, min_shift_s, seed),
            backward=Backward((min(ends), max(ends)), tuple(lags_s), n_components, match_s, n_folds)
            if reconstruct
            else None,
            regions=regions,
            peaks_s={
                name: (float(a), float(b)) for name, (a, b) in (peaks_s if peaks_s is not None else PEAKS_S).items()
            },
        )
        self.duration_s = duration_s
        self._length: Length | None = None
        self._result: TrackingResult | None = None

    @property
    def length(self) -> Length:
        """How much of each person is used."""
        if self._length is None:
            self._length = Length.of(self.data, self.data.subjects, self.duration_s)
        return self._length

    @property
    def made(self) -> dict:
        """How fits are made: those of an interrupted run, or of a checkpoint, have to be made so."""
        plan = self.plan
        back = None if plan.backward is None else asdict(plan.backward) | {"segment_s": None}
        return {
            "envelope": plan.envelope,
            "trf": list(plan.trf),
            "alphas": list(plan.recipe.alphas),
            "n_folds": plan.recipe.n_folds,
            "reconstruct": back and {key: list(one) if isinstance(one, tuple) else one for key, one in back.items()},
            "seconds": round(self.length.seconds, 3),
        }

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data, plan = self.data, self.plan
        self.check_alone("; many people are separate jobs (data.subjects), with one model.duration_s", "measured")
        for option, names in (("envelope", [plan.envelope]), ("trf", plan.trf)):
            for name in names:
                if name not in data.spaces:
                    raise UserError(
                        f"model.{option}: '{name}' is no feature space of the data.{nearest(name, list(data.spaces))} There are: "
                        f"{first_of(data.spaces)}. (data.features)"
                    )
        plan.options.check_frames(data.frames_hz(plan.envelope), plan.envelope)
        for subject in data.subjects:
            check_bands(plan.options.bands, data.rate_hz[subject])
            n_features = data.delays(plan.envelope, subject)[1]
            if n_features != 1:
                raise UserError(
                    f"model.envelope: '{plan.envelope}' has {n_features} dimensions; an envelope has one. Take n2s.features.Envelope."
                )
            regions_of(data.measured(subject), plan.regions, subject)
            if plan.fits and (data.rows(subject).averaged > 1).any():
                raise UserError(
                    f"{subject}: held-out responses are means of several presentations, and people are compared on single ones. Set "
                    "data.average_repeats to false."
                )
            if plan.fits:
                self._check_lags(subject)
            for fold in data.folds(subject) if plan.trf and stage == "fit" else ():
                check_units(fold, plan.recipe, f"{subject}, {fold.name}")
        self._length = None
        drawn_shifts(self.length.seconds, plan.options)  # too little data are said here

    def _check_lags(self, subject: str) -> None:
        delays_s, step_s = self.data.delays(self.plan.envelope, subject)[0], 1 / self.data.rate_hz[subject]
        if self.plan.trf and len(delays_s) < 2:
            raise UserError(
                "model.trf: the response model has a single lag. Set data.response to n2s.data.Lags (-0.1 to 0.5 s), or trf to []."
            )
        back = self.plan.backward
        if back is not None and not (
            min(delays_s) - step_s <= back.lags_s[0] <= back.lags_s[1] <= max(delays_s) + step_s
        ):
            raise UserError(
                f"model.lags_s is {list(back.lags_s)} s, and data.response reaches from {min(delays_s):g} to {max(delays_s):g} s: rows that the "
                "reconstruction takes would reach held-out sound. Choose lags within, or widen data.response."
            )

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a person. What an interrupted run has fitted is taken."""
        self.check_epoch("tracking is fitted")
        if self.plan.fits and batch.subject in self.length.subjects:
            fold = self.data.folds(batch.subject)[batch.fold]
            self.fits.setdefault(batch.subject, {})[fold.name] = self._fitted(batch.subject, fold)
        self.optimizers().step()

    def _fitted(self, subject: str, fold: Fold) -> dict:
        data, plan = self.data, self.plan
        brain = checked_brain(data, subject, fold)[0]
        path = self.fit_path(subject, fold)
        made = self.made | {"data": data.data_hashes(), "rows": marks_of(data, subject, fold, brain)["rows"]}
        found = kept(path, made)
        if found is None:
            rows = self.length.rows(data, subject)
            trf = FoldTRF(data, subject, fold, rows, plan.trf, plan.recipe) if plan.trf else None
            back = (
                FoldReconstruction(data, subject, fold, rows, plan.envelope, plan.backward) if plan.backward else None
            )
            found = {"trf": trf.fit(brain, self.device) if trf else {}, "backward": back.fit(brain) if back else None}
            found["marks"] = marks_of(data, subject, fold, brain) | features_marks(trf, back)
            keep(path, found, made)
        return found

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Weights, and by what a test knows the data."""
        checkpoint[FITS], checkpoint[RECIPE] = self.fits, self.made

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from Tracking: it holds no fits.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)

    def on_test_start(self) -> None:
        """Nothing is measured yet."""
        check_made(self.fitted_by if self.plan.fits else None, self.made, prefix="")
        self.check_fitted(self.length.subjects if self.plan.fits else ())
        self._scorer = Scorer(self.data, self.fits, self.plan, self.length)

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Measure a person at the first of its folds."""
        self._scorer.add(batch.subject)

    def on_test_epoch_end(self) -> None:
        """Compare people."""
        self._result = self._scorer.result()

    def results(self, seed: int) -> Mapping[str, TrackingResult]:
        """See `System`."""
        return {} if self._result is None else {"test": self._result}
