"""The description of a public data set for `n2s studies`, and its source."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class OpenNeuro:
    """A dataset of openneuro.org, such as ``ds004078``; no account needed."""

    dataset: str


@dataclass(frozen=True)
class OSF:
    """Projects of osf.io, by their ids; no account needed."""

    projects: tuple[str, ...]


@dataclass(frozen=True)
class HuggingFace:
    """Dataset repositories of huggingface.co; no account needed."""

    repositories: tuple[str, ...]


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


@dataclass(frozen=True)
class Wall:
    """A data set that asks for an account or a signed agreement: the steps, one a line, in order."""

    steps: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A public data set.

    Parameters
    ----------
    title
        Its name beside its short name, such as "MEG-MASC".
    modality
        "MEG" or "EEG", with the device.
    language
        BCP 47 tag of the speech.
    n_subjects, hours
        As published: people, and hours of speech that each of them heard, all sessions together.
    licence
        As published.
    source
        Where to get it.
    citation
        Authors (year), journal, DOI.
    layout
        The files that the reader expects under the root, a small tree.
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
    source: OpenNeuro | OSF | HuggingFace | Files | Wall
    citation: str
    layout: str
    left_out: dict[str, str] = field(default_factory=dict)
    notes: str = ""
