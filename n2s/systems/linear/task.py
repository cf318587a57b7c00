"""The system of linear decoders: what was heard, reconstructed from the brain."""

from collections.abc import Mapping

import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.data.response_models import Glover
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of, nearest
from n2s.metrics.attention import LENGTHS_S
from n2s.metrics.result import Result
from n2s.models.ridge import ALPHAS
from n2s.options import check_options, check_pair
from n2s.systems.closed_form import FoldFits, check_made
from n2s.systems.encoding import scoring as encoding_scoring
from n2s.systems.encoding.fit import Recipe as EncodingRecipe
from n2s.systems.encoding.inputs import rows_hash
from n2s.systems.encoding.rows import ModelRow, model_rows, unique_fits
from n2s.systems.encoding.task import ALPHAS as ENCODING_ALPHAS
from n2s.systems.kept_fits import keep, kept
from n2s.systems.linear.fit import Recipe, decoders_of, fit_fold
from n2s.systems.linear.inputs import Band
from n2s.systems.linear.new_feature import FeatureOfSensors
from n2s.systems.linear.reconstruct import reconstruct, write_reconstructions
from n2s.systems.linear.scores import Options
from n2s.systems.linear.scoring import Scorer

#: Keys of a checkpoint: the fits, by subject and fold, and how they were made.
FITS, RECIPE = "n2s_linear_fits", "n2s_linear_recipe"
FORWARD_SHIFTS = 2  # of the control of the encoding model


class LinearDecoder(FoldFits):
    """Ridge regression from the brain at some lags to features of what was heard, and back again, for each subject.

    ``n2s fit`` fits each subject and fold on its training rows, penalties by cross-validation inside these; ``n2s test`` reconstructs
    the held-out rows at which a sound plays, and ``n2s predict`` writes them into ``predictions/``. With ``data.n_folds`` every part is held out once. No statistic of training comes from held-out rows, no lag
    reaches from one side to the other, and rows too near to held-out sound are left out (`n2s.data.EncodingDataModule`).

    Parameters
    ----------
    targets
        Feature spaces to decode, a decoder each; null: all of ``data.features``. Of a space with several seeds the first.
    lags_s
        First and last lag of the brain after the sound, s, within those of ``data.response``; null: those. With
        `n2s.data.FIR` (volumes) all rows from its first to its last delay.
    band_hz
        Edges of the band that targets are filtered to, each stretch alone, such as ``[0.5, 4.0]``; null for one edge or all: no filter.
    alphas
        Penalties to choose from, of the mean squared error of z-scored data (`n2s.models.RidgeDecoder`); null: 1e-4 to 1e3.
    n_folds
        Of the cross-validation of penalties inside the training rows, by stretches that share nothing; with fewer of them, by
        contiguous parts of time.
    n_components
        Sensors are replaced by so many principal components of the training rows; null: none are. The time of a fit grows with the
        third power of their number: with 64 of 306 sensors it is seconds, not minutes.
    other_people
        Whether to decode each subject with a decoder of all others' training rows, too: it has not seen the person, nor what is held out.
        Sensors, or voxels in a common space, must be the same.
    windows_s
        Lengths of the windows that are told apart (match-mismatch), s.
    top_k
        How often the right window is among so many best of all.
    attention_s
        Lengths of the windows in which the attended of two talkers is told from the other, s, where the study says who was attended
        (events' column ``attended``); null: 5, 10, 30, 60.
    shift_s
        Chance of windows, and the controls of the encoding model: the truth, or the features, are moved in a circle by this much or more, s.
        Chance of r has moves of any length (`n2s.metrics.moved_null`).
    n_shifts
        How many moves.
    forward
        Whether to fit an encoding model, too (temporal response functions: from the targets to each sensor at all lags of
        ``data.response``), shown as ``forward``.
    n_permutations
        Draws for the p of each sensor of the encoding model; 0: no p.
    seed
        Of shifts and draws.

    References
    ----------
    Crosse et al. 2016, Front. Hum. Neurosci. 10:604. O'Sullivan et al. 2015, Cereb. Cortex 25:1697.

    Examples
    --------
    >>> from n2s.systems import LinearDecoder
    >>> system = LinearDecoder(targets=["envelope"], lags_s=(0.0, 0.4), n_components=64)
    >>> system.recipe
    'configs/linear.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("linear")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/linear.yaml"

    def __init__(
        self,
        *,
        targets: list[str] | None = None,
        lags_s: tuple[float, float] | None = None,
        band_hz: tuple[float | None, float | None] | None = None,
        alphas: list[float] | None = None,
        n_folds: int = 5,
        n_components: int | None = None,
        other_people: bool = False,
        windows_s: list[float] | None = None,
        top_k: list[int] | None = None,
        attention_s: list[float] | None = None,
        shift_s: float = 10.0,
        n_shifts: int = 1000,
        forward: bool = True,
        n_permutations: int = 1000,
        seed: int = 0,
    ):
        check_options("model.", above=0, shift_s=shift_s)
        check_options("model.", low=0, whole=True, n_permutations=n_permutations, seed=seed, n_shifts=n_shifts)
        if lags_s is not None:
            check_pair("model.lags_s", lags_s)
        super().__init__()
        self.save_hyperparameters()
        self.fit_recipe = Recipe(
            None if lags_s is None else (float(lags_s[0]), float(lags_s[1])),
            Band(*(band_hz or (None, None))),
            tuple(alphas or ALPHAS),
            n_folds,
            n_components,
            other_people,
        )
        self.options = Options(
            windows_s=tuple(windows_s if windows_s is not None else (5.0,)),
            top_k=tuple(top_k if top_k is not None else (1, 5)),
            shift_s=shift_s,
            n_shifts=n_shifts,
            seed=seed,
            attention_s=tuple(attention_s if attention_s is not None else LENGTHS_S),
        )
        self.named, self.forward_too = targets, forward
        self.forward_recipe = EncodingRecipe(ENCODING_ALPHAS, n_folds, shift_s, seed)
        self.n_permutations = n_permutations
        self.targets: list[str] = []
        self.rows: list[ModelRow] = []
        self._results: dict[str, Result] = {}

    @property
    def solver(self) -> torch.device:
        """Where equations are solved: Apple's GPU has no float64."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def made(self) -> dict:
        """How fits are made: those of an interrupted run, or of a checkpoint, have to be made so."""
        forward = {
            "forward": [row.key for row in self.rows],
            "seed": self.options.seed,
            "shift_s": self.options.shift_s,
        }
        return {"targets": self.targets} | self.fit_recipe.plain() | (forward if self.forward_too else {})

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data = self.data
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")
        if isinstance(data.response, Glover):
            raise UserError(
                "LinearDecoder decodes from the brain at several delays, and data.response is Glover, which has none. Take n2s.data.FIR "
                "(delays in volumes) for BOLD, or n2s.data.Lags for sensors."
            )
        self.targets = list(dict.fromkeys(self.named if self.named is not None else data.spaces))
        for name in self.targets:
            if name not in data.spaces:
                raise UserError(
                    f"model.targets: '{name}' is no feature space of the data.{nearest(name, list(data.spaces))} There are: "
                    f"{first_of(data.spaces)}. (data.features)"
                )
        if not self.targets:
            raise UserError("model.targets is empty; expected feature spaces to decode, or null for all.")
        for subject in data.subjects:
            self.fit_recipe.band.check(data.rate_hz[subject], subject)
            self.fit_recipe.lags(data, self.targets[0], subject)
        self.fit_recipe.band.tell_short(data, data.subjects)
        spaces = {name: data.spaces[name] for name in self.targets}
        self.rows = model_rows(spaces, n_shifts=FORWARD_SHIFTS) if self.forward_too else []

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a subject. What an interrupted run has fitted is taken."""
        self.check_epoch("linear decoders are fitted")
        data, subject = self.data, batch.subject
        fold = data.folds(subject)[batch.fold]
        path = self.fit_path(subject, fold)
        made = self.made | {"data": data.data_hashes(), "rows": rows_hash(data, subject, fold)}
        fitted = kept(path, made)
        if fitted is None:
            forward = (unique_fits(self.rows), self.forward_recipe) if self.forward_too else None
            fitted = fit_fold(
                data, subject, fold, self.targets, self.fit_recipe, forward=forward, device=self.solver
            ).plain()
            keep(path, fitted, made)
        self.fits.setdefault(subject, {})[fold.name] = fitted
        typical = torch.stack([one["alpha"].log() for one in fitted["decoders"].values()]).mean().exp()
        self.log("train/alpha", typical, prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Weights, penalties, and by what a test knows the data."""
        checkpoint[FITS], checkpoint[RECIPE] = self.fits, self.made

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from LinearDecoder: it holds no decoders.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)

    def _check_fits(self) -> None:
        """Raise a UserError if the run was fitted in another way, or not to all subjects."""
        check_made(self.fitted_by, {name: value for name, value in self.made.items() if name != "targets"})
        self.check_fitted(name for name in self.data.subjects if self.data.folds(name))

    def on_test_start(self) -> None:
        """Nothing is scored yet."""
        self._check_fits()
        self._scorer = Scorer(self.data, self.fits, self.targets, self.fit_recipe, self.options)
        self._forward = self._encoding_scorer() if self.forward_too else None

    def _encoding_scorer(self) -> encoding_scoring.Scorer:
        data = self.data
        fits = {subject: {name: one["forward"] for name, one in own.items()} for subject, own in self.fits.items()}
        sensors = all(data.measured(subject).kind == "sensor" for subject in data.subjects)
        options = encoding_scoring.Options(n_permutations=self.n_permutations, n_shifts=FORWARD_SHIFTS, kernels=sensors)
        return encoding_scoring.Scorer(data, fits, self.rows, self.forward_recipe, options, device=self.solver)

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Reconstruct and score a subject: all its folds at the first."""
        self._scorer.add(batch.subject)
        if self._forward is not None:
            self._forward.add(batch.subject)

    def on_test_epoch_end(self) -> None:
        """Compare subjects."""
        self._results = {"test": self._scorer.result()}
        if self._forward is not None:
            self._results["forward"] = self._forward.result()

    def on_predict_start(self) -> None:
        """Fits are those of the run."""
        self._check_fits()

    @torch.no_grad()
    def predict_step(self, batch: SubjectFold, batch_index: int) -> str:
        """Write the reconstructions of a subject at its first fold; the file (see `write_reconstructions`), or ""."""
        if batch.fold:
            return ""
        found = {
            name: reconstruct(self.data, batch.subject, space, self.fits[batch.subject], self.fit_recipe, name=name)
            for name, (space, _) in decoders_of(self.targets, other_people=self.fit_recipe.other_people).items()
        }
        return str(write_reconstructions(self.folder / "predictions", batch.subject, found))

    def decoder(self, trained: Trained) -> FeatureOfSensors:
        """See `System`."""
        return FeatureOfSensors(trained, trained.entries[FITS], self.fit_recipe, self.named)

    def results(self, seed: int) -> Mapping[str, Result]:
        """See `System`."""
        return self._results
