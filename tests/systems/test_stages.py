"""A system that builds on a run of another one: the run is found, checked and loaded in one place."""

import pytest
import torch
import yaml
from torch import nn

from n2s.errors import UserError
from n2s.systems import Acoustic, Contrastive, Semantic
from n2s.systems.stages import SUBJECTS, StageRun, public_name
from n2s.systems.system import System
from n2s.training.run import FINISHED, Run, settings_of


class First(System):
    """A system outside the package."""

    recipe = "first.yaml"

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network


class Finer(First):
    """Its subclass."""


@pytest.fixture
def made(tmp_path):
    """Make a run of a class with these weights; gives the experiments' folder."""

    def make(class_path, experiment="first", checkpoint=None, data=None):
        run = Run(tmp_path / experiment / "one")
        run.folder.mkdir(parents=True)
        config = {"model": {"class_path": class_path, "init_args": {"size": 3}}, "data": {"init_args": data or {}}}
        run.config.write_text(yaml.safe_dump(config))
        torch.save({"state_dict": {}} if checkpoint is None else checkpoint, run.best)
        run.update(status=FINISHED, started="2026-01-01", id="one", resumed=[], started_from=None)
        return run

    return make


def found(tmp_path, system, name="first"):
    return StageRun.found(system, name, tmp_path / "second", key="model.first_run")


@pytest.mark.parametrize("name", ["First", "Finer"])
def test_a_system_outside_the_package_gives_its_parts(made, tmp_path, name):
    layer = nn.Linear(2, 3)
    made(f"test_stages.{name}", checkpoint={"state_dict": {f"network.{k}": v for k, v in layer.state_dict().items()}})
    run = found(tmp_path, First)
    assert run.options == {"size": 3} and run.folder == tmp_path / "first" / "one"
    again = nn.Linear(2, 3)
    again.load_state_dict(run.weights("network"))
    assert torch.equal(again.weight, layer.weight)


@pytest.mark.parametrize(
    ("written", "system"),
    [
        ("n2s.tasks.FMRISemantic", Semantic), ("n2s.tasks.FMRIAcoustic", Acoustic), ("n2s.tasks.MEGAcoustic", Acoustic),
        ("n2s.tasks.MEGContrastive", Contrastive), ("n2s.systems.Contrastive", Contrastive),
    ],
)  # fmt: skip
def test_runs_that_name_a_system_as_it_was_called_before_are_its_runs(made, tmp_path, written, system):
    run = made(written)
    assert found(tmp_path, system).system is system
    assert run.settings()["model"]["class_path"] == public_name(system)  # and are compared with runs of today
    assert settings_of({"model": {"class_path": "n2s.tasks.Nothing"}})["model"]["class_path"] == "n2s.tasks.Nothing"


@pytest.mark.parametrize("written", ["n2s.systems.Semantic", "gone.First", "torch.nn.Linear", None])
def test_a_run_of_another_system_is_refused(made, tmp_path, written):
    made(written)
    with pytest.raises(
        UserError, match=rf"model.first_run: .*one is a run of {written}; expected one of test_stages.First"
    ):
        found(tmp_path, First)


def test_what_to_run_first(tmp_path):
    with pytest.raises(UserError, match="model.first_run: no trained run at .* First: n2s fit --config first.yaml"):
        found(tmp_path, First)
    with pytest.raises(UserError, match="n2s fit --config configs/fmri_semantic.yaml"):
        found(tmp_path, Semantic)


def test_damaged_and_missing_files(made, tmp_path):
    run = made("test_stages.First")
    run.best.write_bytes(run.best.read_bytes()[:100])
    with pytest.raises(UserError, match=r"best.ckpt cannot be read \(.*\). Fit that run again."):
        found(tmp_path, First).weights("network")
    torch.save({"state_dict": First}, run.best)  # a class: loading it could run code
    with pytest.raises(UserError, match="cannot be read"):
        found(tmp_path, First).weights("network")
    run.config.unlink()
    with pytest.raises(UserError, match="has no config.yaml: it is not known what made it. Fit it again."):
        found(tmp_path, First)


def test_a_network_of_each_subject(made, tmp_path):
    state = {"networks.0.a": torch.zeros(1), "networks.1.a": torch.ones(1), "networks.10.a": torch.tensor([2.0])}
    made("test_stages.First", checkpoint={"state_dict": state, SUBJECTS: ["s/01", "s/02"]})
    run = found(tmp_path, First)
    assert {name: float(value) for name, value in run.of_subject("s/02").items()} == {"a": 1.0}
    with pytest.raises(UserError, match="has no ridge of s/03; there are s/01, s/02."):
        run.of_subject("s/03", "ridge")


def test_data_that_have_to_be_the_same(made, tmp_path):
    made("test_stages.First", data={"studies": {"a": {"gain": 1}}, "clamp": 20, "batch_size": 4})
    own, run = made("x.Second", "second", data={"studies": {"a": {"gain": 2}}, "batch_size": 8}), found(tmp_path, First)
    run.check_same_data(own, ["batch_size_of_another"], "Why.")
    with pytest.raises(
        UserError, match=r"model.first_run: .* data.clamp, data.studies.a.gain. It knows. Make them equal"
    ):
        run.check_same_data(own, ["studies", "clamp"], "It knows.")
    own.config.unlink()
    run.check_same_data(own, ["studies"], "Without a config there is nothing to compare.")
