"""Every Python block of README and of the site runs; every command is one that the program takes, with recipes that tests run."""

import doctest
import re
import sys
from pathlib import Path

import pytest
import yaml
from docs_pages import ROOT, Block, blocks, commands, pages

CONFIGS = ROOT / "configs"
PAGES = {str(page.relative_to(ROOT)): blocks(page) for page in pages()}
#: Verbs that take recipes, and are parsed with them.
RECIPES = ("fit", "test", "validate", "predict")
#: What pages write as an overlay, by the name that their commands give it.
WRITTEN = re.compile(r"\A# (\S+\.yaml)\n")


def python(page: str) -> list[Block]:
    """Blocks that run, and the hidden ones between them."""
    found = [block for block in PAGES[page] if block.kind in ("python", "pycon", "hidden")]
    return found if any(block.kind != "hidden" for block in found) else []


def told(kind: str) -> list:
    """(page) for every page with console blocks, or with Python."""
    have = {"python": python, "console": lambda page: [b for b in PAGES[page] if b.kind == "console"]}[kind]
    return [page for page in PAGES if have(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", told("python"))
def test_python_of_a_page_runs(page, empty_folder):
    space, outputs = {"__name__": "page"}, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for block in python(page):
        if block.said.startswith("skip"):
            continue
        if block.kind == "pycon":
            example = doctest.DocTestParser().get_doctest(block.text, space, block.where, str(block.page), block.line)
            failed = doctest.DocTestRunner(optionflags=outputs, verbose=False).run(example, clear_globs=False).failed
            assert not failed, f"{block.where}: its output is another"
        else:
            exec(compile("\n" * block.line + block.text, block.where, "exec"), space)  # noqa: S102 (our own pages)


def every_command() -> dict[tuple[str, ...], str]:
    """Words -> where it stands first."""
    found: dict[tuple[str, ...], str] = {}
    for page_blocks in PAGES.values():
        for block in page_blocks:
            if block.kind == "console" and not block.said.startswith("skip"):
                for words in commands(block):
                    found.setdefault(tuple(words), block.where)
    return found


COMMANDS = every_command()


def given_recipes(words: tuple[str, ...]) -> tuple[str, ...]:
    """What stands after --config."""
    pairs = zip(words, words[1:], strict=False)
    return tuple(word for before, word in pairs if before in ("--config", "--trainer"))


def test_no_page_names_a_recipe_that_is_not_there():
    own = {path.name for path in (ROOT / "docs" / "extend").glob("*.yaml")} | set(overlays())
    for words, where in COMMANDS.items():
        for name in given_recipes(words):
            assert name in own or (CONFIGS / f"{name.removesuffix('.yaml')}.yaml").is_file(), f"{where}: {name}"


def overlays() -> dict[str, str]:
    """Name -> text of the overlays that pages write: blocks of YAML whose first line is their name."""
    every = (block for page_blocks in PAGES.values() for block in page_blocks if block.kind == "yaml")
    return {found[1]: block.text for block in every if (found := WRITTEN.match(block.text))}


def test_blocks_of_yaml_are_yaml():
    for page_blocks in PAGES.values():
        for block in page_blocks:
            if block.kind == "yaml":
                assert isinstance(yaml.safe_load(block.text), dict), block.where


#: One command for each set of recipes and options: fit, test and predict share their parser.
PARSED = {}
for _words in COMMANDS:
    if _words[0] in RECIPES and not {"--help", "-h"} & {word.rpartition(".")[2] for word in _words}:
        PARSED.setdefault(_words[1:], _words)


@pytest.mark.slow
@pytest.mark.parametrize("words", PARSED.values(), ids=" ".join)
def test_commands_with_recipes_are_parsed(words, empty_folder, run_n2s, monkeypatch):
    for name, text in overlays().items():
        (empty_folder / name).write_text(text, "utf-8")
    for path in (ROOT / "docs" / "extend").glob("*"):
        (empty_folder / path.name).write_bytes(path.read_bytes())
    for own in ("my_study", "my_feature", "my_network", "my_loss", "my_metric", "my_system"):
        sys.modules.pop(own, None)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (empty_folder / "my_folder").mkdir(exist_ok=True)
    status, out, err = run_n2s(*words, "--print_config")
    assert status in (0, None), f"{COMMANDS[words]}: n2s {' '.join(words)}\n{err}"
    assert "class_path" in out


def option_names(words: tuple[str, ...]) -> list[str]:
    """Options as they are written."""
    return [word.partition("=")[0] for word in words if word.startswith("--")]


OTHERS = {words: where for words, where in COMMANDS.items() if words[0] not in RECIPES}


@pytest.mark.slow
@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_other_commands_exist_with_their_options(words, empty_folder, run_n2s):
    verb = words[:2] if words[0] == "studies" else words[:1]
    status, out, err = run_n2s(*verb, "--help")
    assert status in (0, None), f"{OTHERS[words]}: n2s {' '.join(words)}\n{err}"
    missing = [
        name
        for name in option_names(words)
        if name not in out and not name.startswith(("--data.", "--model.", "--trainer."))
    ]
    assert not missing, f"{OTHERS[words]}: n2s {' '.join(verb)} has no {', '.join(missing)}"


#: Named by their page's commands, which a test runs; or why none can.
RUN_OTHERWISE = {
    "own_bids.yaml": "tests/checks/test_example.py runs the commands of own_recordings.md",
    "fast_gpu.yaml": "compiles for a GPU; test_recipes.py parses it",
    "trainer/a100.yaml": "needs GPUs; test_recipes.py parses it",
    "data_fusion/petit_prince.yaml": "needs the data set; test_recipes.py parses it, and the readers have tests",
    "data_linear/accou2024.yaml": "needs the data set; test_recipes.py parses it, and its reader has tests",
}
#: Folders of overlays of which tests take every file, by its folder.
WHOLE_FOLDERS = {"data": "test_recipes_run.py", "data_fmri": "test_recipes_run.py"}
RUNNING = ("step_and_test", '"fit"', "n2s.fit", "trainer.fit", "fit_and_test", "verb in")


def files_that_run(recipe: Path) -> list[str]:
    """Tests outside this folder that name a recipe and fit one."""
    folder = recipe.relative_to(CONFIGS).parts[0]
    if folder in WHOLE_FOLDERS:
        return [WHOLE_FOLDERS[folder]]
    named = re.compile(rf"(?<![\w-]){re.escape(recipe.stem)}(?:\.yaml)?\b")
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text("utf-8")
        if path.parent != Path(__file__).parent and named.search(text) and any(word in text for word in RUNNING):
            found.append(path.name)
    return found


def test_every_recipe_of_a_page_is_run_small_by_a_test():
    named = {(CONFIGS / f"{name.removesuffix('.yaml')}.yaml") for words in COMMANDS for name in given_recipes(words)}
    nobody = [str(path.relative_to(CONFIGS)) for path in sorted(named) if path.is_file() and not files_that_run(path)]
    nobody = [name for name in nobody if name not in RUN_OTHERWISE]
    assert not nobody, f"no test fits {', '.join(nobody)}"
