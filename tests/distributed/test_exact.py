"""1, 2 and 4 processes are one: the same loss, gradients, weights and scores, with batches that they cannot share evenly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trainings

from n2s.losses import ClipLoss

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
MANY = (2, 4)
#: Four processes are started with --nightly alone.
NUMBERS = [2, pytest.param(4, marks=pytest.mark.nightly)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trainings")


@pytest.fixture(scope="module")
def found(folder, request):
    """By the number of processes: what each found."""
    many = MANY if request.config.getoption("--nightly") else MANY[:1]
    paths = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
    command = [sys.executable, str(HERE / "trainings.py"), str(folder), "1", *map(str, many)]
    seeded = {"PL_GLOBAL_SEED": "3"}  # as the command leaves it: Lightning seeds several processes with it once more
    done = subprocess.run(
        command,
        env=os.environ | seeded | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=150,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return {
        n: [torch.load(folder / str(n) / f"{rank}.pt", weights_only=False) for rank in range(n)] for n in (1, *many)
    }


def differ(one: dict, other: dict) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize("name", ["paper", "paper, float32", "symmetric"])
@pytest.mark.parametrize("n", NUMBERS)
def test_gradients_of_the_embeddings_are_those_of_one_process(found, n, name):
    (reference,) = (one["tables"][name] for one in found[1])
    assert float(reference["estimates"].abs().max()) > 1e-2  # there is something to compare
    for rank in found[n]:
        assert differ(rank["tables"][name], reference) < (1e-6 if "float32" in name else 1e-12)


def test_one_process_is_the_closed_form(found):
    """Softmax less identity, by hand; 3 and 7 are of one segment and no negatives of each other."""
    start = trainings.Tables(ClipLoss(), "all")
    estimate, candidate = start.estimates.detach().flatten(1), start.candidates.detach().flatten(1)
    unit = candidate / candidate.norm(dim=1, keepdim=True)
    scores = estimate @ unit.T
    scores[3, 7] = scores[7, 3] = -torch.inf
    gradient = (scores.softmax(1) - torch.eye(trainings.N)) @ unit / trainings.N
    mine = found[1][0]["tables"]["paper"]
    torch.testing.assert_close(mine["estimates"].flatten(1), gradient, rtol=0, atol=1e-7)
    torch.testing.assert_close(mine["loss"].double(), -scores.log_softmax(1).diag().mean(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", NUMBERS)
def test_negatives_of_one_process_alone(found, n):
    """The loss is the mean over windows of each among its own process' candidates: 11 windows, 6 and 5, or 3, 3, 3 and 2."""
    start = trainings.Tables(ClipLoss(), "process")
    order = np.random.default_rng([0, 0]).permutation(trainings.N)
    total = torch.zeros((), dtype=torch.float64)
    for rank in range(n):
        rows = torch.from_numpy(order[rank::n])
        ids = torch.where(rows == 7, 3, rows)
        total = total + len(rows) * start.loss(
            start.estimates[rows], start.candidates[rows], estimate_ids=ids, candidate_ids=ids
        )
    (total / trainings.N).backward()
    for rank in found[n]:
        mine = rank["tables"]["process"]
        torch.testing.assert_close(mine["estimates"], start.estimates.grad, rtol=0, atol=1e-12)
        torch.testing.assert_close(mine["candidates"], start.candidates.grad, rtol=0, atol=1e-12)
        torch.testing.assert_close(mine["loss"].double(), total.detach() / trainings.N, rtol=0, atol=1e-6)
    assert abs(float(found[n][0]["tables"]["process"]["loss"] - found[1][0]["tables"]["paper"]["loss"])) > 0.1


@pytest.mark.parametrize("n", NUMBERS)
def test_a_whole_model_is_trained_alike(found, n):
    """Two epochs of uneven batches: weights, losses, ranks in validation."""
    (one,) = (rank["whole"] for rank in found[1])
    assert differ(one["trained"], trainings.model().state_dict()) > 1e-2  # it has learnt
    for rank in found[n]:
        assert differ(rank["whole"]["trained"], one["trained"]) < 1e-5
        assert len(rank["whole"]["epochs"]) == 2
        for mine, reference in zip(rank["whole"]["epochs"], one["epochs"], strict=True):
            assert mine == pytest.approx(reference, abs=1e-5)
            assert {"train/loss", "val/loss", "val/top10"} <= set(mine)


@pytest.mark.parametrize("n", NUMBERS)
def test_batch_norm_of_each_process_is_validated_alike(found, n):
    """Its running statistics differ from process to process while training; validation takes those of a checkpoint."""
    one, *others = (rank["own statistics"] for rank in found[n])
    for other in others:
        assert differ(one["state"], other["state"]) == 0 and one["epoch"] == other["epoch"]
    assert differ(one["state"], found[1][0]["own statistics"]["state"]) > 1e-4  # what SyncBatchNorm is for


@pytest.mark.parametrize("n", NUMBERS)
def test_a_subject_may_be_absent_from_a_process(found, n):
    """Some step of some process lacks a subject that another has: its layer still learns as in one process."""
    steps = zip(*(rank["whole"]["subjects"] for rank in found[n]), strict=True)
    assert any(len(set(map(tuple, step))) > 1 for step in steps)
    assert "encoder.subjects.weights" in found[n][0]["whole"]["trained"]  # compared above


@pytest.mark.parametrize("n", NUMBERS)
def test_scores_of_a_test_are_the_same_to_the_bit(found, folder, n):
    one = found[1][0]["whole"]["tested"]
    assert one[1].std(0).min() > 0 and one[0].tolist() == list(range(48))
    for rank in found[n]:
        assert all(torch.equal(a, b) for a, b in zip(one, rank["whole"]["tested"], strict=True))
    kept = [folder / str(count) / "run" for count in (1, n)]
    scores = [json.loads((place / "metrics.json").read_text()) for place in kept]
    assert scores[0] == scores[1] and scores[0]["test"]["n_windows"] == 48
    arrays = [np.load(place / "test" / "test" / "arrays.npz") for place in kept]
    assert arrays[0].files == arrays[1].files
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0].files)


@pytest.mark.parametrize("n", NUMBERS)
def test_further_negatives_are_shared(found, n):
    """All processes see the same candidates, as many as one process sees; the loss is that of one process with them."""
    seen = [rank["further"]["seen"] for rank in found[n]]
    candidates, ids = seen[0][2], seen[0][5]
    assert len(candidates) == len(found[1][0]["further"]["seen"][2]) == 14 + 7
    assert all(torch.equal(candidates, one[2]) and torch.equal(ids, one[5]) for one in seen)
    estimate, target = (torch.cat([one[index] for one in seen]) for index in (1, 3))
    assert len(set(target.tolist())) == 14
    expected = ClipLoss()(estimate, candidates, target, ids[target], ids)
    for rank in found[n]:
        assert float(rank["further"]["loss"]) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("n", NUMBERS)
def test_caches_are_made_by_one_process(found, folder, n):
    """Each recording was read once for each cache, by one process, though all of them use it."""
    read = [line.split() for line in (folder / "study" / "loaded.txt").read_text().splitlines()]
    by_process = {pid: sorted(name for name, one in read if one == pid) for _, pid in read}
    assert len(by_process) == len(found)  # a cache for each number of processes
    assert all(len(names) == len(set(names)) == 16 for names in by_process.values())


@pytest.mark.parametrize("n", NUMBERS)
def test_a_decoder_of_clips_is_trained_and_tested_alike(found, n):
    one = found[1][0]["clips"]
    assert one["epoch"].keys() >= {"train/loss", "val/loss"} and one["epoch"]["train/loss"] < 1.02  # at first 1.05
    for rank in found[n]:
        assert differ(rank["clips"]["trained"], one["trained"]) < 1e-5
        assert rank["clips"]["epoch"] == pytest.approx(one["epoch"], abs=1e-5)
        assert torch.equal(rank["clips"]["tested"], one["tested"])
