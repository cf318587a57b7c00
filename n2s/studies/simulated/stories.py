"""The stories of the simulated studies: short originals, and translations that share a story id with theirs."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "stories"


@dataclass(frozen=True)
class Speaker:
    """How eSpeak NG reads a story: a voice (``language+variant``), words a minute, pitch (0 to 99)."""

    voice: str
    rate_wpm: int
    pitch: int = 50


@dataclass(frozen=True)
class Story:
    """A text to be read aloud; ``id`` is shared by its translations, ``language`` is a BCP 47 tag."""

    id: str
    language: str
    sentences: list[str]
    speaker: Speaker

    @property
    def stimulus(self) -> str:
        """The id of its audio, ``lighthouse.en``: unlike ``id`` it differs between translations."""
        return f"{self.id}.{self.language}"


#: Who reads what, in the fixed order of the stories. Every voice reads two, so that a held-out story's is not new.
SPEAKERS = {
    "lighthouse.en": Speaker("en-us+f1", 160),
    "beekeeper.en": Speaker("en-us+f1", 165),
    "mapmaker.en": Speaker("en+m7", 160, 45),
    "orchestra.en": Speaker("en+m7", 165, 45),
    "lighthouse.es": Speaker("es+m3", 165),
    "train.es": Speaker("es+m3", 160),
    "bakery.es": Speaker("es+f2", 150),
    "bakery.eu": Speaker("eu+f4", 165),
    "school.eu": Speaker("eu+f4", 160),
    "shepherd.eu": Speaker("eu+m6", 160, 55),
}

#: Neither has a translation among the others: the official held-out stories of the simulated studies.
SPLIT = {"train": "val", "orchestra": "test"}


def stories() -> list[Story]:
    """All stories, in a fixed order, one sentence a list entry."""
    found = []
    for name, speaker in SPEAKERS.items():
        id_, language = name.split(".")
        text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        found.append(Story(id_, language, text.splitlines(), speaker))
    return found
