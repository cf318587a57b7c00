"""Bars of means over subjects with their standard error, and stars for what differs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from n2s.metrics.group_tests import OverSubjects
from n2s.systems.encoding.cortex.contrasts import mean_and_sem

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
Values = Mapping[str, float]


def stars(p: float) -> str:
    """``**`` for p < .01, and so on; empty for .05 and above, or NaN."""
    return next((sign for limit, sign in STARS if p < limit), "")


def differences(pairs: Sequence[tuple[Values, Values | None]]) -> np.ndarray:
    """Corrected p of each pair's difference over the subjects that have both; of None: of the values themselves.

    Returns
    -------
    (pairs,) See `n2s.metrics.group_tests.OverSubjects`, two-sided: the pairs of a panel are its targets.
    """
    own = [
        {name: one[name] - (0 if other is None else other[name]) for name in one if other is None or name in other}
        for one, other in pairs
    ]
    names = list(dict.fromkeys(name for one in own for name in one))
    values = np.array([[one.get(name, np.nan) for one in own] for name in names]).reshape(len(names), len(own))
    return OverSubjects(len(names), two_sided=True).q(values)


def tests_caption(values: Sequence[Values]) -> str:
    """What the stars of panels mean, or why there are none."""
    rule = OverSubjects(max(map(len, values), default=0), two_sided=True)
    if not rule.possible:
        return f"No tests: they need {rule.fewest} subjects."
    return f"Stars: {rule}, within the panel (* {rule.measure} < .05, ** < .01, *** < .001)."


def draw_bars(
    axes: Axes, place: np.ndarray, values: Sequence[Values], color: Sequence[str] | str, *, width: float = 0.7
) -> np.ndarray:
    """Draw a bar at each place, its SEM, and a point for each of up to 12 subjects.

    Returns
    -------
    (bars,) How far each reaches up, for brackets.
    """
    means = np.array([mean_and_sem(one) for one in values])
    mean, sem = means[:, 0], np.nan_to_num(means[:, 1])
    axes.bar(place, mean, width, color=color, alpha=0.85)
    axes.errorbar(place, mean, sem, fmt="none", ecolor="black", elinewidth=1, capsize=2.5)
    top = np.maximum(mean + sem, 0)
    if max(map(len, values), default=0) <= 12:
        for x, own in zip(place, values, strict=True):
            spread = np.linspace(-0.22, 0.22, len(own)) * width if len(own) > 1 else [0.0]
            axes.plot(x + np.asarray(spread), list(own.values()), ".", color="#333333", markersize=2.5, zorder=3)
        top = np.maximum(top, [max(own.values(), default=0.0) for own in values])
    axes.axhline(0, color="black", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return top


def draw_brackets(
    axes: Axes, place: np.ndarray, top: np.ndarray, pairs: Sequence[tuple[int, int]], p: np.ndarray
) -> None:
    """Draw a line and stars over each pair of bars that differs, short ones below."""
    low, high = axes.get_ylim()
    high = max(high, float(np.nanmax(top, initial=0)))
    step = 0.075 * (high - low)
    reached = np.array(top, float) + 0.3 * step
    for number in sorted(range(len(pairs)), key=lambda i: abs(place[pairs[i][1]] - place[pairs[i][0]])):
        one, other = sorted(pairs[number], key=lambda i: place[i])
        if not stars(p[number]):
            continue
        between = (place >= place[one]) & (place <= place[other])
        y = reached[between].max() + 0.35 * step
        ends = place[one] + 0.06, place[other] - 0.06
        axes.plot(
            [ends[0], ends[0], ends[1], ends[1]], [y - 0.15 * step, y, y, y - 0.15 * step], color="black", linewidth=0.8
        )
        axes.text(np.mean(ends), y - 0.12 * step, stars(p[number]), ha="center", va="bottom", fontsize=8)
        reached[between] = y + 0.5 * step
    axes.set_ylim(low, max(high, float(np.nanmax(reached, initial=0))) + 0.25 * step)


def draw_stars(axes: Axes, place: np.ndarray, top: np.ndarray, p: np.ndarray) -> None:
    """Stars over bars that differ from 0."""
    low, high = axes.get_ylim()
    for x, y, one in zip(place, top, p, strict=True):
        axes.text(x, y + 0.01 * (high - low), stars(one), ha="center", va="bottom", fontsize=8)
    axes.set_ylim(low, max(high, float(np.nanmax(top, initial=0)) + 0.08 * (high - low)))


def legend_of(figure: Figure, names: Mapping[str, Artist], *, above: bool = True, most: int = 5) -> None:
    """A legend of names beside the panels, in as many columns as fit."""
    widest = 0.5 + 0.065 * max(map(len, names), default=0)  # inches: the sign, and letters of 8 points
    columns = int(np.clip(figure.get_figwidth() // widest, 1, most))
    place = f"outside {'upper' if above else 'lower'} center"
    figure.legend(names.values(), names.keys(), loc=place, ncols=columns, frameon=False, fontsize=8)


def not_drawn(n: int, what: str) -> str:
    """`` 3 more rows are not drawn.``, with a space before it; empty for none."""
    return f" {n} more {what} not drawn." if n > 0 else ""


def n_subjects(n: int) -> str:
    """``n = 8 subjects``."""
    return f"n = {n} subject{'' if n == 1 else 's'}"
