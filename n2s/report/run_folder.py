"""What a tested run's folder holds, read back."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2s.errors import UserError, reading
from n2s.metrics import RetrievalResult
from n2s.metrics.summary import result_ranks
from n2s.report.figures import Drawing, result_drawings
from n2s.report.listen import Retrieved, retrieved_segments

MOST_PERMUTATIONS = 100_000  # more would not fit into memory


@dataclass(frozen=True)
class TestSet:
    """One test set of a run: its scores, and its figures and sounds, made from them."""

    __test__ = False  # no test of pytest's

    name: str
    summary: dict
    result: RetrievalResult
    ranks: dict[str, np.ndarray]

    def drawings(self) -> list[Drawing]:
        """Accuracy by subject, by rank, and the similarity matrix."""
        return result_drawings(self.result, self.summary, self.ranks)

    def segments(self) -> list[Retrieved]:
        """Some windows, from the best rank to the worst, with what the model took them for."""
        return retrieved_segments(self.result, self.ranks["model"])


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
            seed, n_permutations = int(summary["seed"]), int(summary["shuffled"]["n_permutations"])
            if seed < 0 or not 0 < n_permutations <= MOST_PERMUTATIONS:
                raise ValueError(f"seed {seed}, {n_permutations} permutations")
        ranks = result_ranks(result, seed=seed, n_permutations=n_permutations)
        sets.append(TestSet(name, summary, result, ranks))
    return sets


def read_json(file: Path) -> dict:
    """The content of one of the run's JSON files, or a plain word that it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error}). Run `n2s test` on this run again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no table. Run `n2s test` on this run again.")
    return content
