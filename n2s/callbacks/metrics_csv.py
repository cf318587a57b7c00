"""What is logged, as one CSV file that a continued run goes on with."""

import csv
from pathlib import Path

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from n2s.paths import written_whole


class MetricsCSV(Logger):
    """One row a logged step, one column a metric; what was logged is on disk at once.

    Parameters
    ----------
    path
        Of the file; rows are added to one that exists.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = Path(path)
        self._columns: list[str] = []

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    @property
    def version(self) -> str:
        """The run's name."""
        return self.path.parent.name

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: object, *args: object, **kwargs: object) -> None:
        """Nothing: the run's config.yaml has them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row; a new metric adds a column."""
        row = {"epoch": metrics.get("epoch"), "step": step} | metrics
        if not self._columns and self.path.exists():
            self._write(self._read())
        if not set(row) <= set(self._columns):
            self._write([*self._read(), row])
            return
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)

    @rank_zero_only
    def keep_until(self, epoch: int) -> None:
        """Drop the rows after an epoch: those of steps that a continued run does again."""
        if self.path.exists():
            self._write([row for row in self._read() if not row["epoch"] or float(row["epoch"]) <= epoch])

    def _read(self) -> list[dict]:
        if not self.path.exists():
            return []
        with open(self.path, newline="") as file:
            return list(csv.DictReader(file))

    def _write(self, rows: list[dict]) -> None:
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        if not rows:
            self.path.unlink()
            return
        with written_whole(self.path) as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
