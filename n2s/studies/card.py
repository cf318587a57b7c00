"""The description of a public data set for `n2s studies`, and its source."""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class OpenNeuro:
    """A dataset of openneuro.org, such as ``ds004078``; no account needed."""

    dataset: str
    access: ClassVar[str] = "open"

    @property
    def where(self) -> str:
        """Its place, for people."""
        return f"OpenNeuro, {self.dataset} (https://openneuro.org/datasets/{self.dataset})"


@dataclass(frozen=True)
class OSF:
    """Projects of osf.io, by their ids; no account needed."""

    projects: tuple[str, ...]
    access: ClassVar[str] = "open"

    @property
    def where(self) -> str:
        """Its place, for people."""
        return f"OSF, {', '.join(f'https://osf.io/{one}' for one in self.projects)}"


@dataclass(frozen=True)
class HuggingFace:
    """Dataset repositories of huggingface.co; no account needed."""

    repositories: tuple[str, ...]
    access: ClassVar[str] = "open"

    @property
    def where(self) -> str:
        """Its place, for people."""
        return f"Hugging Face, {', '.join(f'https://huggingface.co/datasets/{one}' for one in self.repositories)}"


@dataclass(frozen=True)
class PlainFile:
    """One file behind an address. ``checksum`` is ``md5:...`` or ``sha256:...``, empty if none is published."""

    url: str
    path: str  # under the data set's root
    checksum: str = ""
    size: int = 0  # bytes, 0 if not published


@dataclass(frozen=True)
class Files:
    """Plain files with their checksums."""

    files: tuple[PlainFile, ...]
    access: ClassVar[str] = "open"

    @property
    def where(self) -> str:
        """Its place, for people."""
        servers = dict.fromkeys(file.url.split("/")[2] for file in self.files)
        return f"{len(self.files)} files of {', '.join(servers)}"


@dataclass(frozen=True)
class Wall:
    """A data set that n2s cannot fetch by itself: the steps, one a line, in order.

    Parameters
    ----------
    steps
        What to do.
    access
        What it asks for: ``account`` (some also a signed agreement), or ``by hand``, if no account is needed.
    """

    steps: tuple[str, ...]
    access: str = "account"


Source = OpenNeuro | OSF | HuggingFace | Files | Wall


@dataclass(frozen=True)
class Card:
    """A public data set.

    Parameters
    ----------
    title
        Its name beside its short name, such as "MEG-MASC".
    modality
        "MEG", "EEG", "iEEG" or "fMRI", with the device.
    language
        BCP 47 tag of the speech (zxx: no speech).
    n_subjects, hours
        As published: people, and hours of speech that each of them heard or said, all sessions together. Where people
        differ, the mean, or the most, and ``heard`` says it.
    licence
        As published.
    source
        Where to get it.
    citation
        Authors (year), journal, DOI.
    layout
        The files that the reader expects under the root, a small tree.
    heard
        In words, where people did not all hear as much.
    size_gb
        Of the whole download, if it is known.
    left_out
        Subject or recording -> why the literature, and so the reader, leaves it out.
    notes
        What users should know before using it (clocks, traps).
    """

    title: str
    modality: str
    language: str
    n_subjects: int
    hours: float
    licence: str
    source: Source
    citation: str
    layout: str
    heard: str = ""
    size_gb: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    notes: str = ""

    @property
    def amount(self) -> str:
        """How much each person heard, as people say it: ``2.1 h each``, ``30 min each``, or what ``heard`` says."""
        each = f"{self.hours:g} h" if self.hours >= 1 else f"{round(60 * self.hours)} min"
        return self.heard or f"{each} each"
