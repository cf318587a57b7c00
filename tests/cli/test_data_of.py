"""A recipe of a later stage takes the data block of an earlier one."""

import pytest
import tiny_recipe
import yaml

from n2s.cli.data_of import complete, merged
from n2s.errors import UserError

A = {"class_path": "pkg.A", "init_args": {"x": 1, "inner": {"class_path": "pkg.B", "init_args": {"y": 2, "z": 3}}}}


def with_inner(**inner):
    return {"init_args": {"inner": inner}}


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ({"init_args": {"x": 5}}, {"x": 5, "inner": A["init_args"]["inner"]}),
        ({"class_path": "pkg.A", "init_args": {"w": 0}}, {"x": 1, "inner": A["init_args"]["inner"], "w": 0}),
        (with_inner(init_args={"y": 9}), {"x": 1, "inner": {"class_path": "pkg.B", "init_args": {"y": 9, "z": 3}}}),
        (
            with_inner(class_path="pkg.C"),
            {"x": 1, "inner": {"class_path": "pkg.C"}},
        ),  # nothing of another class is kept
        ({"init_args": {"inner": None}}, {"x": 1, "inner": None}),
    ],
)
def test_options_are_merged_one_by_one_within_a_class(above, expected):
    assert merged(A, above) == {"class_path": "pkg.A", "init_args": expected}


def test_a_table_is_replaced_and_another_class_keeps_nothing():
    below = {"class_path": "pkg.A", "init_args": {"studies": {"one": {"class_path": "pkg.S"}}, "x": 1}}
    two = {"two": {"class_path": "pkg.S"}}
    assert merged(below, {"init_args": {"studies": two}})["init_args"] == {"studies": two, "x": 1}
    assert merged(below, {"class_path": "pkg.Z"}) == {"class_path": "pkg.Z"}
    assert below["init_args"]["studies"] == {"one": {"class_path": "pkg.S"}}  # the given ones stay as they are


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two folders of recipes; the current folder is none of them."""
    (tmp_path / "recipes" / "more").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("TINY_BATCH", "6")
    recipe = tiny_recipe.recipe(epochs=2)
    recipe["data"]["init_args"] = {"batch_size": "${oc.env:TINY_BATCH}", "root": "${place}"}
    (tmp_path / "recipes" / "first.yaml").write_text(yaml.safe_dump(recipe | {"place": "here"}))
    second = {"data_of": "../first.yaml", "data": {"init_args": {"workers": 0}}}
    (tmp_path / "recipes" / "more" / "second.yaml").write_text(yaml.safe_dump(second))
    third = tiny_recipe.recipe(epochs=1)
    third["data_of"], third["data"] = "more/second.yaml", {"init_args": {"root": "there"}}
    (tmp_path / "recipes" / "third.yaml").write_text(yaml.safe_dump(third))
    return tmp_path / "recipes"


def test_a_chain_is_resolved_relative_to_each_file(folder):
    found = yaml.safe_load(complete((folder / "third.yaml").read_text(), folder / "third.yaml"))
    assert found["data"] == {
        "class_path": "tiny_recipe.TinyData", "init_args": {"batch_size": "6", "root": "there", "workers": 0},
    }  # fmt: skip
    assert "data_of" not in found and "place" not in found and found["trainer"]["max_epochs"] == 1


def test_the_command_and_the_runs_own_config(folder, run_n2s):
    (folder / "over.yaml").write_text("data: {init_args: {batch_size: 12}}")
    words = ("--config", folder / "third.yaml", "--config", folder / "over.yaml", "--data.workers", "0")
    status, _, err = run_n2s("fit", *words)
    assert status == 0, err
    (run,) = (folder.parent / "elsewhere" / "checkpoints" / "third+over").iterdir()
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["init_args"] == {"root": "there", "batch_size": 12, "workers": 0} and "data_of" not in config
    for path in folder.rglob("*.yaml"):
        path.unlink()  # the run's config works by itself
    status, out, err = run_n2s("test", "--config", run / "config.yaml")
    assert status == 0 and "its own config" in out, err


@pytest.mark.parametrize(
    ("other", "files", "message"),
    [
        (
            "frist.yaml",
            {},
            r"third.yaml: data_of frist.yaml: no file at .*frist.yaml. Nearest: first.yaml.* The path is",
        ),
        (
            "empty.yaml",
            {"empty.yaml": "seed_everything: 1"},
            "data_of empty.yaml: .*empty.yaml has no data block. Name",
        ),
        ("file.yaml", {"file.yaml": "data: first.yaml"}, "has no data block"),
        ("broken.yaml", {"broken.yaml": "data: {a: 1\nb: ["}, "broken.yaml, line 2: not valid YAML"),
        ("third.yaml", {}, "data_of: third.yaml -> third.yaml: a circle"),
        ("a.yaml", {"a.yaml": "data_of: third.yaml"}, "data_of: third.yaml -> a.yaml -> third.yaml: a circle"),
        (["a.yaml"], {}, r"data_of is \['a.yaml'\]; expected the path of a recipe"),
        ("unset.yaml", {"unset.yaml": "data: {class_path: '${nope}'}"}, "unset.yaml: data: Interpolation key 'nope'"),
    ],
)
def test_what_cannot_be_taken_is_reported(folder, run_n2s, other, files, message):
    for name, content in files.items():
        (folder / name).write_text(content)
    recipe = tiny_recipe.recipe()
    del recipe["data"]
    (folder / "third.yaml").write_text(yaml.safe_dump(recipe | {"data_of": other}))
    with pytest.raises(UserError, match=message):
        complete((folder / "third.yaml").read_text(), folder / "third.yaml")
    status, _, err = run_n2s("fit", "--config", folder / "third.yaml")
    assert status == 2 and err.startswith("n2s: ") and "Traceback" not in err


def test_other_recipes_are_left_as_they_are():
    for content in ("data: {a: 1}", "- data_of", "model: [", "# data_of: x.yaml\na: 1", "a: {data_of: b}"):
        assert complete(content) is content
