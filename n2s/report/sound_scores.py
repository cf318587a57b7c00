"""Scores of generated sounds beside their controls: exchanged among clips, and a ceiling where there is one."""

from collections.abc import Callable, Sequence

import numpy as np

from n2s.errors import UserError
from n2s.metrics.clip_scores import exchanged
from n2s.metrics.divergence import clip_divergences
from n2s.metrics.frechet import resampled_frechet_distance
from n2s.metrics.identification import correlations, n_way_accuracy
from n2s.metrics.intervals import bootstrap_interval, wilson_interval
from n2s.metrics.retrieval import ranks
from n2s.metrics.spectrogram import mel_pcc, mel_psnr
from n2s.report.sound_networks import NETWORKS, Heard

N_PERMUTATIONS = 20

#: Name: (label, whether higher is better, lowest, highest). The name of an identification goes on: @2 is 2-way.
SCORES = {
    "mel_pcc": ("mel PCC", True, -1.0, 1.0),
    "mel_psnr": ("mel PSNR (dB)", True, -np.inf, np.inf),
    "fd": ("FD (CNN14)", False, 0.0, np.inf),
    "kl": ("KL (CNN14)", False, -np.inf, np.inf),
    "fad": ("FAD (VGGish)", False, 0.0, np.inf),
    "clap": ("CLAP score", True, -1.0, 1.0),
    "identification_mel": ("mel", True, 0.0, 1.0),
    "identification_cnn14": ("CNN14", True, 0.0, 1.0),
    "identification_clap": ("CLAP", True, 0.0, 1.0),
    "identification_semantic": ("semantic target", True, 0.0, 1.0),
}

#: (n,) whose generated clip each reference gets -> (n,) scores
ByClip = Callable[[np.ndarray], np.ndarray]


def score_sounds(
    reference: Heard,
    generated: Heard,
    *,
    ceiling: Heard | None = None,
    n_ways: Sequence[int],
    n_resamples: int = 500,
    seed: int = 0,
) -> dict[str, dict]:
    """Every score that what was heard allows, as plain JSON types.

    Parameters
    ----------
    reference, generated, ceiling
        Of the same clips in the same order.
    n_ways
        Of identification; each at most the number of clips.
    n_resamples, seed
        Of the intervals, and of the exchanges.

    Returns
    -------
    By name: ``label``, ``higher_is_better``, ``n`` (clips; of FAD, examples of 0.96 s), ``generated``, ``ceiling``
    (None without one), ``shuffled`` (None of FD and FAD, which know of no pairs) and ``chance`` (None where none is).
    Each row has ``mean``, ``low``, ``high`` and ``n_left_out``: infinite ones, such as the PSNR of an equal clip.

    Raises
    ------
    UserError
        An N-way identification among fewer clips.
    """
    n = len(reference.mel)
    for n_way in n_ways:
        if not 2 <= n_way <= n:
            raise UserError(f"--n_way {n_way}: there are {n} clips; expected 2 to {n}.")
    options = {"n_resamples": n_resamples, "seed": seed}
    orders = exchanged(np.arange(n), np.zeros(n), n_permutations=N_PERMUTATIONS, seed=seed)
    found, best = by_clip(reference, generated, n_ways), by_clip(reference, ceiling, n_ways) if ceiling else {}
    scores = {}
    for name, score in found.items():
        kind, _, n_way = name.partition("@")
        scores[name] = _entry(kind, n, n_way) | {
            "generated": _mean(score(np.arange(n)), kind, options),
            "ceiling": _mean(best[name](np.arange(n)), kind, options) if ceiling else None,
            "shuffled": _shuffled(np.stack([score(order) for order in orders])),
            "chance": 1 / int(n_way) if n_way else None,
        }
    for name, rows in by_set(reference).items():
        sets = [None if heard is None else by_set(heard)[name] for heard in (generated, ceiling)]
        scores[name] = _entry(name, sum(map(len, rows))) | {
            "generated": _distance(rows, sets[0], options),
            "ceiling": None if ceiling is None else _distance(rows, sets[1], options),
            "shuffled": None,
            "chance": None,
        }
    order = list(SCORES)
    return dict(sorted(scores.items(), key=lambda item: order.index(item[0].partition("@")[0])))


def absent(heard: Heard) -> dict[str, str]:
    """Which scores are not there, and how to get them: by the name of the network."""
    has = {"cnn14": heard.embedding, "vggish": heard.examples, "clap": heard.clap}
    return {name: f"{what}: not computed. {get}" for name, (what, get) in NETWORKS.items() if has[name] is None}


def by_clip(reference: Heard, generated: Heard, n_ways: Sequence[int]) -> dict[str, ByClip]:
    """The scores that compare clip by clip; ``identification_mel@2`` is 2-way, by correlation.

    Of spectrograms their mean over clips is taken off before, of the generated and of the true ones apart.
    """
    found: dict[str, ByClip] = {
        "mel_pcc": lambda order: _mels(mel_pcc, generated, reference, order),
        "mel_psnr": lambda order: _mels(_psnr, generated, reference, order),
    }
    if reference.logits is not None:
        found["kl"] = lambda order: clip_divergences(reference.logits, generated.logits[order])
    if reference.clap is not None:
        found["clap"] = lambda order: (reference.clap * generated.clap[order]).sum(1)
    shortest = min(mel.shape[1] for mel in (*reference.mel, *generated.mel))
    features = {
        "mel": [_own(heard.mel, shortest) for heard in (generated, reference)],
        "cnn14": [generated.embedding, reference.embedding],
        "clap": [generated.clap, reference.clap],
        "semantic": [generated.semantic, reference.semantic],
    }
    for kind, (decoded, true) in features.items():
        if true is not None:
            matrix = correlations(decoded, true)
            found |= {f"identification_{kind}@{n_way}": _identified(matrix, n_way) for n_way in n_ways}
    return found


def _own(mels: list[np.ndarray], n_frames: int) -> np.ndarray:
    """(n, d): what spectrograms have not in common, for one voice's correlate whatever it says."""
    stacked = np.stack([mel[:, :n_frames].ravel() for mel in mels])
    return stacked - stacked.mean(0)


def by_set(heard: Heard) -> dict[str, list[np.ndarray]]:
    """The embeddings (l, d) of each clip that are compared as a set."""
    found = {}
    if heard.embedding is not None:
        found["fd"] = list(heard.embedding[:, None])
    if heard.examples is not None:
        found["fad"] = heard.examples
    return found


def _psnr(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    return mel_psnr(predicted, true, data_range=1.0)


def _mels(score: Callable, generated: Heard, reference: Heard, order: np.ndarray) -> np.ndarray:
    """Each pair over the frames that both have."""
    pairs = [(generated.mel[taken], true) for taken, true in zip(order, reference.mel, strict=True)]
    return np.array([score(one[:, : two.shape[1]], two[:, : one.shape[1]]) for one, two in pairs])


def _identified(matrix: np.ndarray, n_way: int) -> ByClip:
    n = len(matrix)
    return lambda order: n_way_accuracy(ranks(matrix[order], np.arange(n)), n, n_way)


def _entry(kind: str, n: int, n_way: str = "") -> dict:
    label, higher, *_ = SCORES[kind]
    return {"label": f"{n_way}-way by {label}" if n_way else label, "higher_is_better": higher, "n": n}


def _mean(values: np.ndarray, kind: str, options: dict) -> dict:
    kept = values[np.isfinite(values)]
    left_out = len(values) - len(kept)
    if len(kept) < 2:
        return _row(float(kept.mean()) if len(kept) else None, None, None, left_out)
    if kind.startswith("identification") and np.isin(kept, (0.0, 1.0)).all():  # all right: resamples know no doubt
        return _row(*wilson_interval(int(kept.sum()), len(kept)), left_out)
    interval = bootstrap_interval(lambda rows: kept[rows].mean(), len(kept), bounds=SCORES[kind][2:], **options)
    return _row(*interval, left_out)


def _shuffled(values: np.ndarray) -> dict:
    """Of exchanges (p, n): their mean, and the range of 95% of them."""
    left_out = int((~np.isfinite(values)).any(0).sum())
    means = np.array([row[np.isfinite(row)].mean() for row in values if np.isfinite(row).any()])
    return (
        _row(means.mean(), *np.quantile(means, [0.025, 0.975]), left_out) if len(means) else _row(*[None] * 3, left_out)
    )


def _distance(reference: list[np.ndarray], generated: list[np.ndarray], options: dict) -> dict:
    """Pairs of clips are resampled, each with all its examples."""
    rows = np.split(np.arange(sum(map(len, reference))), np.cumsum([len(one) for one in reference])[:-1])
    a, b = np.concatenate(reference), np.concatenate(generated)

    def distance(clips: np.ndarray) -> float:
        taken = np.concatenate([rows[clip] for clip in clips])
        return resampled_frechet_distance(a, b, taken, taken)

    if len(reference) < 4:
        return _row(distance(np.arange(len(reference))), None, None, 0)
    return _row(*bootstrap_interval(distance, len(reference), halves=True, bounds=(0.0, np.inf), **options), 0)


def _row(mean: float | None, low: float | None, high: float | None, n_left_out: int) -> dict:
    plain = [None if value is None else float(value) for value in (mean, low, high)]
    return dict(zip(("mean", "low", "high"), plain, strict=True)) | {"n_left_out": n_left_out}
