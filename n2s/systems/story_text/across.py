"""A decoder that has learned the brain from one language reads stories in another, whose words have features in the same space."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.systems.encoding.inputs import check_same, mark, rows_hash
from n2s.systems.story_text.decode import ACROSS
from n2s.systems.story_text.fit import FitOptions, Learned, fit_fold
from n2s.systems.story_text.held_out import Beside
from n2s.systems.story_text.languages import Languages, fold_named


def in_words_of(other: Mapping, own: Mapping) -> dict:
    """What `n2s.systems.story_text.fit.fit_fold` learned of one language, to decode another.

    Encoding model, noise and word rate stay as they are, but for their levels: each language is without the means of its training rows. Of the
    language that is decoded only transcripts count: its language model, the mean of its words, and the means over its training rows of
    features and of words a row.

    Parameters
    ----------
    other, own
        The fit of the other language, and of the one that is decoded.
    """
    encoding, rate = other["encoding"], other["rate"]
    level = (other["columns"] - own["columns"]) @ encoding["weights"]
    return dict(other) | {
        "language": own["language"],
        "encoding": encoding | {"intercept": encoding["intercept"] + level, "mean_word": own["encoding"]["mean_word"]},
        "rate": rate
        | {
            "intercept": rate["intercept"] + own["rate"]["rows"] - rate["rows"],
            "mean": own["rate"]["mean"],
        },
    }


def fit_across(
    heard: Languages,
    subject: str,
    fold: Fold,
    own: Mapping,
    learned: Learned,
    options: FitOptions,
    device: torch.device,
) -> dict:
    """The decoder that learns the brain from the other language's training rows of a fold.

    Parameters
    ----------
    heard
        The data of both languages.
    subject, fold
        Whose, and the fold of the language that is decoded.
    own
        The fit of that fold.
    learned, options, device
        As for `n2s.systems.story_text.fit.fit_fold`.
    """
    theirs = fold_named(heard.across, subject, fold.name)
    found = fit_fold(
        heard.across, subject, theirs, learned, replace(options, language=heard.other), device=device, proposes=False
    )
    return in_words_of(found, own)


def beside_across(data: EncodingData, subject: str, fold: Fold, fitted: dict) -> Beside:
    """That decoder, to read the held-out stories of a fold.

    Their responses are scaled without the training responses of their own language: ``data`` has training rows of the other one.

    Raises
    ------
    UserError
        The data are not those of the fit.
    """
    theirs = fold_named(data, subject, fold.name)

    def brain(_: Tensor) -> Tensor:
        train, test = (np.asarray(one, np.float32) for one in data.responses(subject, theirs))
        found = {"rows": rows_hash(data, subject, theirs), "brain": torch.from_numpy(mark(train))}
        check_same(fitted["marks"], found, f"{subject}, {theirs.name}")
        return torch.from_numpy(test)[:, torch.cat([fitted["voxels"], fitted["rate"]["voxels"]])]

    return Beside(ACROSS, fitted, brain, permuted=True)
