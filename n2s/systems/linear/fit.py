"""The fit of one subject and fold: a decoder of each target, and the encoding model beside it, from the training rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.ridge import RidgeDecoder
from n2s.options import check_number
from n2s.systems.encoding import fit as encoding
from n2s.systems.encoding.inputs import mark, rows_hash
from n2s.systems.encoding.rows import Fit
from n2s.systems.linear.inputs import Band, fold_brain, fold_sides
from n2s.systems.linear.training import Training, of_others, of_subject


@dataclass(frozen=True)
class Recipe:
    """How a decoder is made; see `n2s.systems.LinearDecoder`."""

    lags_s: tuple[float, float] | None
    band: Band
    alphas: tuple[float, ...]
    n_folds: int
    n_components: int | None = None
    other_people: bool = False

    def __post_init__(self) -> None:
        for alpha in self.alphas:
            check_number("model.alphas", alpha, above=0)
        check_number("model.n_folds", self.n_folds, low=2, whole=True)
        check_number("model.n_components", self.n_components, low=1, whole=True)
        if self.lags_s is not None and not self.lags_s[0] <= self.lags_s[1]:
            raise UserError(f"model.lags_s is {list(self.lags_s)}; expected the first lag, then the last.")

    def plain(self) -> dict:
        """For checkpoints."""
        return asdict(self) | {
            "alphas": list(self.alphas),
            "lags_s": None if self.lags_s is None else list(self.lags_s),
        }

    def lags(self, data: EncodingData, space: str, subject: str) -> tuple[float, float]:
        """First and last lag of the brain after the sound, s.

        Raises
        ------
        UserError
            The response model of the data has other lags: what it leaves out between training and test would be too little. Or it has
            one delay alone.
        """
        delays_s, half_row_s = data.delays(space, subject)[0], 0.5 / data.rate_hz[subject]
        first_s, last_s = float(delays_s.min()), float(delays_s.max())
        if self.lags_s is None:
            return first_s, last_s
        if self.lags_s[0] < first_s - half_row_s or self.lags_s[1] > last_s + half_row_s:
            raise UserError(
                f"{subject}: model.lags_s goes from {self.lags_s[0]:g} to {self.lags_s[1]:g} s, beyond data.response ({first_s:g} to {last_s:g} s), "
                "which says how long the brain responds and what lies too near to held-out sound. Widen data.response (n2s.data.Lags)."
            )
        return self.lags_s

    def decoder(self, data: EncodingData, space: str, subject: str) -> RidgeDecoder:
        """A decoder that is not fitted."""
        return RidgeDecoder(
            sfreq=data.rate_hz[subject],
            lags_s=self.lags(data, space, subject),
            alphas=self.alphas,
            n_folds=self.n_folds,
            n_components=self.n_components,
        )


@dataclass
class FoldFit:
    """What the fit of one subject and fold leaves: plain tensors, for checkpoints.

    ``decoders``: name (`decoders_of`) -> `RidgeDecoder.state_dict`, and ``sensors``, ``features``: (bool) those that change in training.
    ``forward``: `n2s.systems.encoding.fit.Fitted.plain`; {} without an encoding model. ``marks``: what a test knows the data by.
    """

    decoders: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    forward: dict = field(default_factory=dict)
    marks: dict[str, Tensor | str] = field(default_factory=dict)

    def plain(self) -> dict:
        """For a checkpoint."""
        return {"decoders": self.decoders, "forward": self.forward, "marks": self.marks}


def fit_fold(
    data: EncodingData,
    subject: str,
    fold: Fold,
    targets: Sequence[str],
    recipe: Recipe,
    *,
    forward: tuple[Mapping[str, Fit], encoding.Recipe] | None = None,
    device: torch.device | str = "cpu",
) -> FoldFit:
    """Fit the decoders of one subject and fold.

    Parameters
    ----------
    data, subject, fold
        Whose training rows.
    targets
        Feature spaces.
    recipe
        How.
    forward
        Fits of the encoding model, and how these are made; None: none.
    device
        Where equations are solved. Those of a decoder are in float64.
    """
    brain = fold_brain(data, subject, fold)
    found = FoldFit(marks={"rows": rows_hash(data, subject, fold), "brain": torch.from_numpy(mark(brain[0]))})
    for name, (space, others) in decoders_of(targets, other_people=recipe.other_people).items():
        if others:
            rows = of_others(data, subject, fold, space, recipe.band, recipe.n_folds)
        else:
            train, _ = fold_sides(data, subject, fold, space, recipe.band, brain)
            found.marks[f"target {space}"] = torch.from_numpy(mark(train.target.numpy()))
            rows = of_subject(fold, train, recipe.n_folds)
        made = recipe.decoder(data, space, subject)
        found.decoders[name] = fit_decoder(rows, made, name, f"{subject}, {fold.name}", device=device)
    if forward is not None:
        fits, how = forward
        found.forward = encoding.fit_fold(data, subject, in_parts(fold, how), fits, how, device=device).plain()
    return found


def decoders_of(targets: Sequence[str], *, other_people: bool) -> dict[str, tuple[str, bool]]:
    """Name of each decoder -> its target, and whether it is fitted to other people."""
    own = {name: (name, False) for name in targets}
    return own | ({f"{name}, by other people's decoder": (name, True) for name in targets} if other_people else {})


def fit_decoder(
    rows: Training, decoder: RidgeDecoder, name: str, where: str, *, device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """Fit a decoder; see `FoldFit`. ``name`` and ``where`` are for messages.

    Raises
    ------
    UserError
        Nothing of the target changes, or the training rows are too few.
    """
    if not rows.features.any():
        raise UserError(
            f"{where}: '{name}' does not change in training rows: there is nothing to decode. Check the feature, or name others "
            "(model.targets)."
        )
    for changes, what in ((rows.sensors, "sensors or voxels"), (rows.features, f"columns of '{name}'")):
        if not changes.all():
            tell("left out", where, f"{int((~changes).sum())} of {len(changes)} {what} do not change in training rows.")
    try:
        decoder.fit([x.to(device) for x in rows.brain], [y.to(device) for y in rows.target], rows.groups)
    except ValueError as error:  # too few rows for the lags and folds
        raise UserError(
            f"{where}: no decoder of '{name}': {error} (model.n_folds, model.lags_s, data.n_folds, data.split)"
        ) from error
    state = {key: value.cpu() for key, value in decoder.state_dict().items()}
    return state | {"sensors": rows.sensors, "features": rows.features}


def in_parts(fold: Fold, recipe: encoding.Recipe) -> Fold:
    """The fold with equal parts of time as units, if its training rows are of fewer units than penalties are chosen by."""
    if len(set(fold.groups.tolist())) >= recipe.n_folds:
        return fold
    n = len(fold.train)
    return replace(fold, groups=np.arange(n) * recipe.n_folds // max(n, 1), stretches=None)
