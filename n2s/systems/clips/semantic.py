"""The coarse stage: from voxels to the meaning of a clip, by ridge regression."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.fmri import FMRIDataModule
from n2s.data.scaler import CONSTANT
from n2s.errors import UserError
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.models.fitted_ridge import FittedRidge
from n2s.models.ridge import VoxelRidge
from n2s.options import check_options
from n2s.paths import written_whole
from n2s.systems.clips.decoder import ClipDecoder, Decoded
from n2s.systems.clips.left import leave_scores
from n2s.systems.closed_form import ClosedForm
from n2s.systems.sound.prompts import listed_prompts, semantic_vectors
from n2s.systems.stages import StageRun


class Semantic(ClosedForm, ClipDecoder):
    """One `VoxelRidge` per subject, to any clip feature: to CLAP it is the paper's semantic decoder.

    It is fitted in one epoch, from all training clips of a subject at once (``data.batch_size: null``,
    ``trainer.max_epochs: 1``). Both sides are z-scored with the training clips. Predictions of each training clip by a
    ridge that has not seen its group are saved in the run's folder, ``out_of_fold/<subject>.npz``: the acoustic stage
    learns from them. With a spectrogram as the target it is the linear baseline.

    Parameters
    ----------
    n_voxels
        Best-correlated voxels for each dimension; 0: all.
    alpha
        The penalty; if there are several, cross-validation by group chooses one.
    n_folds
        Number of folds of this cross-validation and of the out-of-fold predictions.
    out_of_fold
        Whether to make out-of-fold predictions.
    prompts
        Prompts to show among the clips in the map of a test. A text (for a target that reads texts, such as CLAP), a
        sound file, or a table (``.csv``) with a column ``prompt`` of these, as for ``n2s predict``.

    Examples
    --------
    >>> from n2s.systems import Semantic
    >>> system = Semantic(n_voxels=200, alpha=[10.0, 100.0, 1000.0])
    >>> system.recipe
    'configs/fmri_semantic.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("fmri_semantic")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    recipe = "configs/fmri_semantic.yaml"

    def __init__(
        self,
        *,
        n_voxels: int = 500,
        alpha: float | list[float] = 100.0,
        n_folds: int = 5,
        out_of_fold: bool = True,
        prompts: str | None = None,
    ):
        check_options("model.", low=0, whole=True, n_voxels=n_voxels)
        check_options("model.", low=2, whole=True, n_folds=n_folds)
        check_options("model.", above=0, alpha=alpha)
        super().__init__()
        self.save_hyperparameters()
        self.n_voxels, self.alpha, self.n_folds, self.out_of_fold = n_voxels, alpha, n_folds, out_of_fold
        self.given_prompts = prompts
        self._ridge()  # an impossible option is reported at once

    def setup(self, stage: str) -> None:
        """Before a test, encode the prompts."""
        super().setup(stage)
        if stage == "test" and self.given_prompts is not None:
            names = listed_prompts(self.given_prompts)
            self.prompts = dict(zip(names, semantic_vectors(names, self.trainer.datamodule.target), strict=True))

    def build(self, data: FMRIDataModule, subject: int) -> FittedRidge:
        """See `ClipDecoder`."""
        found, name = data.n_voxels[subject], data.subjects[subject]
        if found < self.n_voxels:
            raise UserError(
                f"{name} has {found} voxels{'' if data.roi is None else f' in {data.roi}'}, and model.n_voxels needs "
                f"{self.n_voxels} of them. Set fewer, or 0 for all, or a larger region."
            )
        if data.response.volumes == "stack":
            raise UserError("Semantic needs one response per clip: set data.volumes to mean.")
        if data.batch_size is not None:
            raise UserError(
                f"Semantic is fitted to all clips of a subject at once; data.batch_size is {data.batch_size}. Set it "
                "to null."
            )
        groups = data.splits["train"].table.group[data.splits["train"].rows_of(subject)].nunique()
        if (self.out_of_fold or isinstance(self.alpha, Sequence)) and groups < self.n_folds:
            raise UserError(
                f"{name} has training clips of {groups} groups, and cross-validation has {self.n_folds} folds "
                "(model.n_folds). Set fewer, at least two."
            )
        ridge = FittedRidge()
        ridge.voxel_mean = torch.from_numpy(data.scales[subject].mean)
        ridge.voxel_deviation = torch.from_numpy(data.scales[subject].deviation)
        return ridge

    def check_shared(self, data: FMRIDataModule) -> None:
        """See `ClipDecoder`."""
        self.check_alone("; the fits of many subjects are separate jobs (data.subjects)")

    def blank(self, state: dict[str, Tensor]) -> FittedRidge:
        """See `ClipDecoder`."""
        return FittedRidge()

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Fit a subject's ridge."""
        self.check_epoch("a ridge is fitted")
        target = batch.target.flatten(1)
        mean, deviation = target.mean(0), target.std(0)
        deviation[deviation <= CONSTANT * mean.abs()] = 1
        scaled, groups = (target - mean) / deviation, batch.group.tolist()
        with torch.autocast(self.device.type, enabled=False):  # linear equations cannot be solved in bfloat16
            ridge = self._ridge().fit(batch.brain, scaled, groups)
            self.network(batch).keep(ridge, mean, deviation)
            if self.out_of_fold:
                self._keep_out_of_fold(batch, ridge.out_of_fold(batch.brain, scaled, groups), scaled)
        self.log("train/loss", self._loss(batch), batch_size=len(batch))
        self.log("train/alpha", ridge.alpha_, batch_size=len(batch))
        self.optimizers().step()

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Mean squared error of the z-scored target: the mean of the training clips gives 1."""
        if not self.trainer.sanity_checking:  # before the fit there is nothing to check
            self.log("val/loss", self._loss(batch), prog_bar=True, batch_size=len(batch))

    def decode(self, batch: Batch) -> Decoded:
        """See `ClipDecoder`; a target that is a spectrogram is one."""
        ridge, data = self.network(batch), self.trainer.datamodule
        check_fitted(ridge, data.subjects[batch.brain_index])
        check_same_voxels(ridge, data, batch.brain_index)
        feature = self.answer(ridge, batch.brain).unflatten(1, data.target.shape)
        return Decoded(batch.row, feature, feature if isinstance(data.target, ClipSpectrogram) else None)

    def answer(self, network: FittedRidge, brain: Tensor) -> Tensor:
        """See `ClipDecoder`; flat."""
        return network.unscaled(network(brain))

    def leave(self) -> None:
        """See `System`: the scores of validation and test clips stay for a later fusion."""
        if isinstance(self.data, FMRIDataModule):
            leave_scores(self.data, self)

    def _ridge(self) -> VoxelRidge:
        return VoxelRidge(self.n_voxels, self.alpha, n_folds=self.n_folds)

    def _loss(self, batch: Batch) -> Tensor:
        ridge = self.network(batch)
        scaled = (batch.target.flatten(1) - ridge.target_mean) / ridge.target_deviation
        return (ridge(batch.brain) - scaled).square().mean()

    def _keep_out_of_fold(self, batch: Batch, predicted: Tensor, true: Tensor) -> None:
        data = self.trainer.datamodule
        path = out_of_fold_file(self.folder, data.subjects[batch.brain_index])
        key = data.splits["train"].table.key.to_numpy()[batch.row.numpy()].astype(str)
        with written_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, key=key, predicted=predicted.cpu().numpy(), true=true.cpu().numpy())


def out_of_fold_file(run: Path, subject: str) -> Path:
    """File of a subject's out-of-fold predictions: ``key`` (n,) of `n2s.data.segments.Segments.table`, ``predicted``, ``true`` (n, d)."""
    return run / "out_of_fold" / f"{subject.replace('/', '_')}.npz"


def ridge_of(run: StageRun, data: FMRIDataModule, subject: int) -> FittedRidge:
    """A run's ridge of one of the data's subjects, for a later stage; the voxels are checked to be the same."""
    state = run.of_subject(data.subjects[subject], "ridge")
    ridge = FittedRidge()
    ridge.load_state_dict(state)
    check_fitted(ridge, data.subjects[subject])
    check_same_voxels(ridge, data, subject)
    return ridge


def check_fitted(ridge: FittedRidge, subject: str) -> None:
    """Raise a UserError if the run ended before the ridge of a subject (``study/subject``) was fitted."""
    if not len(ridge.intercept):
        raise UserError(
            f"{subject}: the run holds no fitted ridge of this subject: its fit ended before that. Run `n2s fit` again, without "
            "trainer.limit_train_batches, or leave the subject out (data.subjects)."
        )


def check_same_voxels(ridge: FittedRidge, data: FMRIDataModule, subject: int) -> None:
    """Raise a UserError if a ridge was fitted to other voxels, or with another scaling, than the data's."""
    scale, name = data.scales[subject], data.subjects[subject]
    own = ridge.voxel_mean.cpu().numpy(), ridge.voxel_deviation.cpu().numpy()
    if len(own[0]) != len(scale.mean):
        raise UserError(
            f"{name}: the data have {len(scale.mean)} voxels, and the ridge was fitted to {len(own[0])}. Take the same "
            "data.roi, or the run's own config.yaml."
        )
    alike = [
        np.allclose(mine, given, rtol=1e-3, atol=1e-6)
        for mine, given in zip(own, (scale.mean, scale.deviation), strict=True)
    ]
    if not all(alike):
        raise UserError(
            f"{name}: the voxels' mean or deviation over training clips are not those that the ridge was fitted to. Take "
            "the same studies, split, lag_s, window_s and roi, or the run's own config.yaml."
        )
