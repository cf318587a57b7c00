"""The figures of networks: their levels, and what training adds. Figures 2 and 3 of Millet and King 2021."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from n2s.metrics.group_tests import OverSubjects
from n2s.metrics.result import Drawing
from n2s.report.figures import PALETTE
from n2s.systems.encoding.cortex.contrasts import (
    Contrast,
    Network,
    OnCortex,
    Q,
    Tested,
    region_names,
    subject_means,
)
from n2s.systems.encoding.cortex.surface_views import color_bar, draw_brain, scale_of
from n2s.systems.encoding.figures.bars import (
    differences,
    draw_bars,
    draw_brackets,
    draw_stars,
    n_subjects,
    not_drawn,
    tests_caption,
)

MOST_REGIONS, MOST_MAPS = 4, 4
CONTROL = "#8A8A8A"


def colors_of(networks: Sequence[Network]) -> dict[str, str]:
    """Network -> its colour in every figure: controls are gray."""
    own = iter(PALETTE * 5)
    return {one.name: CONTROL if one.control else next(own) for one in networks}


def levels_figure(targets: pd.DataFrame, network: Network, cortex: OnCortex | None, color: str) -> Drawing:
    """Figure 2: R of all levels, their gain over the first, each level's gain, and the mean R of each level.

    Parameters
    ----------
    targets
        Of the result.
    network
        It has two levels or more.
    cortex
        None, or without any subject: only bars are drawn.
    color
        Of the bars.
    """
    drawn = cortex is not None and bool(cortex.weights)
    gains = network.gains
    n_rows = -(-len(gains) // MOST_MAPS) if drawn else 0
    figure = Figure(figsize=(11, 3.9 + 2.5 * n_rows) if drawn else (6, 3.6), dpi=130, layout="constrained")
    grid = figure.add_gridspec(1 + n_rows, 12, height_ratios=[1.35] + [1] * n_rows)
    caption = []
    if drawn:
        whole = Contrast(f"R, {network.name}", network.top)
        over = Contrast(f"ΔR over {network.layers[0]}", network.top, network.rows[0])
        maps = [cortex.tested(one) for one in (whole, over, *gains)]
        n = len(cortex.weights)
        first, second = (figure.add_subplot(grid[0, part]) for part in (slice(0, 4), slice(4, 8)))
        _map_panel(figure, first, maps[0], f"A  R, all levels, {n_subjects(n)}", "R")
        _map_panel(figure, second, maps[1], f"B  ΔR over {network.layers[0]}", "ΔR", difference=maps[1].q is None)
        wide = 12 // min(len(gains), MOST_MAPS)
        panels = [
            figure.add_subplot(grid[1 + i // MOST_MAPS, wide * (i % MOST_MAPS) : wide * (i % MOST_MAPS + 1)])
            for i in range(len(gains))
        ]
        signed = any(one.q is None for one in maps[2:])
        scale = scale_of([(one.mean, one.shown) for one in maps[2:]], difference=signed)
        for number, (axes, one, gain) in enumerate(zip(panels, maps[2:], gains, strict=True)):
            draw_brain(axes, one.mean, one.shown, scale)
            axes.set_title(f"{'C  ' if number == 0 else ''}{gain.title}", fontsize=9, loc="left")
        color_bar(figure, panels, scale, "ΔR to the level before")
        caption.append(
            f"A: R of {network.name} with all its levels ({' + '.join(network.layers)}), mean over subjects. B: its gain over "
            f"{network.layers[0]}. C: the gain of each level over the level before, on one scale."
        )
        caption += [threshold_caption({"R": maps[0], "gains": maps[1]}), *cortex_caption(cortex)]
    axes = figure.add_subplot(grid[0, 8:12] if drawn else grid[0, :])
    values = [subject_means(targets, Contrast("", row).of(targets)) for row in network.rows]
    place = np.arange(len(values), dtype=float)
    top = draw_bars(axes, place, values, color)
    pairs = [(i, i + 1) for i in range(len(values) - 1)]
    p = differences([(values[i + 1], values[i]) for i in range(len(pairs))])
    draw_brackets(axes, place, top, pairs, p)
    names = [layer if i == 0 else f"+ {layer}" for i, layer in enumerate(network.layers)]
    axes.set_xticks(place, labels=names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_ylabel("R, mean over targets", fontsize=9)
    axes.set_title(f"{'D  ' if drawn else ''}levels, {n_subjects(max(map(len, values)))}", fontsize=9, loc="left")
    caption.append(
        f"{'D: mean' if drawn else 'Mean'} R over all targets with each level added; error bars: SEM over subjects."
    )
    caption.append(tests_caption(values))
    return Drawing(f"Levels of {network.name}", figure, " ".join(filter(None, caption)))


def training_figure(
    targets: pd.DataFrame,
    trained: Sequence[Network],
    reference: Network,
    cortex: OnCortex | None,
    colors: dict[str, str],
) -> Drawing:
    """Figure 3: what training adds, on the cortex, at each level, for each network, and by region.

    Parameters
    ----------
    targets
        Of the result.
    trained, reference
        Networks, and the untrained one.
    cortex
        None, or without any subject: no maps.
    colors
        See `colors_of`.
    """
    drawn = cortex is not None and bool(cortex.weights)
    every = region_names(targets)
    regions = every[:MOST_REGIONS]
    shown = list(trained)[:MOST_MAPS] if drawn else []
    contrasts = [Contrast(f"{one.name} − {reference.name}", one.top, reference.top, True) for one in trained]
    heights = ([1.15] if drawn else []) + [1.25] + ([1.15] if regions else [])
    figure = Figure(figsize=(11, 2.75 * sum(heights)), dpi=130, layout="constrained")
    grid = figure.add_gridspec(len(heights), 12, height_ratios=heights)
    caption = []
    if drawn:
        maps = [cortex.tested(one) for one in contrasts[: len(shown)]]
        scale = scale_of([(one.mean, one.shown) for one in maps], difference=True)
        wide = 12 // len(shown)
        panels = [figure.add_subplot(grid[0, wide * i : wide * (i + 1)]) for i in range(len(shown))]
        for number, (axes, one, contrast) in enumerate(zip(panels, maps, contrasts, strict=False)):
            draw_brain(axes, one.mean, one.shown, scale)
            axes.set_title(f"{'A  ' if number == 0 else ''}{contrast.title}", fontsize=9, loc="left")
        color_bar(figure, panels, scale, f"ΔR to {reference.name}, {n_subjects(len(cortex.weights))}")
        more = f"; {len(trained) - len(shown)} more networks are not drawn" if len(trained) > len(shown) else ""
        caption.append(
            f"A: R of each network with all its levels minus that of {reference.name}, mean over subjects{more}."
        )
        caption += [threshold_caption({"differences": maps[0]}), *cortex_caption(cortex)]
    _levels_panel(
        figure.add_subplot(grid[int(drawn), 0:6]), targets, trained, reference, colors, "B  " if drawn else ""
    )
    gains = [subject_means(targets, one.of(targets)) for one in contrasts]
    axes = figure.add_subplot(grid[int(drawn), 6:12])
    place = np.arange(len(gains), dtype=float)
    top = draw_bars(axes, place, gains, [colors[one.name] for one in trained])
    pairs = [(i, j) for i in range(len(gains)) for j in range(i + 1, len(gains))]
    draw_stars(axes, place, top, differences([(one, None) for one in gains]))
    room = np.full(len(top), 0.07 * np.ptp(axes.get_ylim()))
    draw_brackets(axes, place, top + room, pairs, differences([(gains[i], gains[j]) for i, j in pairs]))
    axes.set_xticks(place, labels=[one.name for one in trained])
    axes.set_ylabel(f"ΔR to {reference.name}", fontsize=9)
    axes.set_title(f"C  all targets, {n_subjects(max(map(len, gains)))}", fontsize=9, loc="left")
    caption.append(
        f"B: what training adds at each level (mean R minus that of {reference.name} at the same level). C: of each network with all its "
        "levels; lines: networks that differ."
    )
    for number, region in enumerate(regions):
        wide = 12 // len(regions)
        axes = figure.add_subplot(grid[-1, wide * number : wide * (number + 1)])
        own = [subject_means(targets, one.of(targets), region) for one in contrasts]
        top = draw_bars(axes, place, own, [colors[one.name] for one in trained])
        draw_brackets(axes, place, top, pairs, differences([(own[i], own[j]) for i, j in pairs]))
        axes.set_xticks(place, labels=[one.name for one in trained], rotation=35, ha="right", rotation_mode="anchor")
        n_targets = int(targets[f"roi:{region}"].fillna(False).sum() / targets.subject.nunique())
        axes.set_title(f"{'D  ' if number == 0 else ''}{region}, {n_targets} targets", fontsize=9, loc="left")
        if number == 0:
            axes.set_ylabel(f"ΔR to {reference.name}", fontsize=9)
    if regions:
        caption.append(f"D: as C, within regions.{not_drawn(len(every) - MOST_REGIONS, 'regions are')}")
    caption.append(f"Error bars: SEM over subjects. {tests_caption(gains)}")
    return Drawing("What training adds", figure, " ".join(filter(None, caption)))


def _map_panel(figure: Figure, axes: Axes, one: Tested, title: str, label: str, *, difference: bool = False) -> None:
    scale = scale_of([(one.mean, one.shown)], difference=difference)
    draw_brain(axes, one.mean, one.shown, scale)
    axes.set_title(title, fontsize=9, loc="left")
    color_bar(figure, axes, scale, label)


def _levels_panel(
    axes: Axes,
    targets: pd.DataFrame,
    trained: Sequence[Network],
    reference: Network,
    colors: dict[str, str],
    letter: str,
) -> None:
    """Bars in groups, one a layer that all networks have; stars over those that differ from 0."""
    layers = [layer for layer in reference.layers[1:] if all(layer in one.layers for one in trained)]
    axes.set_title(f"{letter}levels", fontsize=9, loc="left")
    if not layers:
        axes.text(0.5, 0.5, "no layer in common", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    width = 0.8 / len(trained)
    drawn = []
    for number, one in enumerate(trained):
        pairs = [(one.rows[one.layers.index(layer)], reference.rows[reference.layers.index(layer)]) for layer in layers]
        values = [subject_means(targets, Contrast("", row, other).of(targets)) for row, other in pairs]
        place = np.arange(len(values)) + (number - (len(trained) - 1) / 2) * width
        drawn.append((place, draw_bars(axes, place, values, colors[one.name], width=0.9 * width), values))
        axes.bar([np.nan], [np.nan], color=colors[one.name], alpha=0.85, label=one.name)
    p = differences([(value, None) for *_, values in drawn for value in values])
    draw_stars(axes, np.concatenate([one[0] for one in drawn]), np.concatenate([one[1] for one in drawn]), p)
    axes.set_xticks(np.arange(len(layers)), labels=[f"+ {layer}" for layer in layers])
    axes.set_ylabel(f"ΔR to {reference.name}, same level", fontsize=9)
    axes.set_ylim(axes.get_ylim()[0], 1.2 * axes.get_ylim()[1])  # room for the legend
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")


def threshold_caption(maps: Mapping[str, Tested]) -> str:
    """Which vertices are gray, by which tests, and which maps have none; ``maps``: title -> map."""
    tests = list(dict.fromkeys(f"{one.measure} >= {Q:g}: {one.test}" for one in maps.values() if one.q is not None))
    told = f"Gray: not significant ({'; '.join(tests)}) or not measured." if tests else ""
    without = [title for title, one in maps.items() if one.q is None]
    if without:
        which = f"Of {', '.join(without)}" if tests else "Of the maps"
        told += f" {which} all values are shown, for they are not tested: that takes {OverSubjects(0).fewest} subjects (two-sided: {OverSubjects(0, True).fewest})."
    return told.strip()


def cortex_caption(cortex: OnCortex) -> list[str]:
    """How values come onto the cortex, and whose do not."""
    told = ["Surface: fsaverage5, inflated."]
    if cortex.from_volumes:
        told.append("Voxels are read at five depths between white matter and pia; MNI and fsaverage differ by some mm.")
    told += [
        f"Not drawn: {', '.join(who[:3])}{' and others' if len(who) > 3 else ''} ({why})."
        for why, who in cortex.left_out.items()
    ]
    return told
