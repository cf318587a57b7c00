"""The system of encoding models: how well each feature of what was heard predicts each voxel or sensor."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import numpy as np
import torch

from n2s.data.encoding import EncodingDataModule, SubjectFold
from n2s.errors import UserError
from n2s.options import check_options
from n2s.systems.closed_form import FoldFits
from n2s.systems.encoding.fit import Recipe, check_recipe, check_units, fit_fold
from n2s.systems.encoding.inputs import rows_hash
from n2s.systems.encoding.results.result import BrainScoreResult
from n2s.systems.encoding.rows import ModelRow, model_rows, unique_fits
from n2s.systems.encoding.scoring import Options, Scorer
from n2s.systems.kept_fits import keep, kept

#: Penalties to choose from: Millet & King 2021, for z-scored features and responses.
ALPHAS = tuple(float(alpha) for alpha in np.logspace(1, 8, 20))
#: Key of a checkpoint: the fits, by subject and fold.
FITS = "n2s_encoding_fits"
#: Key of a checkpoint: how they were made.
RECIPE = "n2s_encoding_recipe"


class BrainScore(FoldFits):
    """Ridge regression from features of what was heard to each voxel or sensor of each subject, scored on held-out rows.

    ``n2s fit`` chooses the penalty of every subject, fold, row of the table, seed and target from the training rows;
    ``n2s test`` predicts the held-out rows.

    Parameters
    ----------
    networks
        Name -> its feature spaces in order, the base (such as mel) first. Each network gives nested models of one space, two, and so
        on, and the gain of each over the one before. A network's name in its own or another list stands for all its layers:
        ``dutch: [mel, dutch]``. null: one network of all spaces that are no controls.
    controls
        Spaces, layers of a network (one model of all), or networks of ``networks`` (nested), to compare with: word rate, phone rate,
        an untrained network.
    alone
        Whether each feature space of a network has a row of its own, too.
    banded
        Spaces or networks with a penalty each, in one model, and how much of R2 each explains; null: no such model.
    alphas
        Penalties to choose from for each target, as scikit-learn's: |Y - XW|^2 + alpha |W|^2.
    n_folds
        Of the cross-validation inside the training rows, by stretches that share nothing; with fewer of them, by story or block.
    shift_s
        A control has the features of each run moved in a circle by this much or more, s: chance for signals that are as slow.
    n_shifts
        How many such moves are averaged; 0: no such control.
    n_permutations
        Draws for the p of each target within its subject; 0: no p.
    null_by
        ``phase``: phases of the predictions are drawn: the rate of false positives is the nominal one however slow the noise is, in
        long runs; in held-out runs of 10 to 20 rows of slow noise up to .08 at a nominal .05. ``block``: blocks of rows are permuted:
        up to .11 where blocks are not much longer than the noise remembers (`benchmarks/false_positives.py`), but .05 where whole short
        runs are the blocks.
    block_s
        Length of a block, s: longer than the response is correlated with itself. Blocks lie inside a run's held-out rows; where these
        are hardly longer, they have another length (`n2s.metrics.permutation.block_permutation`).
    keep_weights
        Whether the run keeps the weights (p, v) of every fit, float32; else a test solves them again from the training rows.
    per_lag
        Whether to score each lag alone, too (for sensors).
    kernels
        Whether to keep the weights over lags of the whole model (for sensors and delays).
    seed
        Of shifts.

    Examples
    --------
    >>> from n2s.systems import BrainScore
    >>> system = BrainScore(networks={"dutch": ["mel", "dutch"]}, controls=["word_rate"])
    >>> system.recipe
    'configs/brain_scores.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("brain_scores")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EncodingDataModule,)
    recipe = "configs/brain_scores.yaml"
    instead = "it predicts the brain from sounds. Which sound was heard is told by a run of --config linear or meg_contrastive (of fMRI: fmri_semantic)."

    def __init__(
        self,
        *,
        networks: dict[str, list[str]] | None = None,
        controls: list[str] | None = None,
        alone: bool = True,
        banded: list[str] | None = None,
        alphas: list[float] | None = None,
        n_folds: int = 5,
        shift_s: float = 10.0,
        n_shifts: int = 3,
        n_permutations: int = 1000,
        null_by: Literal["block", "phase"] = "phase",
        block_s: float = 20.0,
        keep_weights: bool = False,
        per_lag: bool = False,
        kernels: bool = False,
        seed: int = 0,
    ):
        check_options("model.", low=0, whole=True, n_shifts=n_shifts, n_permutations=n_permutations, seed=seed)
        check_options("model.", above=0, shift_s=shift_s, block_s=block_s)
        check_options("model.", low=2, whole=True, n_folds=n_folds)
        super().__init__()
        self.save_hyperparameters()
        self.fit_recipe = Recipe(tuple(alphas or ALPHAS), n_folds, shift_s, seed)
        self.options = Options(
            null_by=null_by,
            block_s=block_s,
            n_permutations=n_permutations,
            n_shifts=n_shifts,
            per_lag=per_lag,
            kernels=kernels,
        )
        self.keep_weights = keep_weights
        self._rows = {"networks": networks, "controls": controls or [], "alone": alone, "banded": banded}
        self.rows: list[ModelRow] = []
        self._result: BrainScoreResult | None = None

    def setup(self, stage: str) -> None:
        """Check what can be checked before the first fit."""
        data = self.data
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")
        self.rows = model_rows(data.spaces, n_shifts=self.options.n_shifts, **self._rows)
        self._unique = unique_fits(self.rows, self.options.lags(data, self.rows))
        for subject in data.subjects if stage == "fit" else ():
            for fold in data.folds(subject):
                check_units(fold, self.fit_recipe, f"{subject}, {fold.name}")

    @torch.no_grad()
    def training_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Fit one fold of a subject. What an interrupted run has fitted is taken."""
        self.check_epoch("encoding models are fitted")
        data, subject = self.data, batch.subject
        fold = data.folds(subject)[batch.fold]
        path = self.fit_path(subject, fold)
        made = {"fits": [*self._unique], "recipe": f"{self.fit_recipe}"}
        made |= {"data": data.data_hashes(), "rows": rows_hash(data, subject, fold)}
        fitted = None if self.keep_weights else kept(path, made)
        if fitted is None:
            fitted = fit_fold(
                data,
                subject,
                fold,
                self._unique,
                self.fit_recipe,
                device=self.device,
                keep=self.folder / "weights" if self.keep_weights else None,
            ).plain()
            keep(path, fitted, made)
        self.fits.setdefault(subject, {})[fold.name] = fitted
        typical = torch.stack([one.log().mean() for one in fitted["penalties"].values()]).mean().exp()
        self.log("train/alpha", typical, prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Penalties, and by what a test knows the data."""
        checkpoint[FITS] = self.fits
        checkpoint[RECIPE] = asdict(self.fit_recipe) | {"alphas": list(self.fit_recipe.alphas)}

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if FITS not in checkpoint:
            raise UserError("the checkpoint is not from BrainScore: it holds no penalties.")
        self.fits, self.fitted_by = checkpoint[FITS], checkpoint.get(RECIPE)

    def on_test_start(self) -> None:
        """Nothing is scored yet."""
        check_recipe(self.fitted_by, self.fit_recipe, shifted=self.options.n_shifts > 0)
        self.check_fitted(name for name in self.data.subjects if self.data.folds(name))
        kept = self.folder / "weights"
        self._scorer = Scorer(
            self.data,
            self.fits,
            self.rows,
            self.fit_recipe,
            self.options,
            device=self.device,
            weights=kept if kept.is_dir() else None,
        )

    @torch.no_grad()
    def test_step(self, batch: SubjectFold, batch_index: int) -> None:
        """Predict and score a subject: all its folds at the first."""
        self._scorer.add(batch.subject)

    def on_test_epoch_end(self) -> None:
        """Compare subjects."""
        self._result = self._scorer.result()

    def results(self, seed: int) -> Mapping[str, BrainScoreResult]:
        """See `System`."""
        return {} if self._result is None else {"test": self._result}
