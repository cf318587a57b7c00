"""The vote of networks with other seeds: the majority, of equals the first class; the best by validation; other data do not vote."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from said_recipe import said_recipe

from n2s.errors import UserError
from n2s.findings import kept as told_while
from n2s.systems.event_classes import vote as vote_module
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.vote import SAME, VOTERS, EventVote, majority

NETWORK = {"class_path": "said_network.Means", "init_args": {"n_channels": 8}}


def test_the_majority_and_the_first_of_equals():
    said = np.array([[0, 1, 2, 2], [0, 1, 1, 0], [1, 2, 0, 2], [1, 2, 0, 1]])
    assert majority(said, 3).tolist() == [0, 1, 0, 2]
    rng = np.random.default_rng(0)
    said = rng.integers(0, 5, (7, 200))
    assert majority(said, 5).tolist() == [int(np.bincount(one, minlength=5).argmax()) for one in said.T]


@pytest.mark.parametrize(("validates", "limit"), [(False, 1.0), (True, 0)])
def test_a_vote_needs_validation(monkeypatch, validates, limit):
    """Without it, networks have no score to be chosen by: the test failed after the fit."""
    monkeypatch.setattr(EventVote, "data", SimpleNamespace(validates=validates, class_names=["a", "b"]))
    monkeypatch.setattr(EventVote, "trainer", SimpleNamespace(limit_val_batches=limit, world_size=1))
    with pytest.raises(UserError, match="nothing is validated"):
        EventVote().setup("fit")


def test_networks_with_another_prior_do_not_vote(monkeypatch, tmp_path):
    """Controls get the prior of the networks: one for all of them."""
    weights = {"e": "none", "d": "inverse_sqrt", "c": "none", "b": "none"}  # the newest first
    runs = [SimpleNamespace(folder=tmp_path / "small" / name, name=name, weights=Path(__file__)) for name in weights]

    class Stage:
        def __init__(self, name):
            self.config, self.options = {"seed_everything": 0}, {"weights": weights[name]}
            self.checkpoint = {"hyper_parameters": {"network": NETWORK}}

        @staticmethod
        def found(system, folder, *args, **more):
            return Stage(Path(folder).name)

        def check_same_data(self, own, keys, why):
            assert "balance" in keys

        def weights(self, part):
            return vote_module.object_of(NETWORK).state_dict()

    monkeypatch.setattr(vote_module, "trained_run", lambda *args, **more: runs[0])
    monkeypatch.setattr(vote_module, "originals", lambda folder: runs)
    monkeypatch.setattr(vote_module, "StageRun", Stage)
    monkeypatch.setattr(vote_module, "check_columns", lambda *args: None)
    monkeypatch.setattr(EventVote, "data", None)
    for name in ("experiment", "folder"):
        monkeypatch.setattr(EventVote, name, tmp_path)
    model = EventVote()
    with told_while() as found:
        model._found()
    assert [one["run"] for one in model.voters] == ["b", "c", "e"] and len(model.networks) == 3
    assert len(found) == 1 and "model.weights inverse_sqrt" in found[0].text and "balance" in SAME


@pytest.mark.slow
@pytest.mark.nightly
def test_the_best_networks_vote(at, run_n2s):
    data = {"test_averages": []}
    options = {
        "network": NETWORK,
        "n_permutations": 20,
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.02}},
    }
    recipe = said_recipe(
        at / "recipe.yaml", study={"gain": 1.5, "n_subjects": 1}, data=data, model=options, max_epochs=1
    )

    def n2s(verb, path, *more):
        status, out, err = run_n2s(verb, "--config", path, *more)
        return status, err

    vote = yaml.safe_load(recipe.read_text()) | {"experiment": "vote"}
    vote["model"] = {
        "class_path": "n2s.systems.EventVote",
        "init_args": {"experiment": "small", "best": 2, "n_permutations": 20, "top_k": 2},
    }
    vote["trainer"] |= {"limit_train_batches": 1}
    (at / "vote.yaml").write_text(yaml.safe_dump(vote))
    status, err = n2s("fit", at / "vote.yaml")
    assert status == 2 and "no trained run" in err
    assert n2s("fit", recipe)[0] == 0
    status, err = n2s("fit", at / "vote.yaml")
    assert status == 2 and "a vote needs two or more" in err
    for seed in (1, 2):
        assert n2s("fit", recipe, "--seed_everything", seed)[0] == 0
    status, err = n2s("fit", at / "vote.yaml", "--model.top_k", 3)
    assert status == 2 and "model.top_k is 3, of 3 classes" in err
    assert n2s("fit", recipe, "--seed_everything", 3, "--data.offset_s", 0.1)[0] == 0  # other windows: no voter
    status, err = n2s("fit", at / "vote.yaml")
    assert status == 0, err
    assert n2s("test", at / "vote.yaml")[0] == 0
    (run,) = (at / "checkpoints" / "vote").iterdir()
    kept = torch.load(run / "best.ckpt", weights_only=True)[VOTERS]
    assert len(kept) == 2 and {one["seed"] for one in kept} <= {0, 1, 2}
    result = EventResult.load(run / "test" / "test")
    top = result.scores().get("top_k_balanced", "model").mean
    assert result.top_k == 2 and top >= result.scores().get("balanced_accuracy", "model").mean
    assert len(result.voters) == 2 and "validation F1-macro" in result.voters[0]
    each = []
    for one in kept:
        folder = at / "checkpoints" / "small" / one["run"]
        assert n2s("test", folder / "config.yaml")[0] == 0
        logits = EventResult.load(folder / "test" / "test")
        each.append(logits.predicted)
        best = json.loads((folder / "run.json").read_text())
        assert best["status"] == "finished"
    assert np.array_equal(result.predicted, majority(np.stack(each), 3))
    assert "vote of 2 networks" in (run / "report.html").read_text()
