"""Late fusion: the scores of two finished runs, added with weights that validation chose."""

import hashlib
from collections.abc import Mapping
from copy import copy

import numpy as np
import torch

from n2s.data.cross_validated import CrossValidated
from n2s.data.paired import PairedDataModule
from n2s.data.paired_batch import PairedBatch
from n2s.data.paired_rows import MODALITIES
from n2s.errors import UserError
from n2s.findings import tell
from n2s.metrics.segment_scores import SegmentScores
from n2s.systems.closed_form import ClosedForm
from n2s.systems.fusion.late_matched import NAMES, Parts, check_held_out, late_parts
from n2s.systems.fusion.late_weights import Weights, best_weights, first_share
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.tested import fusion_results, heard
from n2s.systems.segment_scores import left
from n2s.systems.stages import StageRun
from n2s.systems.system import System
from n2s.training.experiments import trained_run

WEIGHTS = "n2s_late_fusion"  # key of a checkpoint
LEAST = 1e-9  # weight of a run that does not count, in units of the spread of its scores: its own order stays, a sum does not change
FEWEST = 20  # validation rows from which two weights are worth something


class LateFusion(ClosedForm):
    """The sum of the scores of two finished retrieval runs, one of MEG and one of fMRI: ``alpha * meg + beta * fmri``.

    ``n2s fit`` finds the weights, each 0 or more: the true candidates of validation rows become most likely under a softmax over each person's
    candidates. ``n2s test`` adds the scores of the test rows. Before that, run ``n2s test`` for both runs: it keeps their scores. Both runs must
    have held out the same validation and test data as this one. Rows are matched by person, by the samples of the sound, and by the place in it.
    Rows that a run has not scored are left out. If a run chose its best epoch by the same validation rows, its weight is a little too large.

    Parameters
    ----------
    meg, fmri
        The runs: an experiment (its newest run) or the folder of a run.

    Examples
    --------
    >>> from n2s.systems import LateFusion
    >>> system = LateFusion(meg="fusion_meg", fmri="fusion_fmri")
    >>> system.recipe
    'configs/fusion_late.yaml'

    Its recipe adds the scores of two runs that were tested; it says what to run first:

    >>> import n2s
    >>> run = n2s.fit("fusion_late")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (PairedDataModule,)
    recipe = "configs/fusion_late.yaml"
    instead = "it takes the MEG and the fMRI of one person together. Decode each by itself, with a run of --config meg_contrastive and one of fmri_semantic; or put both into studies, and run n2s test."

    def __init__(self, meg: str, fmri: str):
        super().__init__()
        self.save_hyperparameters()
        self.given = {"meg": meg, "fmri": fmri}
        self.found: Weights | None = None

    def setup(self, stage: str) -> None:
        """Find the runs before anything is fitted."""
        self.check_alone("")
        if isinstance(self.data.split, CrossValidated):
            raise UserError(
                "a late fusion adds the scores of two runs with one split, and each fold of --cross_validate holds out something else: these runs "
                "were trained on it. Leave --cross_validate out. For all folds, cross-validate n2s.systems.JointContrastive or "
                "n2s.systems.LikelihoodFusion, or fit two runs and their late fusion for each split (data.split)."
            )
        self.runs = {modality: self._run(modality) for modality in MODALITIES}

    @torch.no_grad()
    def training_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Find the weights at the first batch; its rows are not looked at."""
        self.check_epoch("two weights are fitted")
        if batch_index == 0:
            self.found = late_weights(self.data, self.runs)
            for modality in MODALITIES:
                self.log(f"train/weight_{modality}", self.found.weights[modality], batch_size=1)
            self.log("train/top1", self.found.top1["both"], prog_bar=True, batch_size=1)
        self.optimizers().step()

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep the weights."""
        checkpoint[WEIGHTS] = None if self.found is None else self.found.plain()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """See Lightning."""
        if not checkpoint.get(WEIGHTS):
            raise UserError(
                "the checkpoint is not from a finished fit of LateFusion: it holds no weights. Run `n2s fit` again."
            )
        self.found = Weights(**checkpoint[WEIGHTS])

    def on_test_start(self) -> None:
        """The weights must be those of these runs."""
        for modality, run in self.runs.items():
            if self.found.scored_by[modality] != _hash(left(run.folder, "val", run.key)):
                raise UserError(
                    f"the weights were found with other validation scores than those of model.{modality}, {run.folder}: it is another run, or was fitted "
                    "and tested since. Run `n2s fit` again."
                )

    def test_step(self, batch: PairedBatch, batch_index: int) -> None:
        """Nothing: the scores are those of the runs."""

    def results(self, seed: int) -> Mapping[str, FusionResult]:
        """See `System`."""
        return _results(self.data, self.runs, self.found, seed)

    def _run(self, modality: str) -> StageRun:
        key = f"model.{modality}"
        recipe = f"configs/fusion.yaml --config configs/fusion_{modality}.yaml"
        run = trained_run(self.given[modality], self.experiment, key=key, recipe=recipe)
        return StageRun(System, run.folder.absolute(), key)


def late_results(data: PairedDataModule, meg: StageRun, fmri: StageRun, seed: int) -> dict[str, FusionResult]:
    """The late fusion of two finished runs, weights included, for systems that show it beside their own: see `LateFusion`."""
    runs = {"meg": meg, "fmri": fmri}
    return _results(data, runs, late_weights(data, runs), seed)


def late_weights(data: PairedDataModule, runs: Mapping[str, StageRun]) -> Weights:
    """The weights of two runs, from their scores of the validation segments of ``data``."""
    if not data.validates:
        raise UserError(
            "data has no validation rows, and the weights of a late fusion are found on these. Give data.split some (val_fraction above 0)."
        )
    scores = {modality: left(run.folder, "val", run.key) for modality, run in runs.items()}
    for modality, run in runs.items():
        check_held_out(data, modality, left(run.folder, "test", run.key), scores[modality])
    return weights_of(late_parts(data, scores, "val"), {modality: _hash(one) for modality, one in scores.items()})


def weights_of(parts: Parts, scored_by: Mapping[str, str] | None = None) -> Weights:
    """The weights from validation rows; from those with both, if there are enough."""
    has = {modality: (parts.pairs[modality] >= 0).to_numpy() for modality in MODALITIES}
    both = np.flatnonzero(has["meg"] & has["fmri"])
    alone, top1 = {}, {}
    for modality in MODALITIES:
        rows = np.flatnonzero(has[modality])
        given = parts.scores[modality][rows], parts.target[rows], _allowed(parts, rows, (modality,))
        alone[modality] = float(best_weights([given[0]], *given[1:])[0])
        top1[modality] = first_share(*given)
    allowed, target = _allowed(parts, both, MODALITIES), parts.target[both]
    scores = [parts.scores[modality][both] for modality in MODALITIES]
    found = dict(zip(MODALITIES, map(float, best_weights(scores, target, allowed)), strict=True))
    if not any(found.values()):
        tell(
            "odd",
            "late fusion",
            "validation finds nothing in either run: both have the weight of their scores' spread.",
        )
        found = {modality: _unit(one, allowed) for modality, one in zip(MODALITIES, scores, strict=True)}
    top1["both"] = first_share(
        sum(found[m] * one.astype(np.float64) for m, one in zip(MODALITIES, scores, strict=True)), target, allowed
    )
    if len(both) < FEWEST:
        tell(
            "odd",
            "late fusion",
            f"the weights are from {len(both)} validation rows with both: fewer than {FEWEST}, so they are uncertain.",
        )
    temperatures = {modality: 1 / one if one > 0 else None for modality, one in alone.items()}
    return Weights(found, temperatures, top1, len(both), dict(scored_by or {}))


def _results(
    data: PairedDataModule, runs: Mapping[str, StageRun], found: Weights, seed: int
) -> dict[str, FusionResult]:
    scores = {modality: left(run.folder, "test", run.key) for modality, run in runs.items()}
    for modality, run in runs.items():
        check_held_out(data, modality, scores[modality], left(run.folder, "val", run.key))
    parts = late_parts(data, scores, "test")
    meg, fmri = (weighted(parts.scores[modality], found.weights[modality]) for modality in MODALITIES)
    some = copy(data)  # its rows are those that are left
    some.pairs = data.pairs | {"test": parts.pairs}
    return fusion_results(some, "late fusion", meg, fmri, seed=seed, weights=found.weights, said=sentences(found, runs))


def weighted(scores: np.ndarray, weight: float) -> np.ndarray:
    """(n, k) float32: multiplied, with the mean of each row 0, so that no digits are lost beside a large constant.

    With a weight of 0 the differences are tiny: beside the other score they count only where that one ties, and rows with this score alone
    keep its order.
    """
    values = scores.astype(np.float64)
    values -= values.mean(1, keepdims=True)
    spread = values.std()
    return ((weight or LEAST / (spread or 1.0)) * values).astype(np.float32)


def sentences(found: Weights, runs: Mapping[str, StageRun]) -> list[str]:
    """What a page says of the weights."""
    said = []
    for modality, run in runs.items():
        warm = found.temperatures[modality]
        alone = "its scores say nothing of validation" if warm is None else f"temperature alone {warm:.3g}"
        if not found.weights[modality]:
            said.append(
                f"{NAMES[modality]} does not count in the sum (weight 0): what is said of it alone is by its own scores."
            )
        said.append(
            f"{NAMES[modality]}: run {run.folder.parent.name}/{run.folder.name}, weight {found.weights[modality]:.3g}, {alone}, top-1 of its validation rows "
            f"{found.top1[modality]:.1%}."
        )
    return [
        *said,
        f"Weights are from {found.n_rows} validation rows with both; the sum finds {found.top1['both']:.1%} of them first.",
    ]


def _allowed(parts: Parts, rows: np.ndarray, used: tuple[str, ...]) -> np.ndarray:
    """(n, k) which segments each row is ranked among: those that its person heard in these modalities."""
    sets, own = heard(parts.pairs, rows, used)
    wide = np.zeros((len(rows), parts.scores["meg"].shape[1]), bool)
    wide[:, : sets.shape[1]] = sets[own]
    return wide


def _unit(scores: np.ndarray, allowed: np.ndarray) -> float:
    """1 / the spread of the scores of a row's candidates."""
    spread = float(np.nanstd(np.where(allowed, scores, np.nan), axis=1).mean())
    return 1 / spread if spread > 0 else 0.0


def _hash(scores: SegmentScores) -> str:
    return hashlib.sha256(np.ascontiguousarray(scores.similarity).tobytes()).hexdigest()
