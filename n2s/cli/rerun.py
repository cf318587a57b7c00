"""``n2s rerun``: repeat a run from its record, and compare."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from n2s.cli.typed import typed

if TYPE_CHECKING:
    from n2s.training.run import Run


def rerun(run_dir: Path) -> None:
    """Train a run again from its config and seed, into a folder beside it, and compare the two to the bit.

    It first prints what else differs: versions, commit, data, hardware. A tested run is tested again. Exit status 0: the
    same checkpoints and numbers; 1: different ones. The same command continues a repetition that was stopped.

    Parameters
    ----------
    run_dir
        The finished run's folder. Run it in the folder where you ran fit: paths in the config may be relative.
    """
    from n2s.training.compare import check_finished, origins, results
    from n2s.training.run import Run

    run = Run(run_dir.expanduser().absolute())
    check_finished(run)
    again = _free(run)
    _command("fit", run, again, *_started_from(run))
    if (run.folder / "test.csv").is_file():
        _command("test", run, again)
    print(f"\ncompared: {run.folder} and {again.folder}")
    _tell("made from", origins(run, again))
    found = results(run, again)
    _tell("came out", found)
    equal = not any(found.values())
    print("the same, to the bit" if equal else "NOT the same")
    if not equal:
        sys.exit(1)


def _free(run: "Run") -> "Run":
    """The folder of the repetition: an unfinished one, or else a new one."""
    from n2s.training.run import Run

    count = 1
    while True:
        again = Run(run.folder.with_name(f"{run.name}_rerun{count if count > 1 else ''}"))
        if not again.folder.exists() or (again.exists() and not again.finished):
            return again
        count += 1


def _started_from(run: "Run") -> list[str]:
    checkpoint = run.read()["started_from"]
    return ["--ckpt_path", checkpoint] if checkpoint else []


def _command(verb: str, run: "Run", again: "Run", *words: str) -> None:
    """The command that a user would type."""
    from n2s.cli.main import main

    experiment, runs = run.folder.parent, run.folder.parents[1]
    places = ("--runs_dir", str(runs), "--experiment", experiment.name)
    environment = {"N2S_RUN": again.name, "N2S_RERUN_OF": run.name}
    typed(main, verb, "--config", str(run.config), *places, *words, environment=environment)


def _tell(what: str, differences: dict[str, list[str]]) -> None:
    for name, told in differences.items():
        print(f"  {what:9}  {name:13}  {'equal' if not told else '; '.join(told)}")
