"""What a tested run's folder holds, read back."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2s.errors import UserError, reading
from n2s.report.figures import Drawing, attention_maps, result_drawings
from n2s.report.listen import Retrieved, retrieved_segments
from n2s.report.run_figures import run_drawings as curves
from n2s.report.shown import Shown, heard_sounds, heard_table, means
from n2s.report.sound_figures import heard_spectrograms
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.summary import MEASURES, ROWS, correct, result_ranks, summarize
from n2s.systems.contrastive.table import TABLE, table_rows

MOST_PERMUTATIONS = 100_000  # more would not fit into memory
N_PERMUTATIONS = 200
BESIDE = ("scaled_by", "gaps", "sounds")  # of a test set in metrics.json, beside what is made from its scores


@dataclass(frozen=True)
class TestSet:
    """One test set of a run: its scores, and its figures and sounds, made from them."""

    __test__ = False  # no test of pytest's

    name: str
    summary: dict
    result: RetrievalResult
    ranks: dict[str, np.ndarray]

    def drawings(self, windows: list[Retrieved]) -> list[Drawing]:
        """Accuracy by subject, by rank, the similarity matrix, and where there are sounds what some windows' look like."""
        spectrograms = heard_spectrograms(windows)
        return result_drawings(self.result, self.summary, self.ranks) + ([spectrograms] if spectrograms else [])

    def segments(self) -> list[Retrieved]:
        """Some windows, from the best rank to the worst, with what the model took them for."""
        result = self.result
        return retrieved_segments(
            result.scores,
            result.target,
            ranks=self.ranks["model"],
            subject=result.subject,
            candidates=result.candidates,
            allowed=result.allowed,
        )

    def shown(self) -> Shown:
        """The same for W&B."""
        summary, windows = self.summary, self.segments()
        known = [row for row in ROWS if summary.get(row)]
        return Shown(
            self.name,
            means({score: {row: summary[row][score] for row in known} for score in MEASURES}),
            {count: summary[count] for count in ("n_candidates", "n_windows", "n_subjects")},
            {"scores": (TABLE, table_rows(summary)), "segments": heard_table(windows)},
            self.drawings(windows),
            heard_sounds(windows),
        )


def read_test_sets(run_dir: Path) -> list[TestSet]:
    """Every test set of a run's folder: ``metrics.json`` and ``test/<name>.*``.

    Raises
    ------
    UserError
        It is no run folder, it has not been tested, or a file is damaged.
    """
    if not (run_dir / "config.yaml").is_file():
        raise UserError(
            f"{run_dir}: no run folder: it has no config.yaml. Expected one such as checkpoints/<experiment>/<run>, "
            "as `n2s fit` makes it."
        )
    file = run_dir / "metrics.json"
    if not file.is_file():
        raise UserError(
            f"{run_dir}: not tested yet: it has no metrics.json. Run `n2s test` with the same config first."
        )
    summaries = read_json(file)
    if not summaries:
        raise UserError(f"{file}: holds no test set. Run `n2s test` with the same config again.")
    sets = []
    for name, summary in summaries.items():
        if name != Path(name).name or not isinstance(summary, dict):
            raise UserError(f"{file}: '{name}' is no test set. Run `n2s test` with the same config again.")
        result = RetrievalResult.load(run_dir / "test" / name)
        with reading(file, "what `n2s test` wrote", "Run it again."):
            n_permutations = summary.get("n_permutations", N_PERMUTATIONS)  # not in what earlier versions wrote
            seed, n_permutations = int(summary["seed"]), int(n_permutations)
            if seed < 0 or not 0 < n_permutations <= MOST_PERMUTATIONS:
                raise ValueError(f"seed {seed}, {n_permutations} permutations")
        ranks = result_ranks(result, seed=seed, n_permutations=n_permutations)
        # what a score is worth is worked out again: an earlier version may have told it otherwise
        again = summarize(result, seed=seed, n_permutations=n_permutations, found=ranks)
        told = {key: summary[key] for key in BESIDE if key in summary}
        sets.append(TestSet(name, again | told, result, ranks))
    correct({one.name: one.summary for one in sets})
    return sets


def run_drawings(run_dir: Path) -> dict[str, Drawing | str]:
    """What is drawn of a run as a whole, by title; or why it is not."""
    return curves(run_dir) | {"Spatial attention": _attention(run_dir)}


def run_shown(drawings: dict[str, Drawing | str]) -> Shown:
    """The same for W&B."""
    return Shown("run", drawings=[one for one in drawings.values() if isinstance(one, Drawing)])


def shown(run_dir: Path) -> list[Shown]:
    """What a tested run's report shows, for W&B."""
    return [*(test_set.shown() for test_set in read_test_sets(run_dir)), run_shown(run_drawings(run_dir))]


def _attention(run_dir: Path) -> Drawing | str:
    file = run_dir / "test" / "attention.npz"
    if not file.is_file():
        return "the run has no test/attention.npz"
    with np.load(file, allow_pickle=False) as arrays:
        drawing = attention_maps(arrays["weights"], arrays["positions"])
    return drawing or "the sensors span no map: fewer than four places, or all on a line"


def read_json(file: Path) -> dict:
    """The content of one of the run's JSON files, or a plain word that it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error}). Run `n2s test` on this run again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no table. Run `n2s test` on this run again.")
    return content
