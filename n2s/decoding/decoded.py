"""What a decoder says of a recording: a table, and a page."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from n2s.metrics.result import Shown, write_tables
from n2s.report.page import shown_parts, write_parts


@dataclass(eq=False, repr=False)
class Decoded(ABC):
    """The base of what decoders return.

    Attributes
    ----------
    table
        One row a window, or a window and rank; times in s on the recording's clock.
    recording
        Name of the recording.
    said
        What was found and decided, in sentences: whose scale, which sensors are missing.

    Examples
    --------
    >>> class Ranked(Decoded):
    ...     def shown(self):
    ...         return Shown(headline=self.said, tables={"Sounds": (list(self.table), self.table.values.tolist())})
    >>> found = Ranked(pd.DataFrame({"start_s": [0.0], "sound": ["a.wav"]}), "x.fif", ["person: somebody new"])
    >>> found.save(folder / "decoded").name, sorted(found.tables())
    ('report.html', ['decoded'])
    """

    table: pd.DataFrame
    recording: str
    said: list[str] = field(default_factory=list)

    @abstractmethod
    def shown(self) -> Shown:
        """Headline, tables, figures and sounds."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Name -> table, as `save` writes them."""
        return {"decoded": self.table}

    def written(self, folder: Path) -> dict[str, str]:
        """What `save` writes beside the page: a word -> where."""
        return {"tables": ", ".join(str(folder / f"{name}.csv") for name in self.tables())}

    def save(self, folder: Path | str) -> Path:
        """Write the tables (CSV) and the page ``report.html`` into a folder, which is made; returns the page."""
        folder = Path(folder)
        write_tables(folder, self.tables())
        return write_parts(folder / "report.html", f"decoded: {self.recording}", shown_parts([self.shown()]))

    def headline(self) -> list[str]:
        """What was found, in words; of some kinds nothing."""
        return []

    def __repr__(self) -> str:
        found = " ".join(self.headline()[:1])
        return f"<{type(self).__name__} of {self.recording}: {found or f'{len(self.table)} rows'}>"

    def _repr_html_(self) -> str:
        return self.table.head(20).to_html(index=False)
