"""The house: imports run one way, no two rooms import each other, and rooms are small."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "n2s"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
#: From top to bottom: a folder may import itself and what stands below it.
FLOORS = (
    "__main__", "tasks", "cli", "commands", "checks", "api", "systems", "decoding", "evaluation", "listening", "alignment", "fetch",
    "training", "profiling", "report", "data", "features", "models", "corpora", "studies", "metrics", "losses", "config_classes",
    "interrupts", "own_code", "progress", "paths", "findings", "options", "errors", "n2s",
)  # fmt: skip
STUDIES = ("__init__", "public", "own", "simulated", "readers", "study")  # study: the files that lie in studies/ itself


def imports(module: str) -> set[str]:
    """Modules of n2s that a module imports, inside functions and for annotations, too."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(one.name for one in node.names if one.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{one.name}" for one in node.names]
            found.update(name if name in MODULES else node.module for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(MODULES[module].read_text("utf-8")))
    return {name for name in found if name in MODULES} - {module}


ARROWS = {module: imports(module) for module in MODULES}


def folder(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "n2s"


def part_of_studies(module: str) -> str:
    parts = module.split(".")[2:]
    return "__init__" if not parts else parts[0] if parts[0] in STUDIES else "study"


def test_every_folder_has_its_floor():
    assert {folder(module) for module in MODULES} <= set(FLOORS)


def test_imports_run_down():
    up = [
        f"{module} -> {other}"
        for module, others in ARROWS.items()
        for other in others
        if FLOORS.index(folder(module)) > FLOORS.index(folder(other))
    ]
    assert not up


def test_imports_of_studies_run_down():
    up = [
        f"{module} -> {other}"
        for module, others in ARROWS.items()
        for other in others
        if folder(module) == folder(other) == "studies"
        and STUDIES.index(part_of_studies(module)) > STUDIES.index(part_of_studies(other))
    ]
    assert not up


def test_no_circles():
    left = {module: set(others) for module, others in ARROWS.items()}
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"these import each other: {sorted(left)}"


def test_rooms_are_small():
    lines = {module: len(path.read_text("utf-8").splitlines()) for module, path in MODULES.items()}
    assert sorted(lines.values())[len(lines) // 2] <= 150
    assert not {module: n for module, n in lines.items() if n > 350}


def test_the_report_knows_results_alone():
    known = {other for module, others in ARROWS.items() if folder(module) == "report" for other in others}
    assert {folder(name) for name in known} <= {"report", "metrics", "paths", "errors"}


@pytest.mark.parametrize("name", ["Contrastive", "Semantic", "Acoustic", "Spectrogram", "BrainAudio"])
def test_no_system_is_named_outside_its_room(name):
    """A new system is one file: no list elsewhere names any."""
    named = [
        module
        for module, path in MODULES.items()
        if folder(module) not in ("systems", "tasks", "n2s")
        and re.search(rf"\bimport .*\b{name}\b", path.read_text("utf-8"))
    ]
    assert not named


def test_files_of_tests_have_names_of_their_own():
    """Pytest imports them by their names: two of one name cannot be collected together."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert not {name for name in names if names.count(name) > 1}
