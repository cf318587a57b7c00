"""The figures of a test of decoded clips, in reading order."""

from collections.abc import Iterator, Sequence

import numpy as np

from n2s.metrics.identification import similarities
from n2s.metrics.result import Drawing
from n2s.report.listen import Retrieved, retrieved_segments
from n2s.report.sound_figures import heard_spectrograms
from n2s.systems.clips.evaluation import ClipScores
from n2s.systems.clips.figures import (
    correlation_quartiles,
    decoded_spectrograms,
    identification_by_subject,
    identification_curves,
)
from n2s.systems.clips.semantic_map import semantic_drawing
from n2s.systems.clips.voxel_figures import voxel_maps

N_SPECTROGRAMS = 4  # clips whose decoded spectrograms are shown


def retrieved(found: ClipScores) -> list[Retrieved]:
    """Some decoded clips, from the best rank to the worst, with the most similar clips of their subject."""
    result = found.result
    return retrieved_segments(
        similarities(result.predicted, result.candidates),
        result.target,
        ranks=found.ranks["model"],
        subject=result.subject,
        candidates=result.clips.assign(story=result.clips.stimulus, text=result.clips.label),
        allowed=found.choice.own[:, found.choice.kind],
    )


def drawings(found: ClipScores, windows: Sequence[Retrieved]) -> list[Drawing]:
    """The figures; ``windows`` are shown as spectrograms if there are sounds."""
    return [drawing for drawing in _drawings(found, windows) if drawing is not None]


def _drawings(found: ClipScores, windows: Sequence[Retrieved]) -> Iterator[Drawing | None]:
    result = found.result
    if found.n_ways:
        yield identification_by_subject(found)
    yield correlation_quartiles(found.correlations)
    if found.n_ways:
        ranks = dict(found.ranks)
        ranks["ceiling"] = ranks.pop("ideal_observer", ranks["ceiling"])
        yield identification_curves(ranks, result.subject, found.choice.n_candidates)
    if result.mel_predicted is not None:
        yield _decoded_spectrograms(found)
    yield heard_spectrograms(windows)
    if "label" in found.rows or result.prompts is not None:
        yield semantic_drawing(found)
    if result.voxels is not None:
        yield voxel_maps(result.voxels)


def _decoded_spectrograms(found: ClipScores) -> Drawing:
    result, pcc = found.result, found.mel["mel_pcc"]["model"]
    order = np.argsort(pcc)
    some = order[np.linspace(0, len(order) - 1, min(N_SPECTROGRAMS, len(order))).astype(int)[::-1]]
    rows = {"true": result.mel_candidates[result.target[some]], "decoded": result.mel_predicted[some]}
    if result.mel_ceiling is not None:
        rows["true feature, decoded"] = result.mel_ceiling[some]
    return decoded_spectrograms(rows, pcc[some])
