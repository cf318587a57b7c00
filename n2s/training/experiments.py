"""Names of experiments: the recipe and its overlays, so that different data never share a folder."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from n2s.errors import UserError
from n2s.training.choose_run import listed, shown
from n2s.training.run import Run, originals, runs_dir

JOIN = "+"
LONGEST = 120  # longest name: folders below it need room in a path, too


def experiment_name(configs: Sequence[Path]) -> str:
    """The names of the files of ``--config``, joined: ``base+gwilliams2022_mel``.

    Raises
    ------
    UserError
        There is no file, or the name is too long.
    """
    if not configs:
        raise UserError("an experiment needs a name: give --config FILE, or --experiment NAME.")
    name = JOIN.join(dict.fromkeys(Path(path).stem for path in configs))
    if len(name) > LONGEST:
        raise UserError(f"the experiment would be called {name}: too long for a folder. Name it: --experiment NAME.")
    return name


def with_overlays(given: str, own: str) -> list[str]:
    """Possible names of an earlier stage, the most likely first: its recipe with the overlays of this one, or with some of them.

    Parameters
    ----------
    given
        The name of the earlier recipe, ``fmri_semantic``.
    own
        This experiment: ``fmri_acoustic+lebel2023+large``.
    """
    overlays = own.split(JOIN)[1:]
    sizes = range(len(overlays), -1, -1)
    return [JOIN.join([given, *some]) for size in sizes for some in combinations(overlays, size)]


def trained_run(given: str, own: Path, *, key: str, recipe: str) -> Run:
    """The run of an earlier stage: a folder, or the newest run of an experiment that has weights.

    An experiment with the same overlays comes first, then with some of them, then without any.

    Parameters
    ----------
    given
        The folder; a relative path is searched here and below the folder of experiments.
    own
        The folder of this experiment.
    key, recipe
        The key of this recipe, and the recipe that trains such a run: for the message.

    Raises
    ------
    UserError
        There is none.
    """
    names = with_overlays(given, own.name)
    folders = [Path(given).expanduser(), *(beside / name for name in names for beside in (own.parent, runs_dir()))]
    places = list(dict.fromkeys(folder.absolute() for folder in folders))
    for place in places:
        for run in [Run(place)] if Run(place).exists() else originals(place):
            if run.weights.is_file():
                return run
    recipes = {
        path.name for one in {own.parent, runs_dir()} for path in one.glob(f"{Path(given).name}*") if originals(path)
    }
    beside = f" There are {listed(sorted(recipes))}." if recipes else ""
    overlays = f" and the overlays {listed(own.name.split(JOIN)[1:])}" if JOIN in own.name else ""
    raise UserError(
        f"{key}: no trained run at {' or '.join(str(shown(place)) for place in places)}.{beside} First: n2s fit --config "
        f"{recipe}{overlays} with the same data; or name the run's folder."
    )
