"""The figures of a retrieval test, each with its caption."""

from collections.abc import Sequence

import mne
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Drawing
from n2s.metrics.score import Scores
from n2s.report.figures import COLORS, LINES, blank_panels, score_bars
from n2s.report.listen import Retrieved
from n2s.report.sound_figures import heard_spectrograms
from n2s.systems.contrastive.summarized import SummarizedWindows
from n2s.systems.contrastive.summary import ROWS


def drawings(result: SummarizedWindows, windows: Sequence[Retrieved]) -> list[Drawing]:
    """The figures of one test set, in reading order.

    Parameters
    ----------
    result
        The result of the test.
    windows
        Some windows with their first choices, shown as spectrograms where there are sounds.
    """
    found = [
        accuracy_by_subject(result.scores(), k=result.told_k),
        accuracy_by_rank(result.ranks, result.subject, result.n_candidates),
        None if result.attention is None else attention_maps(result.attention, result.sensor_positions),
        similarity_matrix(result),
        heard_spectrograms(windows),
    ]
    return [drawing for drawing in found if drawing is not None]


def accuracy_by_subject(scores: Scores, *, k: int = 10) -> Drawing:
    """Bars of top-1 and top-k accuracy with the interval of each subject; the controls as lines."""
    shown = sorted({1, k})
    caption = (
        f"Bars: {' and '.join(f'top-{n}' for n in shown)} accuracy of each subject, with the 95% interval over blocks of its windows. "
        "Lines: the controls, mean over subjects."
    )
    return Drawing("Accuracy by subject", score_bars(scores, [f"top{n}" for n in shown]), caption)


def rank_curve(ranks: np.ndarray, n_candidates: int) -> np.ndarray:
    """Top-k accuracy for k = 1 .. K: ranks (...) -> (K,)."""
    ranks = ranks[ranks >= 0]  # -1: of none
    return np.cumsum(np.bincount(ranks, minlength=n_candidates)[:n_candidates]) / max(ranks.size, 1)


def accuracy_by_rank(ranks: dict[str, np.ndarray], subject: np.ndarray, n_of: np.ndarray | int) -> Drawing:
    """Top-k accuracy against k, mean over subjects, with its 95% t interval and a thin line for each subject.

    Parameters
    ----------
    ranks
        See `n2s.systems.contrastive.summary.result_ranks`.
    subject
        (n,)
    n_of
        (n,) How many candidates each window has, or one number for all.
    """
    n_of = np.broadcast_to(n_of, subject.shape)
    n_candidates = int(n_of.max())
    k = np.arange(1, n_candidates + 1)
    figure, (axes,) = blank_panels(1, width=8.5, height=4.6)
    names = np.unique(subject)
    for row in ("ceiling", "model", "linear", "encoding", "no_brain", "subject_only", "shuffled"):
        if row not in ranks or not ranks[row].size:
            continue
        curves = np.stack([rank_curve(ranks[row][..., subject == name], n_candidates) for name in names])
        axes.plot(k, curves.mean(0), color=COLORS[row], linestyle=LINES[row], linewidth=2, label=ROWS[row].label)
        if row == "model":
            axes.plot(k, curves.T, color=COLORS[row], linewidth=0.6, alpha=0.5)
            if len(names) > 1:
                ends = np.array([t_interval(values)[1:] for values in curves.T])
                axes.fill_between(k, *ends.T, color=COLORS[row], alpha=0.15, linewidth=0)
    chance = np.mean([np.minimum(1, k / n_of[subject == name][:, None]).mean(0) for name in names], axis=0)
    axes.plot(k, chance, color=COLORS["chance"], linestyle=LINES["chance"], linewidth=2, label="chance")
    axes.set_xscale("log")
    ticks = [step * 10**power for power in range(6) for step in (1, 2, 5) if step * 10**power <= n_candidates]
    axes.set_xticks(ticks, labels=map(str, ticks))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.set(xlim=(1, max(2, n_candidates)), ylim=(0, 1.02))
    axes.set(xlabel="k (number of candidates looked at)", ylabel="top-k accuracy (%)")
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    axes.legend(loc="lower right", frameon=False)
    caption = "How often the true segment is among the first k: mean over subjects; thin lines are single subjects."
    if len(names) > 1:
        caption += " Shaded: 95% t interval over subjects."
    return Drawing("Accuracy by rank", figure, caption)


def unlike_channels(weights: np.ndarray, n: int) -> list[int]:
    """Virtual channels that look at different places: the most focused, then each time the one least like the others.

    ``weights`` (h, c); two channels are as unlike as the weight that would have to move between them.
    """
    chosen = [int((weights**2).sum(1).argmax())]
    while len(chosen) < min(n, len(weights)):
        distance = np.min([np.abs(weights - weights[i]).sum(1) for i in chosen], axis=0)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return chosen


def span_map(positions: np.ndarray) -> bool:
    """Whether sensors (c, 2) span a map: four places or more, not all on a line."""
    places = np.unique(np.round(positions, 4), axis=0)
    return len(places) >= 4 and np.linalg.matrix_rank(places - places.mean(0), tol=1e-3) == 2


def attention_maps(weights: np.ndarray, positions: np.ndarray, *, n_channels: int = 4) -> Drawing | None:
    """Topographies of the spatial attention: its mean over virtual channels, and a few of them.

    Weights are shown in multiples of an even spread (1 / c): 2 is twice what even attention would give.

    Parameters
    ----------
    weights
        (h, c) of h virtual channels over c sensors; each row sums to one.
    positions
        (c, 2) in [0, 1], the nose upwards. Sensors at one place are averaged.
    n_channels
        How many virtual channels to show beside the mean.

    Returns
    -------
    None where the sensors span no map.
    """
    if not span_map(positions):
        return None
    places, place = np.unique(np.round(positions, 4), axis=0, return_inverse=True)
    # the triangulation refuses places that all lie on one circle, as those of a few electrodes may
    places = places - 0.5 + 1e-4 * np.random.default_rng(0).standard_normal(places.shape)
    relative = weights * weights.shape[1]
    sums = np.zeros((len(places), len(weights)))
    np.add.at(sums, np.ravel(place), relative.T)
    at_place = (sums / np.bincount(np.ravel(place))[:, None]).T
    shown = {"mean of all": at_place.mean(0)}
    shown |= {f"virtual channel {i}": at_place[i] for i in unlike_channels(weights, n_channels)}
    figure, panels = blank_panels(len(shown), width=2.3 * len(shown), height=3.2)
    for axes, (title, values) in zip(panels, shown.items(), strict=True):
        image, _ = mne.viz.plot_topomap(
            values,
            places,
            axes=axes,
            sphere=(0.0, 0.0, 0.0, 0.46),
            extrapolate="local",
            contours=0,
            cmap="YlOrRd",
            vlim=(0, max(values.max(), 1.0)),
            show=False,
        )
        axes.set_title(title, fontsize=10)
        bar = figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.75, pad=0.02, aspect=15)
        bar.set_label("weight / even weight", fontsize=8)
        bar.ax.tick_params(labelsize=8)
    caption = (
        f"Where {len(weights)} virtual channels look among {weights.shape[1]} sensors (dots), seen from above, with the "
        "nose upwards. 1 is even attention. Beside the mean: the most focused channel and those least like it."
    )
    return Drawing("Spatial attention", figure, caption)


def similarity_matrix(result: SummarizedWindows) -> Drawing:
    """Scores of one subject's windows of one story with that story's segments, both in order of time.

    The story is the one with most windows, the subject the one whose top-10 accuracy is the median. Each row is
    z-scored over all candidates, also those of other stories.
    """
    ranks = result.ranks["model"]
    names = np.unique(result.subject)
    by_accuracy = sorted(names, key=lambda name: (np.mean(ranks[result.subject == name] < 10), name))
    subject = str(by_accuracy[(len(names) - 1) // 2])
    rows = np.flatnonzero(result.subject == subject)
    stories = result.candidates.story.to_numpy()
    story = pd.Series(stories[result.target[rows]]).value_counts(sort=True).index[0]
    rows = rows[stories[result.target[rows]] == story]
    among = np.ones(len(stories), bool)
    if result.fold is not None:  # no model scored windows of one fold with candidates of another
        rows = rows[result.fold[rows] == np.bincount(result.fold[rows]).argmax()]
        among = result.allowed[rows].any(0)
    columns = (
        result.candidates[(stories == story) & among]
        .sort_values(["stimulus", "start_s"], kind="stable")
        .index.to_numpy()
    )
    place = np.empty(len(result.candidates), dtype=np.int64)
    place[columns] = np.arange(len(columns))
    rows = rows[np.argsort(place[result.target[rows]], kind="stable")]

    scores = np.where(among, result.similarity[rows], np.nan).astype(np.float64)
    spread = np.nanstd(scores, 1, keepdims=True)
    z = (scores - np.nanmean(scores, 1, keepdims=True)) / np.where(spread > 0, spread, 1)
    figure, (axes,) = blank_panels(1, width=7, height=min(9.0, max(3.0, 0.8 + 5.6 * len(rows) / len(columns))))
    limit = np.nanpercentile(np.abs(z[:, columns]), 99.5)
    image = axes.imshow(z[:, columns], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.spines[:].set_visible(True)
    axes.set(xlabel="candidate segment (in order of time)", ylabel="brain window (in order of time)")
    figure.colorbar(image, ax=axes, label="similarity (z-score in each row)", shrink=0.8)
    caption = (
        f"Story '{story}', subject {subject} (the median one by top-10 accuracy): {len(rows)} windows and the "
        f"{len(columns)} segments of this story. A perfect decoder shows the diagonal only."
    )
    return Drawing("Similarity of brain and speech", figure, caption)
