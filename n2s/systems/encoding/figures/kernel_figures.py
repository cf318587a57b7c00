"""Temporal response functions: the weights of a model over lags."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import PALETTE
from n2s.systems.encoding.figures.bars import n_subjects
from n2s.systems.encoding.results.scored import BrainScores

#: With more features a space is drawn as an image: features by lags.
MOST_LINES, MOST_SPACES, MOST_TARGETS = 4, 4, 3
MOST_DRAWN = 300  # lines in a panel
WEIGHT = "weight (SD of the response per SD of the feature)"


def kernel_figures(result: BrainScores) -> Iterator[Drawing]:
    """One figure a feature space: spectro-temporal images of the best targets, or lines of all targets for few features."""
    kernels = result.told_apart(result.kernels)
    n = n_subjects(kernels.subject.nunique()).removeprefix("n = ")
    whose = f"mean over {n}" if result.group.one_name else f"each subject's own, {n}"
    for space, own in list(kernels.groupby("space", sort=False))[:MOST_SPACES]:
        if own.lag_s.nunique() < 2:
            continue
        mean = own.groupby(["name", "feature", "lag_s"], sort=False).weight.mean().reset_index()
        if mean.feature.nunique() > MOST_LINES:
            yield _image(str(space), mean, _best(result, mean), whose)
        else:
            yield _lines(str(space), mean, whose)


def lag_axis(lag_s: np.ndarray) -> tuple[np.ndarray, str]:
    """Lags in ms, or in s for the slow response of BOLD; and the label of the axis."""
    slow = np.abs(lag_s).max() > 2
    return (lag_s if slow else 1000 * lag_s), f"lag of the brain ({'s' if slow else 'ms'})"


def _best(result: BrainScores, mean: pd.DataFrame) -> list[str]:
    """Targets with the highest R of any model, mean over subjects, among those with kernels."""
    models = [f"r:{row}" for row in result.rows[result.rows.role == "model"].row if f"r:{row}" in result.targets]
    own = result.told_apart(result.targets)
    own = own[own.name.isin(mean.name.unique())]
    order = own.groupby("name")[models].mean().max(axis=1).sort_values(ascending=False)
    return list(order.index[:MOST_TARGETS]) or list(mean.name.unique()[:MOST_TARGETS])


def _image(space: str, mean: pd.DataFrame, names: list[str], whose: str) -> Drawing:
    figure = Figure(figsize=(1 + 3.2 * len(names), 3.4), dpi=130, layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False).ravel()
    features = list(mean.feature.unique())
    lags, label = lag_axis(np.sort(mean.lag_s.unique()))
    images = [
        own.pivot(index="feature", columns="lag_s", values="weight").loc[features].to_numpy()
        for own in (mean[mean.name == name] for name in names)
    ]
    limit = max(float(np.quantile(np.abs(np.stack(images)), 0.995)), 1e-12)
    step = np.median(np.diff(lags)) / 2
    for number, (axes, name, image) in enumerate(zip(panels, names, images, strict=True)):
        drawn = axes.imshow(
            image, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest",
            extent=(lags[0] - step, lags[-1] + step, -0.5, len(features) - 0.5),
        )  # fmt: skip
        axes.axvline(0, color="black", linewidth=0.7, linestyle=":")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
        if number:
            axes.set_yticks([])
            continue
        axes.set_ylabel(f"{space}: {len(features)} features", fontsize=8)
        some = np.unique(np.linspace(0, len(features) - 1, 6).round().astype(int))
        axes.set_yticks(some, labels=[str(features[i]) for i in some])
    bar = figure.colorbar(drawn, ax=panels.tolist(), shrink=0.85, aspect=25)
    bar.set_label(WEIGHT, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    caption = (
        f"Weights of {space} over features and lags, at the targets with the highest R; {whose}. The "
        "sign at a sensor depends on its place and type. The brain follows the sound at positive lags. Weights of features that "
        "correlate share what they explain."
    )
    return Drawing(f"Response functions of {space}", figure, caption)


def _lines(space: str, mean: pd.DataFrame, whose: str) -> Drawing:
    features = list(mean.feature.unique())
    figure = Figure(figsize=(min(1.5 + 3.6 * len(features), 11), 3.4), dpi=130, layout="constrained")
    panels = figure.subplots(1, len(features), squeeze=False, sharey=True).ravel()
    for number, (axes, feature) in enumerate(zip(panels, features, strict=True)):
        table = mean[mean.feature == feature].pivot(index="name", columns="lag_s", values="weight")
        (lags, label), values = lag_axis(table.columns.to_numpy()), table.to_numpy()
        drawn = values[:: -(-len(values) // MOST_DRAWN)]
        axes.plot(lags, drawn.T, color=PALETTE[0], linewidth=0.5, alpha=max(0.15, min(0.7, 12 / len(drawn))))
        axes.plot(lags, np.sqrt(np.square(values).mean(0)), color="black", linewidth=1.6, label="root mean square")
        axes.axhline(0, color="black", linewidth=0.6)
        axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
        axes.set_title(space if len(features) == 1 else f"{space}: {feature}", fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        if number == 0:
            axes.set_ylabel(WEIGHT, fontsize=7)
            axes.legend(frameon=False, fontsize=8)
    caption = (
        f"Weights of {space} over lags: a line for each target (at most 300), {whose}; black: their root mean "
        "square. The brain follows the sound at positive lags."
    )
    return Drawing(f"Response functions of {space}", figure, caption)
