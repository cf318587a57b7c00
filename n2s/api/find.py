"""Find what a trained run is made of: its folder, the newest of an experiment, an export, or an export on the Hugging Face Hub."""

import re
from functools import cache
from pathlib import Path

import n2s
from n2s.api.bundle import CONFIG, Bundle
from n2s.api.hub_errors import hub_errors
from n2s.errors import UserError, nearest
from n2s.own_code import find_beside
from n2s.training.run import Run, originals, runs_dir


def found(what: str | Path, *, revision: str | None = None) -> Bundle:
    """See `n2s.load`."""
    given = Path(what).expanduser()
    demo = [demos_dir() / given.name] if given.parts[:-1] == ("demo",) else []
    for place in dict.fromkeys((given, runs_dir() / given, *demo)):
        if place.is_file() and place.suffix == ".ckpt":
            place = place.parent
        if not place.is_dir():
            continue
        find_beside([place / "run.json"])
        if Run(place).exists():
            return Bundle.of_run(Run(place))
        if (place / CONFIG).is_file():
            return Bundle.of_export(place)
        runs = [run for run in originals(place) if run.weights.is_file()]
        if runs:
            return Bundle.of_run(runs[0])
        if originals(place):
            raise UserError(
                f"{place}: none of its {len(originals(place))} runs has weights yet. The same `n2s fit` command goes on."
            )
        folds = [run for run in place.glob("*/folds") if run.is_dir()]
        if folds:
            raise UserError(
                f"{place}: its runs are cross-validated: every fold has its own weights. Name one, such as {folds[0] / '1'}."
            )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(what)) and not demo and not given.parent.is_dir():
        return Bundle.of_export(_downloaded(str(what), revision))
    known = [one.name for one in runs_dir().glob("*") if one.is_dir()]
    known += [f"demo/{one.name}" for one in demos_dir().glob("*") if (one / CONFIG).is_file()]
    raise UserError(
        f"no run at {given}.{nearest(given.name, known)} Expected the folder of a run or of an experiment (checkpoints/...), an export of `n2s export`, or "
        "an id of the Hugging Face Hub (lab/decoder)."
    )


@cache
def demos_dir() -> Path:
    """The folder of the small weights that n2s brings along: in the package as it is installed, beside it in a checkout."""
    package = Path(n2s.__file__).parent
    places = [one / "checkpoints" / "demo" for one in (package, package.parent)]
    return next((one for one in places if one.is_dir()), places[0])


def _downloaded(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    asked = "no such folder here, and the Hugging Face Hub does not give it ({}). Check the name and the network; private ones need HF_TOKEN."
    with hub_errors(f"{name}: {asked}"):
        return Path(snapshot_download(name, revision=revision, allow_patterns=["*.json", "*.safetensors", "README.md"]))
