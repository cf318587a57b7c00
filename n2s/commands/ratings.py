"""``n2s ratings``: summarise the ratings of a listening page."""

from pathlib import Path

from n2s.errors import UserError


def ratings(files: list[Path], key: Path | None = None, out: Path = Path("ratings"), seed: int = 0) -> None:
    """Summarise ratings that a listening page exported: means, comparisons, agreement.

    Parameters
    ----------
    files
        CSV files from one or several raters.
    key
        The JSON file beside the page: it has the names of the methods, which otherwise are codes.
    out
        Folder for ratings.json and ratings.png.
    seed
        Seed of the intervals and tests.
    """
    import json

    from n2s.listening.rating_figures import rating_means
    from n2s.listening.rating_report import read_ratings
    from n2s.metrics.ratings import summarize_ratings
    from n2s.paths import written_whole

    if out.is_file():
        raise UserError(f"--out {out} is a file; expected a folder, which is made if it does not exist.")
    found = read_ratings(files, key)
    summary = summarize_ratings(found.values, raters=found.raters, methods=found.methods, seed=seed)
    summary |= {"notes": found.notes, "files": [str(file) for file in files]}
    with written_whole(out / "ratings.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2, ensure_ascii=False), encoding="utf-8")
    with written_whole(out / "ratings.png") as temporary:
        rating_means(summary).figure.savefig(temporary, format="png")
    _print(summary)
    print(f"Written: {out / 'ratings.json'}, {out / 'ratings.png'}")


def _print(summary: dict) -> None:
    from n2s.report.table import print_table, wide_console

    console = wide_console()
    rows: list[tuple[str, ...]] = []
    for name, one in summary["methods"].items():
        mean = "none" if one["mean"] is None else f"{one['mean']:.2f}"
        rows.append((name, mean, _interval(one), str(one["n"])))
    print_table(console, ("method", "mean rating", "95% interval", "ratings"), rows, framed=False)
    if summary["pairs"]:
        rows = []
        for pair in summary["pairs"]:
            names = f"{pair['first']} - {pair['second']}"
            difference = "none" if pair["difference"] is None else f"{pair['difference']:+.2f}"
            p_values = ("none" if pair[name] is None else f"{pair[name]:.4f}" for name in ("p", "p_holm"))
            rows.append((names, difference, _interval(pair), str(pair["n_clips"]), *p_values))
        console.print()
        print_table(console, ("difference", "", "95% interval", "clips", "p", "p (Holm)"), rows, framed=False)
    agreement = summary["agreement"]
    lines = [f"intervals: {summary['interval']}; p: methods exchanged clip by clip"]
    if agreement["alpha"] is None:
        lines.append("agreement: not defined (one rater, or all ratings the same)")
    else:
        spearman = "" if agreement["spearman"] is None else f"; Spearman {agreement['spearman']:.2f}"
        pairs = "" if not spearman else f" (mean of {agreement['n_pairs']} pairs of raters)"
        lines.append(f"agreement: alpha {agreement['alpha']:.2f} ({_interval(agreement)}), ordinal{spearman}{pairs}")
    lines += [f"note: {note}" for note in summary["notes"]]
    print("\n" + "\n".join(lines))


def _interval(measured: dict) -> str:
    return "" if measured["low"] is None else f"{measured['low']:.2f} to {measured['high']:.2f}"
