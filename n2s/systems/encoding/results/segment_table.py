"""What a page says of time-segment matching."""

from collections.abc import Mapping

HEADINGS = ["", "found (%)", "95% interval", "p", "chance (%)"]


def segment_table(settings: Mapping) -> dict[str, tuple[list[str], list[list[str]]]]:
    """One line a subject; {} if nothing was matched."""
    found = settings.get("segments")
    if not found or not found["subjects"]:
        return {}
    chance = f"{100 * found['chance']:.1f}"
    lines = [
        [
            name,
            f"{100 * one['accuracy']:.1f}",
            f"{100 * one['low']:.1f} to {100 * one['high']:.1f}",
            f"{one['p']:.2g}",
            chance,
        ]
        for name, one in found["subjects"].items()
    ]
    return {f"Segments of {found['segment_s']:g} s matched to the other subjects": (HEADINGS, lines)}


def segment_notes(settings: Mapping) -> list[str]:
    """How segments were matched."""
    found = settings.get("segments")
    if not found or not found["subjects"]:
        return []
    return [
        f"Time-segment matching: how often a subject's responses in {found['segment_s']:g} s of a held-out stimulus, all shared targets "
        f"together, correlate more with the mean of the other subjects then than in any other of {found['n']} segments. It needs no model. "
        "Intervals are over segments; p: segments of the others moved on in a circle, never below 1 / segments."
    ]
