"""Recipes run for a moment: one step of training, one batch of validation, a test; and what that leaves."""

import json
from pathlib import Path

CONFIGS = Path(__file__).parents[1] / "configs"

#: One step on a CPU, in this process. Everything else of a recipe stays as it is.
STEP = {
    "trainer.accelerator": "cpu",
    "trainer.max_epochs": 1,
    "trainer.limit_train_batches": 1,
    "trainer.limit_val_batches": 1,
    "trainer.num_sanity_val_steps": 0,
    "trainer.enable_progress_bar": "false",
    "trainer.enable_model_summary": "false",
    "data.n_jobs": 1,
}


def step_and_test(run_n2s, *recipes: Path, verbs: tuple[str, ...] = ("fit", "test"), **changes: object) -> dict:
    """Run ``n2s fit`` for a step and ``n2s test`` on some recipes, one laid over the other; give the scores of the test.

    Parameters
    ----------
    run_n2s
        The fixture that runs a command in this process. The working folder must be the test's own.
    recipes
        Paths, absolute or below ``configs``.
    verbs
        The commands, in this order.
    changes
        Options over `STEP`, with ``__`` for a dot: ``data__batch_size=8`` is ``--data.batch_size 8``. Beside each, the
        test says why the recipe's own value cannot stay.

    Returns
    -------
    What ``metrics.json`` of the newest test holds, {} where no verb writes one.
    """
    options = STEP | {name.replace("__", "."): value for name, value in changes.items()}
    words = [word for path in recipes for word in ("--config", CONFIGS / path)]
    words += [word for name, value in options.items() for word in (f"--{name}", value)]
    for verb in verbs:
        status, out, err = run_n2s(verb, *words)
        assert status == 0, f"n2s {verb} {' '.join(map(str, words))}\n{err}\n{out[-2000:]}"
    written = sorted(Path("checkpoints").rglob("metrics.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(written[-1].read_text())["test"] if written else {}
