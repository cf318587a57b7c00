"""The report of an fMRI run: one HTML file that stands alone, made from what is in the run's folder."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import mne
import numpy as np

from n2s.errors import UserError, reading
from n2s.metrics.identification import similarities
from n2s.paths import written_whole
from n2s.report.figures import Drawing
from n2s.report.html import PAGE_STYLE, add_drawing, add_run_drawings, heard_html, origin_html
from n2s.report.listen import Retrieved, retrieved_segments
from n2s.report.run_figures import run_drawings as curves
from n2s.report.run_folder import read_json, run_shown
from n2s.report.shown import Shown, heard_sounds, heard_table, means
from n2s.report.sound_figures import heard_spectrograms
from n2s.systems.clips.evaluation import ClipScores
from n2s.systems.clips.figures import (
    correlation_quartiles,
    decoded_spectrograms,
    identification_by_subject,
    identification_curves,
)
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.semantic_map import semantic_drawing
from n2s.systems.clips.summary import clip_columns, clip_headline, clip_notes, clip_scores, clip_table_rows, score_cell
from n2s.systems.clips.voxel_figures import read_voxels, voxel_maps


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
        windows = clip_segments(scores)
        for drawing in clip_drawings(summary, scores, windows):
            add_drawing(report, drawing, f"{drawing.title}{end}")
        report.add_html(heard_html(windows, text="label"), f"Clips to listen to{end}", tags=())
    add_run_drawings(report, clip_run_drawings(run_dir))
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


def clip_segments(scores: ClipScores) -> list[Retrieved]:
    """Some decoded clips, from the best rank to the worst, with the clips of their subject that they are most alike."""
    result, found = scores.result, similarities(scores.result.predicted, scores.result.candidates)
    own = scores.choice.own[:, scores.choice.kind]
    return retrieved_segments(
        found,
        result.target,
        ranks=scores.ranks["model"],
        subject=result.subject,
        candidates=result.clips.assign(story=result.clips.stimulus, text=result.clips.label),
        allowed=own,
    )


def clip_drawings(summary: dict, scores: ClipScores, windows: list[Retrieved]) -> Iterator[Drawing]:
    """The figures of one test set, in reading order."""
    if summary["identification"]:
        yield identification_by_subject(summary)
    result = scores.result
    yield correlation_quartiles(scores.correlations)
    ranks = dict(scores.ranks)
    ranks["ceiling"] = ranks.pop("ideal_observer", ranks["ceiling"])
    if summary["identification"]:
        yield identification_curves(ranks, result.subject, scores.choice.n_candidates)
    if result.mel_predicted is not None:
        order = np.argsort(scores.mel["mel_pcc"]["model"])
        some = order[np.linspace(0, len(order) - 1, min(4, len(order))).astype(int)[::-1]]
        rows = {"true": result.mel_candidates[result.target[some]], "decoded": result.mel_predicted[some]}
        if result.mel_ceiling is not None:
            rows["true feature, decoded"] = result.mel_ceiling[some]
        yield decoded_spectrograms(rows, scores.mel["mel_pcc"]["model"][some])
    spectrograms = heard_spectrograms(windows)
    if spectrograms:
        yield spectrograms
    if summary["semantic"] or result.prompts is not None:
        yield semantic_drawing(scores, summary)


def clip_run_drawings(run_dir: Path) -> dict[str, Drawing | str]:
    """What is drawn of a run as a whole, by title; or why it is not."""
    return curves(run_dir) | {"Voxels": _voxels(run_dir)}


def clips_shown(run_dir: Path) -> list[Shown]:
    """What the report shows, for W&B."""
    found = []
    for name, summary, scores in read_clip_sets(run_dir):
        windows = clip_segments(scores)
        found.append(
            Shown(
                name,
                means(clip_scores(summary)),
                {count: summary[count] for count in ("n_candidates", "n_clips", "n_subjects")},
                {
                    "scores": (["score of", *clip_columns(summary)], clip_table_rows(summary)),
                    "segments": heard_table(windows),
                },
                list(clip_drawings(summary, scores, windows)),
                heard_sounds(windows),
            )
        )
    return [*found, run_shown(clip_run_drawings(run_dir))]


def _voxels(run_dir: Path) -> Drawing | str:
    file = run_dir / "test" / "voxels.npz"
    if not file.is_file():
        return "the run has no test/voxels.npz: its networks have no weight a voxel"
    with reading(file, "what `n2s test` wrote", "Run it again."):
        return voxel_maps(read_voxels(file)) or "the study does not say where its voxels are"


def _summary(summary: dict) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in ("", *clip_columns(summary)))
    rows = "".join(
        f'<tr class="{"model" if row[0] == "model" else "control"}">{"".join(f"<td>{escape(c)}</td>" for c in row)}</tr>'
        for row in clip_table_rows(summary)
    )
    return (
        f'<p>{escape(" ".join(clip_headline(summary)))}</p><table class="n2s scores wide"><tr>{head}</tr>{rows}</table>'
        f'<p class="note">{"<br>".join(map(escape, [*clip_notes(summary), *summary.get("sounds", [])]))}</p>{_by_subject(summary)}'
    )


def _by_subject(summary: dict) -> str:
    """A subject a row: the model's score with its interval, and below it the subject's own ceiling."""
    columns = clip_columns(summary)
    head = "".join(f"<th>{escape(text)}</th>" for text in ("subject", "clips", *columns))
    rows = []
    for name, n in summary["subjects"].items():
        cells = "".join(f"<td>{_own_cell(scores, name, scale)}</td>" for scores, scale in columns.values())
        rows.append(f"<tr><td>{escape(name)}</td><td>{n}</td>{cells}</tr>")
    over = f"over its {summary['units']['words']}"
    return (
        f'<table class="n2s scores wide"><tr>{head}</tr>{"".join(rows)}</table>'
        f'<p class="note">Each subject\'s model with its 95% interval {over}, and the ceiling of the same subject.</p>'
    )


def _own_cell(scores: dict, subject: str, scale: float) -> str:
    def own(row: str) -> dict | None:
        found = scores.get(row, {}).get("per_subject", {}).get(subject)
        return found and {"mean": found["value"], "low": found["low"], "high": found["high"]}

    best = own("ideal_observer") or own("ceiling")
    end = (
        ""
        if best is None or best["mean"] is None
        else f"<br><small>ceiling {score_cell(best | {'low': None}, scale)}</small>"
    )
    return escape(score_cell(own("model"), scale)) + end
