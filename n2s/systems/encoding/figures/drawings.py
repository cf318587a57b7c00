"""The figures of brain scores, in reading order."""

from collections.abc import Iterator

from n2s.findings import tell
from n2s.metrics.result import Drawing
from n2s.systems.encoding.cortex.contrasts import Networks, OnCortex
from n2s.systems.encoding.figures.kernel_figures import kernel_figures
from n2s.systems.encoding.figures.map_figures import map_figure, places_figure
from n2s.systems.encoding.figures.network_figures import colors_of, levels_figure, training_figure
from n2s.systems.encoding.figures.region_figures import profile_figure, regions_figure, shares_figure
from n2s.systems.encoding.figures.sensor_figures import lags_figure, topographies
from n2s.systems.encoding.results.scored import BrainScores


def drawings(result: BrainScores) -> list[Drawing]:
    """The figures of what was measured: maps of the cortex, networks, regions, sensors, response functions.

    Raises
    ------
    UserError
        A subject's vertices are not those of the mesh that is named.
    """
    return [one for one in _drawings(result) if one is not None]


def _drawings(result: BrainScores) -> Iterator[Drawing | None]:
    if not len(result.targets):
        return
    cortex, networks = OnCortex(result), Networks(result.rows)
    colors = colors_of(networks.all)
    for why, who in cortex.left_out.items():
        if not why.startswith("sensors"):
            tell("left out", ", ".join(who[:3]), f"not drawn on the cortex: {why}.")
    yield map_figure(result, cortex)
    for one in networks.nested:
        yield levels_figure(result.targets, one, cortex, colors[one.name])
    if networks.reference is not None and networks.trained:
        yield training_figure(result.targets, networks.trained, networks.reference, cortex, colors)
    if networks.nested:
        yield profile_figure(result, networks.nested, colors)
    yield regions_figure(result, networks.all, colors)
    if any(name.startswith("share:") for name in result.targets):
        yield shares_figure(result)
    yield places_figure(result, cortex)
    yield topographies(result)
    if result.lags is not None:
        yield lags_figure(result)
    if result.kernels is not None:
        yield from kernel_figures(result)
