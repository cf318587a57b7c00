"""``n2s compare``: tested runs side by side."""

from pathlib import Path


def compare(runs: list[Path], page: Path = Path("comparison.html")) -> None:
    """Compare tested runs: scores with controls, paired differences with intervals, settings and data that differ.

    Parameters
    ----------
    runs
        Folders of runs, checkpoints/<experiment>/<run>, or of experiments: the newest tested run of each. The others are compared with the first.
    page
        The HTML file to write.
    """
    from n2s.report.table import print_shown, wide_console
    from n2s.training.compared_runs import chosen_runs
    from n2s.training.comparison_page import comparison, write_comparison

    found = chosen_runs(runs)
    parts = comparison(found)
    console = wide_console()
    for part in parts:
        print_shown(part, console)
    written = write_comparison(page, found, parts)
    console.print(f"page: {written}\nnext: open that page in a browser", soft_wrap=True, highlight=False)
