"""Figures of regions: profiles over layers, networks beside their ceiling, and shares of the banded model."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Drawing
from n2s.report.figures import PALETTE
from n2s.systems.encoding.cortex.contrasts import Network, mean_and_sem, region_names
from n2s.systems.encoding.figures.bars import legend_of, n_subjects, not_drawn
from n2s.systems.encoding.results.regions import WHOLE, shown_region
from n2s.systems.encoding.results.scored import BrainScores

MOST_REGIONS = 8
MOST_ROWS = 16  # beside each other in one region
#: Column -> what the line in a figure is.
CEILINGS = {
    "ceiling:r": "ceiling: the correlation that a perfect model reaches, as repeats say",
    "ceiling:isc": "ceiling: inter-subject correlation",
}


def shown_regions(result: BrainScores) -> list[str]:
    """The first regions with targets, then all targets."""
    return [*region_names(result.targets)[:MOST_REGIONS], WHOLE]


def _more_regions(result: BrainScores) -> str:
    return not_drawn(len(region_names(result.targets)) - MOST_REGIONS, "regions are in the table and")


def ceiling(result: BrainScores, region: str) -> tuple[str, float] | None:
    """What the ceiling is, and its mean over subjects as a correlation; None if it is not known."""
    for column, text in CEILINGS.items():
        if column in result.regions.ceilings:
            found = result.regions.mean(column, region)
            return (text, float(np.mean(list(found.values())))) if found else None
    return None


def profile_figure(result: BrainScores, networks: Sequence[Network], colors: dict[str, str]) -> Drawing:
    """R of each level, a panel for each region, a line for each network."""
    regions = shown_regions(result)
    columns = min(4, len(regions))
    lines = -(-len(regions) // columns)
    figure = Figure(figsize=(max(2.7 * columns, 5), 0.6 + 2.5 * lines), dpi=130, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    place, legend, top = np.arange(max(len(one.rows) for one in networks)), {}, None
    for number, (axes, region) in enumerate(zip(panels, regions, strict=False)):
        for one in networks:
            found = np.array([mean_and_sem(result.regions.mean(f"r:{row}", region)) for row in one.rows])
            axes.errorbar(
                place[: len(found)], *found.T, color=colors[one.name], marker="o", markersize=4, linewidth=1.5, capsize=2,
                linestyle="--" if one.control else "-", label=one.name,
            )  # fmt: skip
        reached = ceiling(result, region)
        if reached is not None:
            axes.axhline(reached[1], color="black", linewidth=1, linestyle=":", label="ceiling")
            top = reached[0]
        axes.set_xticks(place, labels=_level_labels(networks))
        axes.tick_params(axis="x", labelsize=7, rotation=35)
        axes.tick_params(axis="y", labelsize=7)
        axes.set_title(shown_region(region), fontsize=9)
        axes.axhline(0, color="black", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        if number % columns == 0:
            axes.set_ylabel("R, mean over targets", fontsize=8)
        handles, names = axes.get_legend_handles_labels()
        legend |= dict(zip(names, handles, strict=True))
    for axes in panels[len(regions) :]:
        axes.set_axis_off()
    legend_of(figure, legend, above=False, most=6)
    n = result.targets.subject.nunique()
    caption = (
        "Mean R over the targets of a region as layers are added, each level with all spaces before it; mean over "
        f"{n} subject{'' if n == 1 else 's'}{', error bars: SEM' if n > 1 else ''}."
    )
    if any(one.control for one in networks):
        caption += " Dashed: controls."
    caption += _more_regions(result)
    return Drawing("Profile over layers", figure, caption + (f" Dotted: {top}." if top else ""))


def _level_labels(networks: Sequence[Network]) -> list[str]:
    """What each level adds; of networks that add different spaces there, all of them."""
    longest = max(len(one.layers) for one in networks)
    added = [dict.fromkeys(one.layers[i] for one in networks if i < len(one.layers)) for i in range(longest)]
    return [f"{'+ ' if i else ''}{' or '.join(names)}" for i, names in enumerate(added)]


def regions_figure(result: BrainScores, networks: Sequence[Network], colors: dict[str, str]) -> Drawing:
    """R of each network and control in each region, with its interval and the ceiling."""
    regions = shown_regions(result)
    shown = {one.top: (one.title, colors[one.name], "s" if one.control else "o") for one in networks}
    every = result.rows[result.rows.network == ""]
    single = every if len(shown) + len(every) <= MOST_ROWS else every[every.role == "control"]
    left_out = len(every) - len(single)
    for number, row in enumerate(single.itertuples()):
        color = PALETTE[-1 - number % 3] if row.role == "model" else ("#555555", "#9A9A9A", "#BBBBBB")[number % 3]
        shown[row.row] = (row.label, color, "DvP^X"[number % 5])
    figure = Figure(figsize=(np.clip(2.2 + 1.25 * len(regions), 5, 11), 4.2), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    wide, n, top = 0.8 / len(shown), result.targets.subject.nunique(), None
    for number, (row, (label, color, marker)) in enumerate(shown.items()):
        means = [np.array(list(result.regions.mean(f"r:{row}", region).values())) for region in regions]
        found = [
            t_interval(own, bounds=(-1, 1)) if len(own) > 1 else (own.mean() if len(own) else np.nan,) * 3
            for own in means
        ]
        mean, low, high = np.array(found, float).T
        place = np.arange(len(regions)) + (number - (len(shown) - 1) / 2) * wide
        axes.errorbar(
            place, mean, np.stack([mean - low, high - mean]), fmt=marker, color=color, markersize=5, capsize=2, elinewidth=1.1, label=label
        )  # fmt: skip
    for number, region in enumerate(regions):
        reached = ceiling(result, region)
        if reached is not None:
            axes.hlines(reached[1], number - 0.45, number + 0.45, color="black", linewidth=1.2, linestyle=":")
            top = reached[0]
        if number:
            axes.axvline(number - 0.5, color="#dddddd", linewidth=0.7)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_xticks(np.arange(len(regions)), labels=[shown_region(one) for one in regions])
    axes.set_ylabel(f"R, mean over targets, {n_subjects(n)}")
    axes.spines[["top", "right"]].set_visible(False)
    if top is not None:
        axes.plot([], [], color="black", linestyle=":", label="ceiling")
    handles, names = axes.get_legend_handles_labels()
    legend_of(figure, dict(zip(names, handles, strict=True)))
    interval = "with 95% t intervals over subjects" if n > 1 else "of one subject, without intervals"
    caption = f"Mean R of each model over the targets of a region, {interval}; networks with all their levels."
    if left_out:
        caption += f" {left_out} single feature spaces are in the table alone."
    caption += _more_regions(result)
    return Drawing("Regions and networks", figure, caption + (f" Dotted: {top}." if top else " There is no ceiling."))


def shares_figure(result: BrainScores) -> Drawing:
    """Shares of R2 that the banded model gives each space, stacked, by region."""
    regions = shown_regions(result)
    spaces = [name[6:] for name in result.targets if name.startswith("share:")]
    found = np.array(
        [[mean_and_sem(result.regions.mean(f"share:{space}", one)) for one in regions] for space in spaces]
    )
    figure = Figure(figsize=(np.clip(2.4 + 1.1 * len(regions), 5, 11), 3.8), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    place, up, down = np.arange(len(regions), dtype=float), np.zeros(len(regions)), np.zeros(len(regions))
    for number, space in enumerate(spaces):
        mean, sem = np.nan_to_num(found[number].T)
        start = np.where(mean >= 0, up, down)
        axes.bar(place, mean, 0.65, bottom=start, color=PALETTE[number % len(PALETTE)], alpha=0.85, label=space)
        shift = place + 0.12 * (number - (len(spaces) - 1) / 2)
        axes.errorbar(shift, start + mean, sem, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
        up, down = np.where(mean >= 0, up + mean, up), np.where(mean < 0, down + mean, down)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(place, labels=[shown_region(one) for one in regions])
    axes.set_ylabel("share of R², mean over targets")
    axes.spines[["top", "right"]].set_visible(False)
    n = result.targets.subject.nunique()
    axes.set_title(n_subjects(n), fontsize=9, loc="left")
    handles, names = axes.get_legend_handles_labels()
    legend_of(figure, dict(zip(names, handles, strict=True)))
    caption = (
        "How much of the held-out R² of the banded model each feature space explains (product measure); the bars of a region sum to "
        f"its R². Mean over subjects{', error bars: SEM' if n > 1 else ''}. A share below 0 is possible: the space harms the prediction."
        + _more_regions(result)
    )
    return Drawing("Shares of feature spaces", figure, caption)
