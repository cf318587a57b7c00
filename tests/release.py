"""Build the distribution, and check all that can be checked without uploading it: ``make release``."""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Exit with a sentence at the first thing that is wrong."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "n2s/__init__.py").read_text())[1]
    heading = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    check(
        re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading),
        f"CHANGELOG.md begins with '{heading}'; expected '{version} (year-month-day)'.",
    )
    cited = re.search(r"^version: \"?([\w.]+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    check(cited and cited[1] == version, f"CITATION.cff says version {cited and cited[1]}; expected {version}.")
    check(not run("git", "status", "--porcelain").strip(), "the working tree has changes: commit them first.")
    tags = run("git", "tag", "--points-at", "HEAD").split()
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", str(dist))
    files = sorted(str(path) for path in dist.iterdir())
    print(run(sys.executable, "-m", "twine", "check", "--strict", *files))
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "check_wheel_contents", "--ignore", "W009,W004", str(wheel))
    check_wheel(wheel)
    in_an_empty_folder(wheel, version)
    print(f"built: {', '.join(Path(one).name for one in files)}")
    print(
        "tagged"
        if f"v{version}" in tags
        else f"next: git tag -a v{version} -m 'n2s {version}', then upload dist/ with twine"
    )


def check_wheel(wheel: Path) -> None:
    """Recipes, demo weights, page parts and types are in it, and nothing that is not the package."""
    names = zipfile.ZipFile(wheel).namelist()
    recipes = {f"n2s/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*.yaml")}
    recipes |= {f"n2s/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "checkpoints" / "demo").rglob("*.*")}
    beside = {
        f"n2s/{path.relative_to(ROOT / 'n2s').as_posix()}"
        for path in (ROOT / "n2s").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    lacks = sorted((recipes | beside) - set(names))
    check(not lacks, f"{wheel.name} lacks {', '.join(lacks[:5])}.")
    other = [name for name in names if not name.startswith(("n2s/", f"n2s-{wheel.name.split('-')[1]}.dist-info/"))]
    check(not other, f"{wheel.name} holds {', '.join(other[:5])}.")


def in_an_empty_folder(wheel: Path, version: str) -> None:
    """The wheel alone, in a folder without a checkout, beside the packages of this environment."""
    with tempfile.TemporaryDirectory() as made:
        target, work = Path(made) / "installed", Path(made) / "work"
        work.mkdir()
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel))
        for words, expected in (
            (["--version"], f"n2s {version}"),
            (["recipes"], "meg_contrastive"),
            (["fit", "--config", "meg_contrastive", "--print_config"], "n2s.systems.Contrastive"),
        ):
            code = f"import sys; sys.path.insert(0, {str(target)!r}); import n2s.__main__ as m; assert m.__file__.startswith({made!r}); m.main()"
            found = run(sys.executable, "-c", code, *words, cwd=work)
            check(expected in found, f"n2s {' '.join(words)} printed no {expected!r} but {found[:300]!r}.")


def run(*words: str, cwd: Path = ROOT) -> str:
    """What a command prints; the end if it fails."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
    check(done.returncode == 0, f"{' '.join(words[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def check(good: object, otherwise: str) -> None:
    """End with a sentence."""
    if not good:
        sys.exit(f"release: {otherwise}")


if __name__ == "__main__":
    main()
