"""A run's folder as ``n2s fit`` makes it, for tests that use callbacks without the command."""

from pathlib import Path

from n2s.training.run import FINISHED, Run


def new_run(folder: Path, config: str = "{}") -> Run:
    """A folder with ``config.yaml`` and ``run.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config)
    run = Run(folder)
    run.update(id="abc", status=FINISHED, started="2024-01-01", started_from=None, resumed=[])
    return run
