"""The system of high-gamma models: how well features of speech predict the activity of each electrode, beside honest baselines."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.errors import UserError, first_of
from n2s.models.electrode_model import ElectrodeModel, ElectrodeRidge
from n2s.options import check_number, check_options
from n2s.systems.closed_form import FoldFits, check_made
from n2s.systems.encoding.inputs import rows_hash
from n2s.systems.high_gamma.fit import Options, check_fold, fit_fold
from n2s.systems.high_gamma.result import HighGammaResult
from n2s.systems.high_gamma.rows import Row, table_rows
from n2s.systems.high_gamma.scoring import HeldOutElectrodes, Null, SubjectScores, subject_scores
from n2s.systems.high_gamma.summary import row_table
from n2s.systems.kept_fits import keep, kept

#: Keys of a checkpoint: the fits, by subject and fold; and how they were made.
FITS, RECIPE = "n2s_high_gamma_fits", "n2s_high_gamma_recipe"


class HighGammaEncoding(FoldFits):
    """Predicts high-gamma activity of every electrode from features of what is said or heard, one fit a subject and fold.

    Beside every model are what each electrode's training mean reaches, speech against silence alone, words in each other's places, features
    moved in time, and predictions shifted in a circle. ``n2s fit`` fits all of them on training rows; ``n2s test`` predicts the
    held-out rows. To hold out words with all their repetitions, take `n2s.data.SplitBySentence` with ``data.n_folds``.

    Parameters
    ----------
    models
        Name -> its feature spaces; null: one model of all spaces but ``speech``. Baselines are of the one with most spaces.
    speech
        The feature space that tells speech from silence, such as `n2s.features.Speaking`.
    estimators
        By a name of your choice: `n2s.models.ElectrodeRidge`, `ElectrodeElasticNet`, `ElectrodeGRU`. The first fits the baselines, too.
        null: ridge.
    n_draws
        How often words are permuted, and features moved, each time with a fit of its own; r is the mean over draws, and p that of this mean.
    shift_s
        Features are moved by this much or more, s.
    n_permutations
        Draws for the p of each electrode; 0: no p.
    null_by
        ``block``: blocks of held-out rows are permuted. ``phase``: phases of the predictions are drawn.
    block_s
        Length of a block, s: longer than the activity is correlated with itself. Where words come at a fixed pace, it should be no
        multiple of that: such blocks keep the time of words, and p is too large.
    n_shifts
        Circular shifts of predictions, by at least a tenth of the held-out rows (Verwoert 2022); 0: none.
    seed
        Of draws.

    Examples
    --------
    >>> from n2s.systems import HighGammaEncoding
    >>> system = HighGammaEncoding(models={"sound": ["mel"], "sound and words": ["mel", "words"]})
    >>> system.recipe
    'configs/high_gamma.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("high_gamma")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/high_gamma.yaml"
    instead = "it predicts the brain from sounds. Which sound was heard is told by a run of --config linear or meg_contrastive (of fMRI: fmri_semantic)."

    def __init__(
        self,
        *,
        models: dict[str, list[str]] | None = None,
        speech: str = "speech",
        estimators: dict[str, ElectrodeModel] | None = None,
        n_draws: int = 2,
        shift_s: float = 5.0,
        n_permutations: int = 1000,
        null_by: Literal["block", "phase"] = "block",
        block_s: float = 5.0,
        n_shifts: int = 1000,
        seed: int = 0,
    ):
        check_options("model.", above=0, shift_s=shift_s, block_s=block_s)
        check_options("model.", low=0, whole=True, n_permutations=n_permutations, n_shifts=n_shifts, seed=seed)
        super().__init__()
        self.save_hyperparameters(ignore=["estimators"])
        check_number("model.n_draws", n_draws, low=1, whole=True)
        self.estimators = dict(estimators or {"ridge": ElectrodeRidge()})
        n_folds = max(getattr(one, "n_folds", 2) for one in self.estimators.values())
        self.fit_options = Options(n_folds, shift_s, seed)
        self.null = Null(null_by, block_s, n_permutations, n_shifts, seed)
        self._wanted = {"models": models, "speech": speech, "n_draws": n_draws}
        self.rows: list[Row] = []
        self._scored: dict[str, SubjectScores] = {}

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data = self.data
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")
        seeds = [name for name, n in data.spaces.items() if n > 1]
        if seeds:
            raise UserError(
                f"data.features: {first_of(seeds)} has several seeds, and HighGammaEncoding takes one. Give each seed a name of its own."
            )
        self.rows = table_rows(list(data.spaces), list(self.estimators), **self._wanted)
        self._fits = {fit.key: fit for row in self.rows for fit in row.fits}
        for subject in data.subjects if stage == "fit" else ():
            for fold in data.folds(subject):
                check_fold(fold, self.fit_options, f"{subject}, {fold.name}")

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a subject. What an interrupted run has fitted is taken."""
        self.check_epoch("high-gamma models are fitted")
        data, subject = self.data, batch.subject
        fold = data.folds(subject)[batch.fold]
        path = self.fit_path(subject, fold)
        made = {"fits": [*self._fits], "recipe": f"{self._recipe()}"}
        made |= {"data": data.data_hashes(), "rows": rows_hash(data, subject, fold)}
        fitted = kept(path, made)
        if fitted is None:
            fitted = fit_fold(data, subject, fold, self._fits, self.estimators, self.fit_options, device=self.device)
            keep(path, fitted, made)
        self.fits.setdefault(subject, {})[fold.name] = fitted
        self.log("train/fits", float(len(fitted["fits"])), prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Weights, and by what a test knows the data."""
        checkpoint[FITS], checkpoint[RECIPE] = self.fits, self._recipe()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from HighGammaEncoding: it holds no fits.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)

    def on_test_start(self) -> None:
        """Nothing is scored yet."""
        check_made(self.fitted_by, self._recipe())
        self.check_fitted(name for name in self.data.subjects if self.data.folds(name))
        self._scored = {}

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Predict and score a subject: all its folds at the first."""
        if batch.subject not in self._scored:
            held = HeldOutElectrodes(
                self.data,
                batch.subject,
                self.fits[batch.subject],
                self.estimators,
                self.fit_options,
                device=self.device,
            )
            self._scored[batch.subject] = subject_scores(held, self.rows, self.null)

    def results(self, seed: int) -> Mapping[str, HighGammaResult]:
        """See `System`."""
        if not self._scored:
            return {}
        data, every = self.data, list(self._scored.values())

        def together(name: str) -> pd.DataFrame:
            return pd.concat([getattr(one, name) for one in every], ignore_index=True)

        electrodes = together("electrodes")
        found = HighGammaResult(
            electrodes=electrodes,
            flat=together("flat"),
            null=together("null"),
            traces=together("traces"),
            rows=row_table(self.rows, {space: data.delays(space, data.subjects[0])[1] for space in data.spaces}),
            frames={name: data.measured(name).frame for name in self._scored},
            settings=self._settings() | {"n_unplaced": int(electrodes[["x", "y", "z"]].isna().any(axis=1).sum())},
            seed=self.fit_options.seed,
        )
        return {"test": found}

    def _recipe(self) -> dict:
        """Options of the fit, as plain types."""
        own = {f"estimators.{name}": one.settings() for name, one in self.estimators.items()}
        return own | {"shift_s": self.fit_options.shift_s, "seed": self.fit_options.seed}

    def _settings(self) -> dict:
        folds = [fold for name in self._scored for fold in self.data.folds(name)]
        return {
            "n_folds": _ends([len(self.data.folds(name)) for name in self._scored]),
            "n_rows": _ends([one.n_rows for one in self._scored.values()]),
            "n_train_rows": _ends([len(fold.train) for fold in folds]),
            "n_blocks": _ends([one.n_blocks for one in self._scored.values()]),
            "null_by": self.null.null_by,
            "block_s": self.null.block_s,
            "n_permutations": self.null.n_permutations,
            "n_shifts": self.null.n_shifts,
            "shift_s": self.fit_options.shift_s,
            "n_draws": self._wanted["n_draws"],
            "estimators": {
                name: {"class": type(one).__name__} | one.settings() for name, one in self.estimators.items()
            },
        }


def _ends(values: list[int]) -> list[int]:
    return [int(np.min(values)), int(np.max(values))]
