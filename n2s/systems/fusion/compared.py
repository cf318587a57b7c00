"""Several fusions of the same pairs: what each finds, and how far one is ahead of another."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from n2s.metrics.paired_bootstrap import Resampled, resampled
from n2s.metrics.score import Score
from n2s.systems.fusion.differences import COMPARED, OVER_SEGMENTS, over_people, per_pair
from n2s.systems.fusion.summarized import SummarizedPairs

PARTS = ("both", "meg", "fmri")
USUAL = "listen"  # what a condition without a name is
MOST_EACH = 5  # with more results, each is compared with the first alone


@dataclass(frozen=True)
class Compared:
    """Scores of several results on the pairs that they share.

    Attributes
    ----------
    scores
        Part (``both``, ``meg``, ``fmri``) -> result -> score -> mean over subjects with its interval over segments.
    leads
        Part -> (result, other) -> score -> the first minus the other, with its interval over segments, and over subjects.
    n_pairs
        Part -> how many pairs are shared.
    said
        What was not compared, and why, in sentences.
    """

    scores: dict[str, dict[str, dict[str, Score]]]
    leads: dict[str, dict[tuple[str, str], dict[str, tuple[Score, Score]]]]
    n_pairs: dict[str, int]
    said: list[str]


def compared(results: Mapping[str, SummarizedPairs]) -> Compared:
    """Compare results on the pairs that all of them have: the same person, segment and condition, ranked among the same candidates.

    Each part of the scores (both, MEG alone, fMRI alone) is compared between the results that have it. For example, a decoder of MEG alone is
    compared with the MEG part of a joint decoder.

    Parameters
    ----------
    results
        The results, by name: methods, or trainings.
    """
    scores, leads, n_pairs, said = {}, {}, {}, []
    for part in PARTS:
        having = {name: one for name, one in results.items() if part in one.ranks}
        if len(having) < 2:
            continue
        shared, reasons = _shared(having)
        said += [text for text in reasons if text not in said]
        if len(shared) < 2:
            continue
        names = list(shared)
        first = results[names[0]]
        pairs = shared[names[0]]
        # the longest blocks: those of fMRI, where it takes part
        block = min((results[name].block[shared[name]] for name in names), key=lambda one: len(np.unique(one)))
        n_pairs[part] = len(pairs)
        drawn = {
            measure: resampled(
                np.stack([per_pair(results[name].ranks[part][shared[name]], measure) for name in names], 1),
                first.subject[pairs],
                block,
                seed=first.seed,
            )
            for measure in COMPARED
        }
        scores[part] = {
            name: {measure: _alone(one, place) for measure, one in drawn.items()} for place, name in enumerate(names)
        }
        leads[part] = {
            (names[j], names[i]): {measure: _lead(one, j, i) for measure, one in drawn.items()}
            for i, j in combinations(range(len(names)), 2)
            if i == 0 or len(names) <= MOST_EACH
        }
    return Compared(scores, leads, n_pairs, said)


def differ(found: Compared) -> bool:
    """Whether any two results differ: those that share a model do not."""
    return any(
        one[0].mean or one[0].low or one[0].high
        for by_pair in found.leads.values()
        for by_score in by_pair.values()
        for one in by_score.values()
    )


def _shared(results: Mapping[str, SummarizedPairs]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Result -> its pairs that all have, in one order; those that share none with the first are left out, and said."""
    keys = {name: _keys(one) for name, one in results.items()}
    names = list(results)
    kept, said, common = [names[0]], [], keys[names[0]].keys()
    for name in names[1:]:
        own = common & keys[name].keys()
        if own:
            kept.append(name)
            common = own
        else:
            said.append(
                f"'{name}' is not compared with '{names[0]}': no pair is of the same person, segment and condition, among the same candidates"
            )
    if len(kept) < 2:
        return {}, said
    order = [key for key in keys[kept[0]] if key in common]
    lost = {name: len(keys[name]) - len(order) for name in kept if len(keys[name]) > len(order)}
    if lost:
        each = ", ".join(f"{n} pairs of '{name}'" for name, n in lost.items())
        said.append(f"compared on {len(order)} pairs that all have; {each} are left out")
    return {name: np.array([keys[name][key] for key in order]) for name in kept}, said


def _keys(one: SummarizedPairs) -> dict[Hashable, int]:
    """What a pair is -> its row. The repeats of one segment are told apart by their order."""
    segment = list(zip(one.candidates.stimulus, one.candidates.start_s.round(3), strict=True))
    sets = [frozenset(segment)] if one.candidate_sets is None else _sets(one.candidate_sets, segment)
    of = np.zeros(len(one.target), np.int64) if one.candidate_set is None else one.candidate_set
    columns = (one.subject, one.windows.condition.replace("", USUAL), one.target, of)
    repeats: dict[Hashable, int] = {}
    found = {}
    for row, (subject, condition, target, number) in enumerate(zip(*columns, strict=True)):
        key = (str(subject), condition, segment[target], sets[number])
        repeats[key] = repeats.get(key, -1) + 1
        found[*key, repeats[key]] = row
    return found


def _sets(sets: np.ndarray, segment: Sequence[Hashable]) -> list[frozenset]:
    return [frozenset(segment[i] for i in np.flatnonzero(one)) for one in sets]


def _alone(drawn: Resampled, place: int) -> Score:
    return Score.of(drawn.interval(lambda means: means[..., place], bounds=(0.0, 1.0)), OVER_SEGMENTS)


def _lead(drawn: Resampled, one: int, other: int) -> tuple[Score, Score]:
    def of(means: np.ndarray) -> np.ndarray:
        return means[..., one] - means[..., other]

    if np.ptp(of(drawn.draws)) < 1e-12 and abs(of(drawn.mean)) < 1e-12 and not of(drawn.by_subject).any():
        return Score(0.0), Score(0.0)  # the same model, or as if
    return Score.of(drawn.interval(of, bounds=(-1.0, 1.0)), OVER_SEGMENTS), over_people(of(drawn.by_subject))
