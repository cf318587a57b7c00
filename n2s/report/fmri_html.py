"""The report of an fMRI run: one HTML file that stands alone, made from what is in the run's folder."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import mne
import numpy as np
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from n2s.errors import UserError
from n2s.metrics.clip_result import ClipResult, ClipScores
from n2s.metrics.clip_summary import clip_columns, clip_notes, clip_table_rows
from n2s.metrics.semantic import tsne
from n2s.paths import written_whole
from n2s.report.figures import Drawing
from n2s.report.fmri_figures import correlation_quartiles, decoded_spectrograms, identification_curves, semantic_map
from n2s.report.html import PAGE_STYLE, add_drawing, learning_drawing, origin_html
from n2s.report.run_folder import read_json


def write_clip_report(run_dir: Path) -> Path:
    """Write ``report.html`` into the folder of a tested fMRI run, from that folder alone.

    Returns
    -------
    The report's path.

    Raises
    ------
    UserError
        It is no run folder, or it has not been tested.
    """
    report = mne.Report(title=f"n2s: {run_dir.resolve().parent.name}, {run_dir.resolve().name}", verbose="ERROR")
    report.add_custom_css(PAGE_STYLE)
    sets = list(read_clip_sets(run_dir))
    for name, summary, scores in sets:
        end = "" if len(sets) == 1 else f": {name}"
        report.add_html(_summary(summary), f"Summary{end}", tags=())
        for drawing in clip_drawings(summary, scores):
            add_drawing(report, drawing, f"{drawing.title}{end}")
    learning = learning_drawing(run_dir)
    if isinstance(learning, Drawing):
        add_drawing(report, learning, "Learning curves")
    else:
        report.add_html(f'<p class="note">Left out: {escape(learning)}.</p>', "Learning curves", tags=())
    report.add_html(origin_html(run_dir), "Configuration and origin", tags=())
    path = run_dir / "report.html"
    with written_whole(path) as temporary:
        report.save(temporary, open_browser=False, verbose="ERROR")
    return path


def read_clip_sets(run_dir: Path) -> Iterator[tuple[str, dict, ClipScores]]:
    """Name, summary and scores of every test set of a run."""
    if not (run_dir / "metrics.json").is_file() or not (run_dir / "config.yaml").is_file():
        raise UserError(f"{run_dir}: no tested run: it has no config.yaml or no metrics.json. Run `n2s test` first.")
    for name, summary in read_json(run_dir / "metrics.json").items():
        yield name, summary, ClipScores(ClipResult.load(run_dir / "test" / name), seed=summary["seed"])


def clip_drawings(summary: dict, scores: ClipScores) -> Iterator[Drawing]:
    """The figures of one test set, in reading order."""
    result = scores.result
    yield correlation_quartiles(scores.correlations)
    curves = dict(scores.ranks)
    curves["ceiling"] = curves.pop("ideal_observer", curves["ceiling"])
    yield identification_curves(curves, result.subject, len(result.clips))
    if result.mel_predicted is not None:
        order = np.argsort(scores.mel["mel_pcc"]["model"])
        some = order[np.linspace(0, len(order) - 1, min(4, len(order))).astype(int)[::-1]]
        rows = {"true": result.mel_candidates[result.target[some]], "decoded": result.mel_predicted[some]}
        if result.mel_ceiling is not None:
            rows["true feature, decoded"] = result.mel_ceiling[some]
        yield decoded_spectrograms(rows, scores.mel["mel_pcc"]["model"][some])
    if summary["semantic"]:
        maps = {"true": tsne(result.candidates[result.target]), "decoded": tsne(result.predicted)}
        yield semantic_map(maps, scores.labels)


@rank_zero_only
def log_clip_test(logger: Logger, run_dir: Path) -> None:
    """Put a tested run's scores and figures into its W&B run; a logger of another kind is left alone."""
    if not isinstance(logger, WandbLogger):
        return
    import wandb

    for name, summary, scores in read_clip_sets(run_dir):
        columns = clip_columns(summary)
        for heading, (rows, scale) in columns.items():
            for row, score in rows.items():
                if isinstance(score, dict) and score.get("mean") is not None:
                    logger.experiment.summary[f"{name}/{row}/{heading}"] = scale * score["mean"]
        table = wandb.Table(columns=["score of", *columns], data=clip_table_rows(summary))
        figures = {
            f"{name}/{drawing.title}": wandb.Image(drawing.figure, caption=drawing.caption)
            for drawing in clip_drawings(summary, scores)
        }
        logger.experiment.log({f"{name}/scores": table} | figures)


def _summary(summary: dict) -> str:
    k = summary["n_candidates"]
    top = summary["identification"][str(k)]
    headline = (
        f"From the responses of {summary['n_subjects']} subjects, the clip that was heard was the most alike of all {k} "
        f"test clips in {100 * top['model']['mean']:.1f}% of cases; chance is {100 * top['chance']:.1f}%, and with the "
        f"responses exchanged it was {100 * top['shuffled']['mean']:.1f}%."
    )
    head = "".join(f"<th>{escape(text)}</th>" for text in ("", *clip_columns(summary)))
    rows = "".join(
        f'<tr class="{"model" if row[0] == "model" else "control"}">{"".join(f"<td>{escape(c)}</td>" for c in row)}</tr>'
        for row in clip_table_rows(summary)
    )
    return (
        f'<p>{escape(headline)}</p><table class="n2s scores wide"><tr>{head}</tr>{rows}</table>'
        f'<p class="note">{"<br>".join(map(escape, clip_notes(summary)))}</p>{_by_subject(summary)}'
    )


def _by_subject(summary: dict) -> str:
    columns = {
        heading: (rows["model"]["per_subject"], scale) for heading, (rows, scale) in clip_columns(summary).items()
    }
    head = "".join(f"<th>{escape(text)}</th>" for text in ("subject", "clips", *columns))
    rows = []
    for name, n in summary["subjects"].items():
        values = [(own[name].get("value", own[name].get("median")), scale) for own, scale in columns.values()]
        cells = "".join("<td>-</td>" if value is None else f"<td>{scale * value:.3g}</td>" for value, scale in values)
        rows.append(f"<tr><td>{escape(name)}</td><td>{n}</td>{cells}</tr>")
    return f'<table class="n2s scores wide"><tr>{head}</tr>{"".join(rows)}</table>'
