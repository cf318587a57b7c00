"""Cards of public data sets as text: for ``n2s studies show``, and for the site."""

import re
import textwrap
from functools import cache
from pathlib import Path

import n2s
from n2s.errors import UserError
from n2s.studies.card import Card, Wall
from n2s.studies.study import Study

WIDTH = 100  # characters of a line

#: Name in ``expected`` -> what it counts, of one and of several.
COUNTS = {
    "subjects": ("person", "people"),
    "recordings": ("recording", "recordings"),
    "train_clips": ("training clip a person", "training clips a person"),
    "test_clips": ("test clip a person", "test clips a person"),
}
#: BCP 47 tag -> name, of the languages of the data sets.
LANGUAGES = {"en": "English", "nl": "Dutch", "fr": "French", "zh": "Chinese", "ja": "Japanese", "zxx": "no speech"}


def language_names(tags: str) -> str:
    """``en, zh`` -> ``English, Chinese``; a tag without a name stays."""
    return ", ".join(LANGUAGES.get(tag.strip(), tag.strip()) for tag in tags.split(","))


def counts(study: type[Study]) -> str:
    """What the whole data have, as the reader counts it: ``27 people, 196 recordings``."""
    named = ((count, COUNTS[what]) for what, count in (study.expected or {}).items())
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in named)


def steps(name: str, card: Card) -> list[str]:
    """How to get the data, one step a line."""
    if isinstance(card.source, Wall):
        return [f"{number}. {step}" for number, step in enumerate(card.source.steps, 1)]
    return [f"n2s studies download {name} --root FOLDER", f"from {card.source.where}"]


@cache
def overlays() -> dict[Path, str]:
    """Every overlay of a data set -> the command that fits with it, as its first lines say."""
    package = Path(n2s.__file__).parent
    folder = next((one for one in (package / "configs", package.parent / "configs") if one.is_dir()), package)
    found = {}
    for path in sorted(folder.glob("data*/*.yaml")):
        said = re.search(r"n2s fit +(.+)", path.read_text("utf-8"))
        if said:
            found[path] = f"n2s fit {said[1]}"
    return found


def fits_with(study: type[Study]) -> list[str]:
    """The commands of all overlays that name a study."""
    named = re.compile(rf"\bn2s\.studies\.{study.__name__}\b")
    return [command for path, command in overlays().items() if named.search(path.read_text("utf-8"))]


def card_of(study: type[Study]) -> Card:
    """The card of a public data set; a UserError of any other study."""
    if study.card is None:
        raise UserError(f"{study.__name__} is no public data set: it has no card. See n2s studies list.")
    return study.card


def card_lines(name: str, study: type[Study]) -> list[str]:
    """A card for the console, at most `WIDTH` characters a line, but commands and files whole.

    Parameters
    ----------
    name
        Of the data set on the command line.
    study
        Its reader.
    """
    card = card_of(study)
    size = "" if card.size_gb is None else f"; {card.size_gb:g} GB"
    facts = {
        "recorded": card.modality,
        "language": language_names(card.language),
        "people": f"{card.n_subjects}; {card.amount}",
        "n2s reads": counts(study),
        "licence": card.licence,
        "cite": card.citation,
        "access": f"{card.source.access}{size}",
    }
    lines = [f"{name}: {card.title}"]
    for what, text in facts.items():
        lines += _wrapped(text, first=f"  {what:11}", then=" " * 13)
    lines += ["", "Get it", *(line for step in steps(name, card) for line in _wrapped(step))]
    lines += ["", "Files", *(f"  {line}" for line in card.layout.splitlines())]
    if card.left_out:
        reasons: dict[str, list[str]] = {}
        for who, why in card.left_out.items():
            reasons.setdefault(why, []).append(who)
        lines += [
            "",
            "Left out",
            *(line for why, who in reasons.items() for line in _wrapped(f"{', '.join(who)}: {why}")),
        ]
    if card.notes:
        lines += ["", "To know", *_wrapped(card.notes)]
    if commands := fits_with(study):
        lines += ["", "Train with it", *(f"  {command}" for command in commands)]
    return lines


def _wrapped(text: str, *, first: str = "  ", then: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
