"""Fewer batches than processes, in training, validation, test and prediction: no process waits for another for ever."""

import os
import subprocess
import sys
from pathlib import Path

import few_batches
import pytest
import torch

HERE = Path(__file__).parent
MANY = (2, 3)  # as even a split as can be, and an uneven one with processes left over
#: The uneven one, and as many batches as processes, are started with --nightly alone.
NUMBERS = [2, pytest.param(3, marks=pytest.mark.nightly)]
EXACT = ("contrastive", "sentences", "acoustic", "mel")  # nothing is drawn at random in their training
REFUSED = {
    "meg_acoustic": "decodes windows of MEG in one process",
    "meg_audio": "decodes windows of MEG in one process",
    "semantic": "is fitted by one process",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory, request):
    """By the number of processes: what each found."""
    many = MANY if request.config.getoption("--nightly") else MANY[:1]
    folder = tmp_path_factory.mktemp("few")
    paths = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
    command = [sys.executable, str(HERE / "few_batches.py"), str(folder), "1", *map(str, many)]
    variables = {"PYTHONPATH": paths, "PL_GLOBAL_SEED": "3", "N2S_CACHE": str(folder / "cache")}
    variables["COUNTS"] = "1 2" if len(many) > 1 else "1"
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-6000:]
    return {
        n: [torch.load(folder / str(n) / f"{rank}.pt", weights_only=False) for rank in range(n)] for n in (1, *many)
    }


def cases() -> list:
    nightly = {2: pytest.mark.nightly}
    counted = [
        pytest.param(name, count, marks=nightly.get(count, ()))
        for name in few_batches.COUNTED
        for count in few_batches.COUNTS
    ]
    return counted + [(name, count) for name in ("contrastive", "acoustic") for count in ("none", "none to train")]


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize(("name", "count"), cases())
def test_many_processes_are_one(found, n, name, count):
    """Weights and what was logged of a fit; scores of a test to the bit; every clip is predicted."""
    one = found[1][0][name, count]
    for rank in found[n]:
        mine = rank[name, count]
        assert mine["epoch"].keys() == one["epoch"].keys()
        if name in EXACT:
            assert mine["epoch"] == pytest.approx(one["epoch"], abs=1e-5)
            for key, value in one["trained"].items():
                torch.testing.assert_close(mine["trained"][key], value, rtol=0, atol=1e-5)
        for verb in ("validate", "test"):
            assert mine[verb] == pytest.approx(one[verb], abs=1e-5)
        assert_equal(mine["tested"], one["tested"])
    if count in few_batches.COUNTS:
        lengths = [[rows_of(part) for part in rank[name, count]["given by predict"]] for rank in found[n]]
        assert len({len(parts) for parts in lengths}) == 1  # as many steps
        given = sum(map(sum, lengths)) / (
            1 if name in ("contrastive", "sentences") else n
        )  # clips: each has all of them
        assert given == sum(rows_of(part) for part in one["given by predict"]) > 0


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", ["meg_acoustic", "meg_audio", "semantic"])
def test_what_one_process_has_to_do_is_refused(found, n, name):
    """At once and by all; a test of what needs no step works."""
    assert "refused" not in found[1][0][name, 1]
    for rank in found[n]:
        assert REFUSED[name] in rank[name, 1]["refused"]
        if name == "semantic":
            assert_equal(rank[name, 1]["tested"], found[1][0][name, 1]["tested"])


def rows_of(part: object) -> int:
    return len(part) if isinstance(part, torch.Tensor) else len(part.row)


def assert_equal(one: object, other: object) -> None:
    if isinstance(one, torch.Tensor):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    elif isinstance(one, tuple):
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    elif one is not None:
        assert_equal(tuple(vars(one).values()), tuple(vars(other).values()))
