"""What is wrong with the recipes of a command before they are parsed: an overlay alone, the wrong order, text for keys."""

import re
from pathlib import Path

from n2s.cli.class_help import read_recipe
from n2s.cli.recipes import shown_name
from n2s.cli.yaml_files import files, text
from n2s.errors import UserError

GROUPS = ("data", "model")
#: Keys of a file for ``--trainer``, whose keys are the Trainer's own.
TRAINER_KEYS = {"accelerator", "devices", "num_nodes", "strategy", "precision", "max_epochs"}


def check_recipes(words: list[str]) -> None:
    """Raise a UserError if the recipes of a command cannot be one.

    Parameters
    ----------
    words
        The words of the command line, with paths in place of names.
    """
    recipes = {path: read_recipe(path) for path in files(words, ("--config", "-c"))}
    for path, recipe in recipes.items():
        _check_text(path, recipe)
        if not {"data", "model", "trainer"} & recipe.keys() and TRAINER_KEYS & recipe.keys():
            name = shown_name(path)
            raise UserError(f"{name} has options of the Trainer alone, for another option: --trainer {name}.")
    if not all(recipes.values()) or any(re.match(r"--(data|model)\b", word) for word in words):
        return  # a file without keys and values is told by the parser; the classes may be options
    whole = {group: [path for path, recipe in recipes.items() if _has_class(recipe, group)] for group in GROUPS}
    parts = [path for path in recipes if not any(path in whole[group] for group in GROUPS)]
    if parts and not any(whole.values()):
        raise UserError(
            f"{shown_name(parts[0])} lies over a recipe, and is none itself: name the recipe first, as in\n  {_example(parts[0])}"
        )
    for group in GROUPS:
        early = next((path for path, recipe in recipes.items() if group in recipe), None)
        if early is not None and whole[group] and early not in whole[group]:
            first = whole[group][0]
            raise UserError(
                f"{shown_name(early)} lies over a recipe, and is named before it. The recipe comes first: "
                f"--config {shown_name(first)} --config {shown_name(early)}."
            )


def _has_class(recipe: dict, group: str) -> bool:
    return isinstance(recipe.get(group), dict) and "class_path" in recipe[group]


def _example(overlay: Path) -> str:
    """The command that an overlay's first lines have, or one like it."""
    said = re.search(r"n2s fit +(.+)", text(overlay))
    if said:
        return "n2s fit " + re.sub(r"--config configs/([\w/]+)\.yaml", r"--config \1", said[1]).strip()
    return f"n2s fit --config meg_contrastive --config {shown_name(overlay)}"


def _check_text(path: Path, recipe: dict) -> None:
    for group in (*GROUPS, "trainer"):
        value = recipe.get(group)
        if isinstance(value, str) and (" " in value or not (path.parent / value).is_file()) and "." not in value:
            line = next((n for n, one in enumerate(text(path).splitlines(), 1) if value in one), 1)
            raise UserError(
                f"{path}, line {line}: {group} is the text '{value}'; expected keys and values below it, as in `max_epochs: 3`. Is a "
                "colon missing?"
            )
