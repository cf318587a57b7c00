"""Networks of a system outside the package take their numbers from the data, wherever they lie and whatever they are called."""

import inspect

import pytest
import tiny_recipe
import torch
import yaml
from torch import nn

from n2s.cli.links import parameters
from n2s.training.run import Run


class PerSubject(nn.Module):
    """A bias a subject: ``n_subjects`` has no default, so that a recipe without the data's number is refused."""

    def __init__(self, n_subjects: int, width: int = 2):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(n_subjects, width))


class Head(nn.Module):
    """Holds a network, and takes a number that the data of `MoreData` alone know."""

    def __init__(self, inner: nn.Module, n_rooms: int = 1, n_subjects: int = 27):
        super().__init__()
        self.inner = inner
        self.rooms, self.of_subject = nn.Parameter(torch.zeros(n_rooms)), nn.Parameter(torch.zeros(n_subjects))


class Wider(Head):
    """Passes options on to its base."""

    def __init__(self, inner: nn.Module, scale: float = 1.0, **options):
        super().__init__(inner, **options)


class MoreData(tiny_recipe.TinyData):
    """Data that know one more number."""

    shape_names = ("n_subjects", "n_rooms")
    n_rooms = 7


class Toy(tiny_recipe.TinyDecoder):
    """A system with one more network, of a name that nobody else knows."""

    compiles = ("gadget.inner",)

    def __init__(self, encoder: nn.Module, gadget: nn.Module | None = None, **options):
        super().__init__(encoder, **options)
        self.gadget = gadget

    @classmethod
    def shapes(cls, data, options):
        return {"encoder.n_subjects": data["n_subjects"], "encoder.n_outputs": 5} | dict(data)


@pytest.fixture
def toy(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)

    def run(gadget, *words, data="test_links.MoreData"):
        encoder = {"class_path": "tiny_recipe.TinyEncoder"}
        options = {"encoder": encoder, "gadget": gadget}
        recipe = tiny_recipe.recipe(
            model={"class_path": "test_links.Toy", "init_args": options}, data={"class_path": data}
        )
        (tmp_path / "toy.yaml").write_text(yaml.safe_dump(recipe))
        return run_n2s("fit", "--config", "toy.yaml", *words)

    return run


def gadget(kind="Head", inner=None, **options):
    inner = {"class_path": "test_links.PerSubject"} | ({"init_args": inner} if inner else {})
    return {"class_path": f"test_links.{kind}", "init_args": {"inner": inner} | options}


def the_run(tmp_path):
    (folder,) = (tmp_path / "checkpoints" / "toy").iterdir()
    return Run(folder)


@pytest.mark.parametrize("kind", ["Head", "Wider"])
def test_any_network_at_any_depth_gets_the_numbers_of_its_names(toy, tmp_path, kind):
    status, _, err = toy(gadget(kind))
    assert status == 0, err
    kept = torch.load(the_run(tmp_path).last, weights_only=True)
    shapes = {name: tuple(value.shape) for name, value in kept["state_dict"].items()}
    assert shapes["gadget.inner.bias"] == (tiny_recipe.N_SUBJECTS, 2)
    assert shapes["gadget.rooms"] == (MoreData.n_rooms,) and shapes["gadget.of_subject"] == (tiny_recipe.N_SUBJECTS,)
    options = kept["hyper_parameters"]["gadget"]["init_args"]  # with which the checkpoint can be loaded without data
    assert options["n_rooms"] == 7 and options["inner"]["init_args"] == {"width": 2, "n_subjects": 3}
    config = yaml.safe_load(the_run(tmp_path).config.read_text())["model"]["init_args"]["gadget"]["init_args"]
    assert "n_rooms" not in config and config["inner"]["init_args"] == {"width": 2}  # the data's to say


def test_a_number_that_the_data_do_not_know_is_the_recipes(toy, tmp_path):
    assert toy(gadget(n_rooms=4), data="tiny_recipe.TinyData")[0] == 0
    assert torch.load(the_run(tmp_path).last, weights_only=True)["state_dict"]["gadget.rooms"].shape == (4,)


def test_another_number_is_refused(toy, tmp_path):
    status, _, err = toy(gadget(inner={"n_subjects": 8}))
    expected = "n2s: model.gadget.inner.n_subjects is 8, and the data say 3: leave it out, it is set from the data.\n"
    assert status == 2 and expected in err
    assert not (tmp_path / "checkpoints").exists()
    assert toy(gadget(inner={"n_subjects": 3}))[0] == 0  # the same number is no contradiction


def test_a_part_may_be_null(toy):
    assert toy(None)[0] == 0


def test_a_later_overlay_may_remove_a_network(toy, tmp_path):
    (tmp_path / "without.yaml").write_text(yaml.safe_dump({"model": {"init_args": {"gadget": None}}}))
    status, _, err = toy(gadget(), "--config", "without.yaml")
    assert status == 0, err
    (folder,) = (tmp_path / "checkpoints" / "toy+without").iterdir()
    kept = torch.load(Run(folder).last, weights_only=True)
    assert not any(name.startswith("gadget") for name in kept["state_dict"])
    assert kept["hyper_parameters"]["gadget"] is None


def test_compile_takes_the_networks_that_the_system_names(toy, monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **options: compiled.append(type(module).__name__))
    assert toy(gadget(), "--trainer.callbacks", "n2s.training.Compile")[0] == 0
    assert compiled == ["PerSubject"]


def test_parameters_of_a_class_that_passes_options_on():
    assert set(parameters(Wider)) >= {"inner", "scale", "n_rooms", "n_subjects"}
    assert parameters(Head)["n_rooms"].default == 1 and parameters(Head)["inner"].default is inspect.Parameter.empty
    assert set(parameters(PerSubject)) == {"n_subjects", "width"}
