"""Figures of transfer: the matrix of conditions, bands, pairs of classes, and courses over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm

from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS, PALETTE, blank_panels, short_names
from n2s.systems.event_classes.transfer_times import TimedScores

MOST_WRITTEN = 12  # classes whose pairs have their number written
MOST_PANELS = 9


def drawings(result: TimedScores) -> list[Drawing]:
    """Those for which there is something to draw, in reading order."""
    if not result.cells:
        return []
    found = [matrices(result), people(result), bands(result), pairs(result), courses(result), generalisation(result)]
    return [one for one in found if one is not None]


def matrices(result: TimedScores) -> Drawing:
    """Balanced accuracy of every training condition (rows) and test condition (columns), a panel a band."""
    shown = result.bands[:MOST_PANELS]
    figure, panels = blank_panels(len(shown), width=1.6 + 2.1 * len(shown), height=2.9)
    every = [one.whole.mean for one in result.balanced.values()]
    norm = Normalize(min(_chance(result), *every), max(every))
    for axes, band in zip(panels, shown, strict=True):
        values = np.full((len(result.trained), len(result.conditions)), np.nan)
        for cell in result.cells_of(band):
            values[result.trained.index(cell.trained), result.conditions.index(cell.tested)] = result.balanced[
                cell
            ].whole.mean
        _heat(axes, values, norm, result.conditions, result.trained, write=True)
        axes.set_xlabel("tested on")
        axes.set_title(band if len(result.bands) > 1 else "", fontsize=9)
    panels[0].set_ylabel("trained on")
    caption = (
        f"Balanced accuracy (%), mean over {len(result.subjects)} subjects; chance is {100 * _chance(result):.1f}."
    )
    return Drawing("Trained on one condition, tested on another", figure, caption)


def people(result: TimedScores) -> Drawing | None:
    """Every subject's score in every cell of the whole band, over what permuted labels give; None with one subject."""
    if len(result.subjects) < 2:
        return None
    cells = result.cells_of(result.bands[0])
    figure, (axes,) = blank_panels(1, width=2 + 1.0 * len(cells), height=3.4)
    names = short_names(result.subjects)
    for at, cell in enumerate(cells):
        found = result.balanced[cell]
        low, high = found.null_ends
        axes.bar(at, 100 * (high - low), 0.7, 100 * low, color="#cccccc", zorder=1)
        spread = np.linspace(-0.25, 0.25, len(result.subjects))
        for number, (subject, name) in enumerate(zip(result.subjects, names, strict=True)):
            if subject in found.by_subject:
                style = {"color": PALETTE[number % len(PALETTE)], "label": name if at == 0 else None}
                axes.plot(
                    at + spread[number], 100 * found.by_subject[subject].mean, "o", markersize=4, zorder=3, **style
                )
        axes.plot([at - 0.35, at + 0.35], [100 * found.whole.mean] * 2, color="black", zorder=2)
    axes.axhline(100 * _chance(result), color=COLORS["chance"], linestyle=":")
    axes.set(xticks=range(len(cells)), ylabel="balanced accuracy (%)")
    axes.set_xticklabels([result.label_of(cell) for cell in cells], rotation=25, ha="right", fontsize=8)
    if len(names) <= len(PALETTE):
        axes.legend(frameon=False, fontsize=7, ncols=2)
    caption = "A dot a subject; line: their mean; grey: what 95% of the means with labels permuted within runs and conditions lie between; dotted: chance."
    return Drawing("Subjects", figure, caption)


def bands(result: TimedScores) -> Drawing | None:
    """Bars of every band, a group a cell; None with one band."""
    if len(result.bands) < 2:
        return None
    cells = result.cells_of(result.bands[0])
    figure, (axes,) = blank_panels(1, width=2 + 0.35 * len(cells) * len(result.bands), height=3.4)
    width = 0.8 / len(result.bands)
    for number, band in enumerate(result.bands):
        color = "#888888" if number == 0 else PALETTE[(number - 1) % len(PALETTE)]
        for at, cell in enumerate(cells):
            found = result.balanced.get(cell._replace(band=band))
            if found is None:
                continue
            mean, low, high = (np.nan if one is None else 100 * one for one in found.whole)
            place = at + (number - (len(result.bands) - 1) / 2) * width
            ends = np.nan_to_num([[mean - low], [high - mean]])
            axes.bar(
                place, mean, width, yerr=ends, color=color, ecolor="black", capsize=2, label=band if at == 0 else None
            )
            axes.plot(
                [place - width / 2, place + width / 2], [100 * found.null_ends[1]] * 2, color="black", linewidth=1
            )
    axes.axhline(100 * _chance(result), color=COLORS["chance"], linestyle=":")
    axes.set(xticks=range(len(cells)), ylabel="balanced accuracy (%)")
    axes.set_xticklabels([result.label_of(cell) for cell in cells], rotation=25, ha="right", fontsize=8)
    axes.legend(frameon=False, fontsize=8)
    caption = "The same windows, filtered to each band, with 95% intervals. Short lines: what 97.5% of draws with permuted labels stay below; dotted: chance."
    return Drawing("Bands", figure, caption)


def pairs(result: TimedScores) -> Drawing | None:
    """Accuracy of every pair of classes, a panel a cell of the whole band; None without pairs."""
    cells = [cell for cell in result.cells_of(result.bands[0]) if cell in result.paired][:MOST_PANELS]
    if not cells or len(result.pairs) < 2:
        return None
    size = max(1.8, min(0.3 * result.k, 5))
    figure, panels = blank_panels(len(cells), width=1 + (size + 0.5) * len(cells), height=size + 1.2)
    every = np.concatenate([result.paired[cell].each for cell in cells])
    norm = Normalize(0.5, max(0.55, np.nanmax(every)))
    for axes, cell in zip(panels, cells, strict=True):
        values = np.full((result.k, result.k), np.nan)
        for (one, other), value in zip(result.pairs, result.paired[cell].each, strict=True):
            values[other, one] = value
        _heat(axes, values[1:, :-1], norm, result.names[:-1], result.names[1:], write=result.k <= MOST_WRITTEN)
        axes.set_title(result.label_of(cell), fontsize=9)
    caption = "Balanced accuracy (%) of decoders that know two classes each, mean over subjects; chance is 50."
    return Drawing("Pairs of classes", figure, caption)


def courses(result: TimedScores) -> Drawing | None:
    """Balanced accuracy of decoders at single times, each at its own time; None without such decoders."""
    if not result.timed:
        return None
    figure, (axes,) = blank_panels(1, width=7, height=3.4)
    times = 1000 * np.array(result.times_s)
    for number, (cell, found) in enumerate(result.timed.items()):
        style = {"color": PALETTE[number % len(PALETTE)], "linestyle": "-" if cell.trained == cell.tested else "--"}
        axes.plot(times, 100 * found.course, label=result.label_of(cell), **style)
        axes.axhline(100 * found.high, color=style["color"], linewidth=0.6, alpha=0.6)
    axes.axhline(100 * _chance(result), color=COLORS["chance"], linestyle=":")
    if times[0] <= 0 <= times[-1]:
        axes.axvline(0, color="black", linewidth=0.6)
    axes.set(xlabel="time from the event (ms)", ylabel="balanced accuracy (%)")
    axes.legend(frameon=False, fontsize=8)
    caption = "A decoder at each time, tested at its own time. Thin lines: the highest of 95% of draws with labels permuted within runs and conditions stays below; dotted: chance."
    return Drawing("Decoders at single times", figure, caption)


def generalisation(result: TimedScores) -> Drawing | None:
    """The decoder of each time at every time, a panel a cell; None where they were only tried at their own."""
    cells = [cell for cell, one in result.timed.items() if one.matrix is not None][:MOST_PANELS]
    if not cells:
        return None
    figure, panels = blank_panels(len(cells), width=1 + 2.5 * len(cells), height=3.1)
    chance = _chance(result)
    every = np.stack([result.timed[cell].matrix for cell in cells])
    norm = TwoSlopeNorm(100 * chance, 100 * min(every.min(), chance - 0.05), 100 * max(every.max(), chance + 0.05))
    times = 1000 * np.array(result.times_s)
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 1.0
    extent = (times[0] - half, times[-1] + half) * 2
    for axes, cell in zip(panels, cells, strict=True):
        image = axes.imshow(100 * result.timed[cell].matrix, origin="lower", extent=extent, cmap="RdBu_r", norm=norm)
        axes.plot(extent[:2], extent[:2], color="black", linewidth=0.5)
        axes.set_xlabel(f"{cell.tested}, tested at (ms)", fontsize=8)
        axes.set_ylabel(f"{cell.trained}, trained at (ms)", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.colorbar(image, ax=panels, label="balanced accuracy (%)", shrink=0.8)
    caption = "The decoder of each time (upwards) tried at every time (to the right); white: chance. A square says that the pattern lasts, a diagonal that it changes."
    return Drawing("Temporal generalisation", figure, caption)


def _chance(result: TimedScores) -> float:
    return float(result.tests.chance.mean())


def _heat(axes: Axes, values: np.ndarray, norm: Normalize, across: list[str], down: list[str], *, write: bool) -> None:
    axes.imshow(values, norm=norm, cmap="viridis", aspect="auto" if len(across) != len(down) else "equal")
    axes.spines[:].set_visible(False)
    small = 8 if len(across) <= MOST_WRITTEN else 5
    axes.set_xticks(range(len(across)), across, rotation=45, ha="right", fontsize=small)
    axes.set_yticks(range(len(down)), down, fontsize=small)
    if not write:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "white" if norm(value) < 0.6 else "black"
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color, fontsize=8)
