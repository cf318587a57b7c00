"""What a run's folder holds, for pages that are not yet made by `n2s.report.page`."""

from n2s.report.figures import Drawing
from n2s.report.page import read_json
from n2s.report.shown import Shown

__all__ = ["read_json", "run_shown"]


def run_shown(drawings: dict[str, Drawing | str]) -> Shown:
    """The figures of a run as a whole, for W&B."""
    return Shown("run", drawings=[one for one in drawings.values() if isinstance(one, Drawing)])
