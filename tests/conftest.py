"""One thread a process, an own cache, and the folder of real files where it is at hand."""

import gc
import os
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["WANDB_MODE"] = "disabled"
STARTED_IN = Path.cwd()

# First: Python keeps one object for Optional[Union[int, float]] and Optional[Union[float, int]]. If a library with the second
# is imported before Lightning, the option limit_val_batches 1 becomes 1.0, all batches. The command imports Lightning first.
import joblib  # noqa: E402
import lightning.pytorch  # noqa: E402, F401
import pytest  # noqa: E402
import wandb  # noqa: E402
from joblib.externals.loky import reusable_executor  # noqa: E402

from n2s import __main__ as command  # noqa: E402
from n2s.report import page, picture  # noqa: E402


def pytest_addoption(parser):
    """``--nightly``: also what shows again, for other data, what another test shows."""
    parser.addoption("--nightly", action="store_true", help="also tests that repeat others for other data")


def pytest_collection_modifyitems(config, items):
    """Files with slow tests come first: one of them at the end would keep one process busy while the others have nothing."""
    if not config.getoption("--nightly"):
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """What was imported and collected stays: without this, every collection of garbage looks at it again, for half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Never the user's cache: one a test run, shared by its tests, as a user's is by their runs."""
    monkeypatch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session", autouse=True)
def in_this_process():
    """Whatever ``n_jobs`` is: a process of joblib imports everything anew, 8 s each. `processes` has them again."""
    with joblib.parallel_config(backend="sequential"):
        yield


@pytest.fixture
def processes(in_this_process):
    """As many processes as ``n_jobs`` says: for tests of what they share, and of what ends them."""
    with joblib.parallel_config(backend="loky"):
        yield


@pytest.fixture(scope="session", autouse=True)
def coarse_figures():
    """Pages have figures of a tenth of the pixels: to draw and to pack them is a third of a small run."""
    true = page.on_whole_pixels

    def coarse(figure):
        figure.set_dpi(40)
        return true(figure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "on_whole_pixels", coarse)
        patch.setattr(picture, "svg_of", lambda figure: None)  # the same drawn again: tests of it alone make it
        yield


@pytest.fixture(autouse=True)
def own_processes(monkeypatch):
    """Joblib keeps its processes for the next test, in the folder where they were started, which pytest removes."""
    yield
    try:
        moved = Path.cwd() != STARTED_IN  # monkeypatch goes back later than this
    except FileNotFoundError:
        moved = True
    if moved and reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(wait=True)


@pytest.fixture
def own_wandb(monkeypatch):
    """W&B as a new process finds it, offline: what an earlier test of this process has set up stays (disabled, too)."""
    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield
    wandb.teardown()


@pytest.fixture
def run_n2s(monkeypatch, capsys):
    """Run the command in this process: words -> (exit status, stdout, stderr)."""

    def run(*words) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["n2s", *map(str, words)])
        status = 0
        try:
            command.main()
        except SystemExit as stopped:
            status = stopped.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings and sounds; tests that need it skip where it is absent."""
    root = Path(os.environ.get("N2S_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no real files at {root}: set N2S_TEST_DATA to their folder")
    return root
