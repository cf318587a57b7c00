"""The semantic map of clips: true and decoded features by t-SNE, together with the prompts."""

from collections.abc import Mapping, Sequence

import numpy as np

from n2s.metrics.result import Drawing
from n2s.metrics.semantic import tsne
from n2s.report.figures import PALETTE, blank_panels
from n2s.systems.clips.evaluation import ClipScores

_MARKERS = "osD^vP*<>"
_MOST_NAMES = 12  # maximum number of prompts that are numbered, and named in the caption
_LONGEST = 40  # maximum characters of a name


def semantic_drawing(scores: ClipScores) -> Drawing:
    """The map of the subject with the median label accuracy: one panel each for true, decoded and fine only."""
    result, subjects, whose = scores.result, list(scores.n_by_subject), ""
    subject = subjects[0]
    if len(subjects) > 1 and "label" not in scores.rows:
        whose = f" of {subject}"
    elif len(subjects) > 1:
        right = scores.rows["label"]["model"]
        subject = sorted(subjects, key=lambda name: right[name].mean)[(len(subjects) - 1) // 2]
        whose = f" of {subject}, the subject with the median accuracy in labels"
    own = result.subject == subject
    if result.fold is not None:  # each fold has a scale of its own
        own &= result.fold == np.bincount(result.fold[own]).argmax()
        whose = f"{whose or f' of {subject}'}, of one fold"
    features = {"true": result.candidates[result.target[own]], "decoded": result.predicted[own]}
    if result.fine_only is not None:
        features = {"true": features["true"], "coarse to fine": features["decoded"], "fine only": result.fine_only[own]}
    prompts = np.zeros((0, result.predicted.shape[1])) if result.prompts is None else result.prompts
    maps = {title: tsne(np.concatenate([values, prompts])) for title, values in features.items()}
    names = [] if result.prompt_names is None else [str(name) for name in result.prompt_names]
    return semantic_map(maps, scores.labels[own], names, whose=whose)


def semantic_map(
    maps: Mapping[str, np.ndarray], labels: np.ndarray, prompts: Sequence[str] = (), *, whose: str = ""
) -> Drawing:
    """Draw clips in a plane, coloured by label; prompts are crosses.

    Parameters
    ----------
    maps
        (n + m, 2) by title: clips, then prompts.
    labels
        (n,) Labels of the clips, the same in all maps.
    prompts
        (m,) texts, or paths of sounds.
    whose
        The subject, for the caption.
    """
    kinds, n, named = np.unique(labels), len(labels), len(prompts) <= _MOST_NAMES
    figure, panels = blank_panels(len(maps), width=4.4 * len(maps), height=4.8)
    for axes, (title, points) in zip(panels, maps.items(), strict=True):
        for i, kind in enumerate(kinds):
            # after ten labels, colours repeat with other markers
            marker = _MARKERS[(i + i // len(PALETTE)) % len(_MARKERS)]
            here = points[:n][np.asarray(labels) == kind]
            color, name = PALETTE[i % len(PALETTE)], str(kind) or "no label"
            axes.scatter(*here.T, s=24, color=color, marker=marker, label=name, linewidths=0)
        if prompts:
            axes.scatter(*points[n:].T, s=60, color="black", marker="x", linewidths=1.5, label="prompt", zorder=3)
            for number, point in enumerate(points[n:] if named else (), start=1):
                axes.annotate(f"{number}", point, xytext=(5, 5), textcoords="offset points", fontsize=9, zorder=4)
        axes.set(title=title, xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    caption = (
        f"Test clips{whose}, near each other if their features are similar (t-SNE, separately for each panel); distances "
        "between groups mean nothing."
    )
    if prompts:
        which = f" ({', '.join(f'{i} {_short(name)}' for i, name in enumerate(prompts, start=1))})" if named else ""
        caption += (
            f" Crosses: the prompts' own features{which}. Decoded features lie nearer to the mean than true ones, and with "
            "CLAP, texts lie apart from sounds: look for the neighbours of a cross, not for how far it is."
        )
    return Drawing("Semantic map", figure, caption)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
