"""The logged metrics as one CSV file, which a continued run continues."""

import csv
from pathlib import Path

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from n2s.paths import written_whole


class MetricsCSV(Logger):
    """One row per logged step, one column per metric; rows are on disk at once.

    Parameters
    ----------
    path
        The file; rows are added if it exists.
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
        """Do nothing: the run's config.yaml has them."""

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
    def log_once(self, metrics: dict[str, float], step: int) -> None:
        """`log_metrics`, unless this epoch and step already have a row with these metrics."""
        names = set(metrics) - {"epoch"}
        for row in self._read():
            if row["step"] == str(step) and all(row.get(name) for name in names):
                return
        self.log_metrics(metrics, step)

    @rank_zero_only
    def keep_until(self, epoch: int, step: int | None = None) -> None:
        """Drop the rows after an epoch (or after a step of that epoch): a continued run repeats these steps."""
        if self.path.exists():
            self._write([row for row in self._read() if _is_before(row, epoch, step)])

    def _read(self) -> list[dict]:
        """The complete rows: a kill or a full disk may have cut the last one."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().decode().splitlines(keepends=True)
        return list(csv.DictReader(line for line in lines if line.endswith("\n")))

    def _write(self, rows: list[dict]) -> None:
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        if not rows:
            self.path.unlink()
            return
        with written_whole(self.path) as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _is_before(row: dict, epoch: int, step: int | None) -> bool:
    if not row["epoch"] or float(row["epoch"]) < epoch:
        return True
    return float(row["epoch"]) == epoch and (step is None or int(row["step"]) <= step)
