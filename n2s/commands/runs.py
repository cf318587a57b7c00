"""``n2s runs``: the runs that there are, how far they are, how well they do, and what they take on the disk."""

from pathlib import Path


def runs(
    experiment: str | None = None,
    runs_dir: Path | None = None,
    json: bool = False,
    delete: str | None = None,
    clean: bool = False,
    yes: bool = False,
) -> None:
    """List experiments and runs: state, age, the first score of the test beside chance, size. Delete what is not needed.

    Parameters
    ----------
    experiment
        Only the runs of this experiment.
    runs_dir
        Folder of experiments (default: N2S_RUNS, checkpoints).
    json
        Print the table as JSON.
    delete
        Delete this run: its name, or its folder. A run that trains is never deleted.
    clean
        Delete last.ckpt and W&B's files of finished runs; they can be tested as before, and W&B's are not to be sent any more.
    yes
        Delete without asking.
    """
    from dataclasses import asdict
    from json import dumps

    from n2s.errors import UserError, nearest
    from n2s.training import listing
    from n2s.training.run import runs_dir as usual_dir

    base = Path(runs_dir or usual_dir())
    if delete is not None:
        _delete(base, delete, yes=yes)
        return
    folders = listing.experiments(base)
    if experiment is not None:
        known = [one.name for one in folders]
        if experiment not in known:
            raise UserError(f"--experiment {experiment}: {base} has no runs of it.{nearest(experiment, known)}")
        folders = [base / experiment]
    found = [one for folder in folders for one in listing.every(folder)]
    if clean:
        _clean(found, yes=yes)
    elif json:
        print(dumps([asdict(one) for one in found], indent=1))
    elif found:
        _table(found)
    else:
        print(f"no runs in {base} yet. Next: n2s fit --config meg_contrastive")


def _table(found: list) -> None:
    import os

    from rich.console import Console
    from rich.table import Table

    from n2s.training.listing import RUNNING, STOPPED, age, told_bytes

    table = Table("experiment", "run", "state", "age", "score", "beside", "size", box=None)
    table.columns[1].no_wrap = True
    last = ""
    for one in found:
        name = "" if one.experiment == last else one.experiment
        table.add_row(name, one.run, one.state, age(one.started), one.told, one.beside, told_bytes(one.n_bytes))
        last = one.experiment
    console = Console()
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console = Console(width=160)
    console.print(table)
    states = [one.state for one in found]
    count = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    console.print(
        f"\n{len(found)} run{'s' if len(found) != 1 else ''} ({count}), {told_bytes(sum(one.n_bytes for one in found))}",
        highlight=False,
    )
    if STOPPED in states:
        print("a stopped run goes on with the command that began it (in its run.json)")
    if set(states) - {RUNNING}:
        print("next: n2s runs --clean, or n2s runs --delete RUN, frees space")


def _delete(base: Path, name: str, *, yes: bool) -> None:
    import shutil

    from n2s.errors import UserError, first_of, nearest
    from n2s.training.listing import RUNNING, listed, n_bytes, told_bytes
    from n2s.training.run import Run

    places = (
        [Path(name)]
        if (Path(name) / "run.json").is_file()
        else [path.parent for path in base.glob(f"*/{name}/run.json")]
    )
    if not places:
        known = [path.parent.name for path in base.glob("*/*/run.json")]
        raise UserError(f"--delete {name}: {base} has no such run.{nearest(name, known)} n2s runs lists them.")
    if len(places) > 1:
        raise UserError(f"--delete {name}: there are {first_of(places)}. Name the folder of one.")
    (folder,) = places
    if listed(Run(folder)).state == RUNNING:
        raise UserError(f"--delete {name}: a process trains in {folder}. Stop it first; nothing was deleted.")
    size = told_bytes(n_bytes(folder))
    _ask(f"Delete {folder} ({size})? It cannot be brought back.", yes=yes)
    shutil.rmtree(folder)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()
    print(f"deleted: {folder}; {size} are free")


def _clean(found: list, *, yes: bool) -> None:
    import shutil

    from n2s.training.listing import DAMAGED, clutter, n_bytes, told_bytes
    from n2s.training.run import Run

    left = [path for one in found if one.state != DAMAGED for path in clutter(Run(Path(one.folder)))]
    if not left:
        print("nothing to clean: no finished run has a last.ckpt beside its best.ckpt, or files of W&B.")
        return
    size = told_bytes(sum(map(n_bytes, left)))
    runs = {path.parent for path in left}
    _ask(
        f"Delete last.ckpt and W&B's files of {len(runs)} finished runs ({size})? What W&B has not been sent is lost.",
        yes=yes,
    )
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"deleted: {len(left)} files and folders of {len(runs)} runs; {size} are free")


def _ask(question: str, *, yes: bool) -> None:
    import sys

    from n2s.errors import UserError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{question} Nobody can be asked here: add --yes. Nothing was deleted.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("nothing was deleted.")
