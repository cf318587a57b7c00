"""Scores of generated sounds and their controls: sounds exchanged among clips, and a ceiling if there is one."""

from collections.abc import Callable, Sequence

import numpy as np

from n2s.errors import UserError
from n2s.evaluation.networks import NETWORKS, Heard
from n2s.evaluation.sound_measures import in_order, kind_of, label_of
from n2s.metrics.claims import ahead_of_nothing
from n2s.metrics.clip_scores import Units, clip_entry, exchanged, mean_over, summarize_clips
from n2s.metrics.divergence import clip_divergences
from n2s.metrics.frechet import frechet_distance
from n2s.metrics.identification import Choice, n_way_accuracy
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.score import ALL, Score, entry
from n2s.metrics.spectrogram import mel_pcc, mel_psnr

N_PERMUTATIONS = 200
KNOW_LENGTHS = ("kl", "clap")  # by networks, whose output depends on a clip's length

#: (n,) index of the generated clip that each reference gets -> (n,) scores
ByClip = Callable[[np.ndarray], np.ndarray]


def score_sounds(
    reference: Heard,
    generated: Heard,
    *,
    ceiling: Heard | None = None,
    units: Units,
    n_ways: Sequence[int],
    seed: int = 0,
) -> dict[str, dict]:
    """Compute every score that the networks allow, as plain JSON types.

    Parameters
    ----------
    reference, generated, ceiling
        Features of the same clips in the same order.
    units
        The independent unit of each clip: intervals are over units, and exchanges between them.
    n_ways
        N of N-way identification; each at most the number of clips.
    seed
        Seed for the exchanges.

    Returns
    -------
    By name: ``label``, ``higher_is_better``, ``n`` (clips; for FAD, examples of 0.96 s), and the rows

    - ``generated`` and ``ceiling`` (None without one);
    - ``shuffled``: generated sounds exchanged among clips; None for FD and FAD, which compare sets, and for KL and the CLAP
      score of clips of several lengths: exchanged sounds would be worse for their length alone;
    - ``chance``: a number, or None if it is not known;
    - ``ahead``: how far ``generated`` is better than chance, or than ``shuffled`` if chance is not known; None if
      there is neither. See `n2s.metrics.claims.ahead_of_nothing`.

    A row has ``mean``, ``low``, ``high``, ``interval`` (its kind, in words), and ``n_left_out``: the number of clips
    without a finite score, such as the PSNR of two equal clips.

    Raises
    ------
    UserError
        An N-way identification among fewer clips.
    """
    n = len(reference.mel)
    for n_way in n_ways:
        if not 2 <= n_way <= n:
            raise UserError(f"--n_way {n_way}: there are {n} clips; expected 2 to {n}.")
    orders = exchanged(units.of, np.zeros(n), n_permutations=N_PERMUTATIONS, seed=seed)
    found, best = by_clip(reference, generated, n_ways), by_clip(reference, ceiling, n_ways) if ceiling else {}
    scores = {}
    for name, score in found.items():
        n_way = name.partition("@")[2]
        chance, own = 1 / int(n_way) if n_way else None, score(np.arange(n))
        fair = name not in KNOW_LENGTHS or of_one_length(reference)
        shuffled = np.stack([score(order) for order in orders]) if fair else None
        scores[name] = _entry(name, n) | {
            "generated": _mean(own, name, units),
            "ceiling": _mean(best[name](np.arange(n)), name, units) if ceiling else None,
            "shuffled": _shuffled(shuffled, name, units) if fair else None,
            "chance": chance,
            "ahead": _ahead(own, shuffled, name, chance, units) if fair else None,
        }
    for name, rows in by_set(reference).items():
        sets = [None if heard is None else by_set(heard)[name] for heard in (generated, ceiling)]
        scores[name] = _entry(name, sum(map(len, rows))) | {
            "generated": _distance(rows, sets[0], units),
            "ceiling": None if ceiling is None else _distance(rows, sets[1], units),
            "shuffled": None,
            "chance": None,
            "ahead": None,
        }
    return {name: scores[name] for name in in_order(scores)}


def absent(heard: Heard) -> dict[str, str]:
    """The absent scores and how to get them, by the name of the network."""
    has = {"cnn14": heard.embedding, "vggish": heard.examples, "clap": heard.clap}
    return {name: f"{what}: not computed. {get}" for name, (what, get) in NETWORKS.items() if has[name] is None}


def by_clip(reference: Heard, generated: Heard, n_ways: Sequence[int]) -> dict[str, ByClip]:
    """Compute the scores that compare clip by clip; ``identification_mel@2`` is 2-way, by `similarities`.

    The mean over clips is first subtracted from spectrograms, separately for generated and true ones. Identical true clips
    are one candidate; an N above the number of different ones is left out. Spectrograms are identified by the frames that
    all clips have. Networks identify clips of one length only: a generated sound is as long as its true one, and
    they would find it by that.
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
        if true is not None and (kind == "mel" or of_one_length(reference)):
            choice = Choice.of(true, np.arange(len(true)), np.zeros(len(true)))
            matrix, k = choice.similarities(decoded), len(choice.candidates)
            found |= {f"identification_{kind}@{n}": _identified(choice, matrix, n) for n in n_ways if n <= k}
    return found


def of_one_length(heard: Heard) -> bool:
    """Whether all clips have as many frames."""
    return len({mel.shape[1] for mel in heard.mel}) == 1


def _own(mels: list[np.ndarray], n_frames: int) -> np.ndarray:
    """(n, d) Spectrograms minus their mean: those of one voice correlate with any words."""
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
    """Compare each pair over their common frames."""
    pairs = [(generated.mel[taken], true) for taken, true in zip(order, reference.mel, strict=True)]
    return np.array([score(one[:, : two.shape[1]], two[:, : one.shape[1]]) for one, two in pairs])


def _identified(choice: Choice, matrix: np.ndarray, n_way: int) -> ByClip:
    return lambda order: n_way_accuracy(choice.ranks(matrix[order]), len(choice.candidates), n_way)


def _entry(name: str, n: int) -> dict:
    return {"label": label_of(name), "higher_is_better": kind_of(name).higher_is_better, "n": n}


def _mean(values: np.ndarray, name: str, units: Units) -> dict:
    kind = kind_of(name)
    return _row(mean_over(values, units.of, (kind.low, kind.high)), "95% interval", values, units)


def _shuffled(values: np.ndarray, name: str, units: Units) -> dict:
    """Summarize exchanges (p, n): their mean, and the range of most or all of them."""
    subject, kind = np.zeros(values.shape[1]), kind_of(name)
    rows = summarize_clips({"shuffled": values}, subject, units=units, bounds=(kind.low, kind.high))
    found = clip_entry(rows["shuffled"], values)
    return {key: found[key] for key in ("interval", "mean", "low", "high", "n_left_out")}


def _ahead(own: np.ndarray, shuffled: np.ndarray, name: str, chance: float | None, units: Units) -> dict:
    """How much better the clips are than chance or exchanged ones; for divergences, how far below."""
    sign = 1.0 if kind_of(name).higher_is_better else -1.0
    found = ahead_of_nothing(sign * own, sign * shuffled, chance, subject=np.zeros(len(own)), units=units).plain()
    return {key: found[key] for key in ("mean", "low", "high", "p", "interval", "of")}


def _distance(reference: list[np.ndarray], generated: list[np.ndarray], units: Units) -> dict:
    """Leave out pairs of clips unit by unit, each with all its examples."""
    rows = np.split(np.arange(sum(map(len, reference))), np.cumsum([len(one) for one in reference])[:-1])
    a, b = np.concatenate(reference), np.concatenate(generated)

    def distance(clips: np.ndarray) -> float | None:
        taken = np.concatenate([rows[clip] for clip in clips])
        return frechet_distance(a[taken], b[taken]) if len(taken) > 1 else None

    interval = jackknife_interval(distance, units.of, bounds=(0.0, np.inf))
    return _row(interval, "95% jackknife interval", np.zeros(0), units)


def _row(interval: Interval, what: str, values: np.ndarray, units: Units) -> dict:
    words = f"{what} over {len(set(units.of))} {units.words}" if interval.low is not None else ""
    found = entry({ALL: Score.of(interval, words)})
    del found["per_subject"]  # the sounds are from one subject or one folder
    return found | {"n_left_out": int((~np.isfinite(values)).sum())}
