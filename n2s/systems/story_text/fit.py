"""The fit of one subject and fold: language model, encoding model, noise, and word rate, from training rows alone."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError, first_of, nearest
from n2s.features.rates import At
from n2s.features.story_words.port import StoryLanguageModel
from n2s.findings import tell
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.held_out_residuals import held_out_r2, held_out_residuals, noise_covariance
from n2s.models.story_likelihood import StoryLikelihood
from n2s.options import check_number
from n2s.systems.encoding.fit import Recipe as Grouping
from n2s.systems.encoding.fit import inner_groups
from n2s.systems.encoding.inputs import mark, rows_hash
from n2s.systems.story_text.evidence import EncodingModel
from n2s.systems.story_text.transcripts import Passage, Transcripts, WordsInContext, training_stories
from n2s.systems.story_text.word_onsets import WordOnsets, words_on_rows
from n2s.systems.story_text.word_peaks import WordTimes, check_rows, check_word_times
from n2s.systems.story_text.word_times import WordRateModel, later_responses

WORDS = "words in context"  # the mark of their columns: it changes with transcripts, their times and the response model
MISCOUNTED = 0.15  # of the words
READY = 2  # language models in memory: a subject's and that of another person, whose decoder reads the subject
SHORT = 1e-6  # deviation of a column that does not change, as a share of its size


@dataclass(frozen=True)
class FitOptions:
    """How a decoder is fitted; see `n2s.systems.StoryDecoder`."""

    language: str
    at: At
    alphas: tuple[float, ...]
    n_folds: int
    n_voxels: int
    shrinkage: float
    word_rate: str
    rate_roi: str | None
    n_rate_voxels: int
    seed: int
    word_times: WordTimes = "even"

    def __post_init__(self) -> None:
        for name in ("n_voxels", "n_rate_voxels"):
            check_number(f"model.{name}", getattr(self, name), low=1, whole=True)
        check_word_times(self.word_times)
        check_number("model.shrinkage", self.shrinkage, low=0)
        if self.shrinkage > 1:
            raise UserError(f"model.shrinkage is {self.shrinkage:g}; expected 0 to 1.")
        self.grouping  # noqa: B018 (it checks the rest)

    @property
    def grouping(self) -> Grouping:
        """Of the inner cross-validation."""
        return Grouping(self.alphas, self.n_folds, 1.0, self.seed)

    def plain(self) -> dict:
        """For checkpoints."""
        return asdict(self) | {"alphas": list(self.alphas)}


class Learned:
    """Language models that have learned from training transcripts, one for each set of these.

    Parameters
    ----------
    model
        The recipe's; it is copied.
    kept
        Name -> what one has learned, of a checkpoint.
    """

    def __init__(self, model: StoryLanguageModel, kept: dict[str, dict] | None = None):
        self.model, self.states = model, dict(kept or {})
        self._ready: dict[str, StoryLanguageModel] = {}

    def of(self, stories: Sequence[Sequence[str]], language: str, seed: int, *, proposes: bool = True) -> str:
        """Learn from some stories, once; the model's name. One that proposes no words learns the features of words alone."""
        given = [list(map(list, stories)), language, seed, self.model.settings(), *([] if proposes else ["features"])]
        name = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]
        if name not in self.states:
            made = copy.deepcopy(self.model)
            learn = made.learn if proposes else made.learn_features
            learn(stories, language=language, seed=seed)
            self.states[name] = made.state()
            self._take(name, made)
        return name

    def __getitem__(self, name: str) -> StoryLanguageModel:
        if name not in self._ready:
            made = copy.deepcopy(self.model)
            made.load(self.states[name])
            self._take(name, made)
        return self._ready[name]

    def _take(self, name: str, model: StoryLanguageModel) -> None:
        """Each may hold a network: those of earlier folds go."""
        while len(self._ready) >= READY:
            del self._ready[next(iter(self._ready))]
        self._ready[name] = model


def fit_fold(
    data: EncodingData,
    subject: str,
    fold: Fold,
    learned: Learned,
    options: FitOptions,
    *,
    device: torch.device | str = "cpu",
    proposes: bool = True,
) -> dict:
    """Fit everything on the training rows of a fold; of a language model that proposes no words the features alone.

    Returns
    -------
    ``language``: name of the language model in ``learned``. ``voxels`` (k,): those whose response counts. ``encoding``: the
    `EncodingModel`, plain. ``columns`` (k f,): means of its columns over training rows. ``r2`` (v,): of each voxel in held-out folds of
    the choice of penalties. ``rate``: the `WordRateModel`, its ``voxels``, and ``rows``: mean words a row over training rows, those of
    silence among them (``mean`` is while something is heard). ``marks``: what a test knows the data by.
    """
    where = f"{subject}, {fold.name}"
    rows, step_s = data.rows(subject), 1 / data.rate_hz[subject]
    transcripts = Transcripts(data.stimuli, options.language, options.at)
    passages = transcripts.passages(rows, fold.train, step_s)
    if options.word_times == "peaks":
        check_rows(step_s)
    name = learned.of(training_stories(passages, where), options.language, options.seed, proposes=proposes)
    features = WordsInContext(learned[name], options.at)
    columns = data.columns(subject, features)[fold.train]
    brain = torch.from_numpy(np.asarray(data.responses(subject, fold)[0], np.float32)).to(device)
    groups = inner_groups(fold, options.grouping, where).tolist()
    x, mean, scale = standardised(torch.from_numpy(columns).to(device))
    ridge = EncodingRidge(options.alphas, n_folds=options.n_folds).fit(x, brain, groups)
    r2 = held_out_r2(ridge, x, brain, groups)
    voxels = best(r2, options.n_voxels)
    kept = brain[:, voxels]
    residuals = held_out_residuals(x, kept, fold.groups, ridge.alpha_[voxels])
    likelihood = StoryLikelihood(ridge.coef_of(voxels), noise_covariance(residuals, fold.groups), options.shrinkage)
    intercept = ridge.intercept_[voxels] - (mean * scale) @ likelihood.weights
    encoding = EncodingModel(
        weights=scale[:, None] * likelihood.weights,
        intercept=intercept,
        to_features=scale[:, None] * likelihood.to_features,
        curvature=scale[:, None] * likelihood.curvature * scale,
        mean_word=mean_word(features, passages),
    )
    marks = {"rows": rows_hash(data, subject, fold), "brain": torch.from_numpy(mark(brain.cpu().numpy()))}
    marks[WORDS] = torch.from_numpy(mark(columns))
    return {
        "language": name,
        "voxels": voxels.cpu(),
        "encoding": {key: value.float().cpu() for key, value in encoding.plain().items()},
        "columns": mean.float().cpu(),
        "r2": r2.float().cpu(),
        "rate": _word_rate(data, subject, fold, brain, groups, options, passages, features),
        "marks": marks,
    }


def standardised(columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(n, p) -> z-scored, (p,) means, (p,) 1 / deviations; 0 for a column that does not change."""
    mean = columns.double().mean(0)
    deviation = (columns - mean).double().square().mean(0).sqrt()
    still = deviation <= SHORT * columns.abs().amax(0).clamp(min=1e-30)
    scale = torch.where(still, 0.0, 1 / deviation.where(~still, torch.ones_like(deviation)))
    return ((columns - mean) * scale).float(), mean.float(), scale.float()


def best(scores: Tensor, n: int) -> Tensor:
    """(k,) Numbers of the n highest scores, ascending; at least one."""
    return scores.argsort(descending=True, stable=True)[: max(n, 1)].sort().values


def mean_word(features: WordsInContext, passages: Sequence[Passage]) -> Tensor:
    """(f,) Mean features of the training words in their contexts: what a word is before it is chosen."""
    total, n = 0.0, 0
    for one in passages:
        if one.words:
            total, n = total + features.values(one.words).double().sum(0), n + len(one.words)
    return (total / n).float()


def tell_other_count(n_words: int, counted: float, where: str) -> None:
    """Tell if the feature of the word rate counts other words than transcripts have: as many are decoded as it counts."""
    if n_words and abs(counted / n_words - 1) > MISCOUNTED:
        tell(
            "odd",
            where,
            f"the word rate counts {counted:,.0f} words in training, and the transcripts have {n_words:,}: so many times too few or too many are "
            "decoded. It counts lines of the events: give each word a line of its own, and marks of noises none.",
        )


def _word_rate(
    data: EncodingData,
    subject: str,
    fold: Fold,
    brain: Tensor,
    groups: list,
    options: FitOptions,
    passages: Sequence[Passage],
    features: WordsInContext,
) -> dict[str, Tensor]:
    where = f"{subject}, {fold.name}"
    if options.word_rate not in data.spaces:
        raise UserError(
            f"model.word_rate is '{options.word_rate}', which is no feature of the data.{nearest(options.word_rate, list(data.spaces))} Add "
            f"n2s.features.WordRate to data.features; there are: {first_of(data.spaces)}."
        )
    rate = torch.from_numpy(data.heard(subject, fold, options.word_rate)[0]).to(brain)
    if rate.shape[1] != 1:
        raise UserError(
            f"model.word_rate: '{options.word_rate}' has {rate.shape[1]} dimensions; expected 1, of n2s.features.WordRate."
        )
    voxels = rate_voxels(data, subject, fold, brain, groups, options)
    delays_s = data.delays(options.word_rate, subject)[0]
    shifts = np.round(delays_s * data.rate_hz[subject]).astype(int)
    later = later_responses(data.rows(subject), fold.train, brain[:, voxels], shifts)
    found = WordRateModel(options.alphas, options.n_folds).fit(later, rate, groups)
    if options.word_times == "peaks":
        onsets = WordOnsets(options.alphas, options.n_folds).fit(
            later,
            words_on_rows(passages, features, len(rate)).to(later),
            groups=groups,
            stories=fold.groups,
            stretches=row_stretches(data.rows(subject), fold.train),
            step_s=1 / data.rate_hz[subject],
        )
        if not onsets:
            tell(
                "odd",
                where,
                "where words begin cannot be read from the brain (in held-out stories): model.word_times is as if even, words come evenly in their bins.",
            )
        found |= onsets
    heard = data.rows(subject).stimulus_s.notna().to_numpy()[fold.train]
    found["rows"] = found["mean"]
    tell_other_count(sum(len(one.words) for one in passages), float(rate.sum()), where)
    found["mean"] = rate[torch.from_numpy(heard).to(rate.device)].mean()  # not of the silence after stories
    if found["r2"] <= 0:
        tell(
            "odd",
            where,
            "the word rate cannot be read from the brain (R2 of held-out stories is not above 0): words come at about equal distances.",
        )
    return {key: value.float().cpu() for key, value in found.items()} | {
        "voxels": voxels.cpu(),
        "shifts": torch.from_numpy(shifts),
    }


def rate_voxels(
    data: EncodingData, subject: str, fold: Fold, brain: Tensor, groups: list, options: FitOptions
) -> Tensor:
    """(k,) The voxels that the word rate is read from: of a region, else those that it predicts best in held-out training stories."""
    if options.rate_roi is None:
        x = torch.from_numpy(data.design(subject, fold, options.word_rate)[0]).to(brain)
        ridge = EncodingRidge(options.alphas, n_folds=options.n_folds).fit(x, brain, groups)
        return best(held_out_r2(ridge, x, brain, groups), options.n_rate_voxels)
    rois = data.measured(subject).rois
    if options.rate_roi not in rois:
        raise UserError(
            f"{subject}: no region '{options.rate_roi}' (model.rate_roi).{nearest(options.rate_roi, list(rois))} There are: "
            f"{first_of(rois) or 'none'}. Leave it out for the voxels that the word rate predicts best."
        )
    found = np.flatnonzero(rois[options.rate_roi])
    if not len(found):
        raise UserError(
            f"{subject}: the region '{options.rate_roi}' (model.rate_roi) has no voxels or sensors here. Choose another, or leave it out for the "
            "voxels that the word rate predicts best."
        )
    return torch.from_numpy(found).to(brain.device)
