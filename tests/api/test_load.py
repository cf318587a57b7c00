"""A trained run in Python, its export, and what is refused."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import n2s
from n2s.api.nested import packed, unpacked
from n2s.errors import UserError

pytestmark = pytest.mark.slow


def test_a_run_is_found_by_its_folder_its_experiment_and_its_weights(sounds_run, monkeypatch):
    run, folder = sounds_run
    for what in (run.folder, run.folder / "best.ckpt", folder / "runs" / "sounds"):
        assert n2s.load(what).folder == run.folder
    monkeypatch.setenv("N2S_RUNS", str(folder / "runs"))
    found = n2s.load("sounds")
    assert found.folder == run.folder and found.subjects == ["sounds/01", "sounds/02"]
    assert not found.model.training and not any(one.training for one in found.model.modules())
    assert set(found.scores.row) >= {"model", "shuffled", "no_brain", "chance"}
    model = found.scores.query("score == 'top1' and row == 'model' and subject == 'all subjects'")
    assert model["mean"].item() == found.metrics["test"]["scores"]["top1"]["model"]["all subjects"]["mean"]


def test_an_export_is_the_same_run_without_paths(sounds_run, tmp_path):
    run, folder = sounds_run
    export = run.export(tmp_path / "shared", licence="CC0-1.0")
    assert {path.name for path in export.iterdir()} == {
        "README.md", "config.json", "front.safetensors", "metrics.json", "model.safetensors",
    }  # fmt: skip
    told = (export / "config.json").read_text() + (export / "README.md").read_text()
    assert str(folder) not in told and str(tmp_path) not in told and not re.search(r'"/\w+/', told)
    card = (export / "README.md").read_text()
    assert "CC0-1.0" in card and "| shuffled brain" in card and "2 people" in card
    assert re.search(r"^- chance: .*bound", card, re.M) and re.search(r"^- shuffled brain: range", card, re.M)
    top1 = run.metrics["test"]["scores"]["top1"]["model"]["all subjects"]["mean"]
    assert "| top-1 (%) |" in card and f"| {100 * top1:.1f}" in card
    assert oct((export / "model.safetensors").stat().st_mode) == oct((export / "config.json").stat().st_mode)
    found = n2s.load(export)
    assert json.dumps(found.metrics) == json.dumps(run.metrics)
    for name, one in run.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], one), name
    raw = _heard("three")
    assert np.array_equal(found.predict(raw, subject="01").values, run.predict(raw, subject="01").values)
    assert all(not name.startswith("optimizer") for name in load_file(export / "model.safetensors"))
    again = n2s.TrainedRun.from_pretrained(export).export(tmp_path / "again", licence="CC0-1.0")
    for name in ("model.safetensors", "front.safetensors", "metrics.json"):
        assert (again / name).read_bytes() == (export / name).read_bytes(), name


def test_an_export_never_writes_over_other_files(sounds_run, tmp_path):
    (tmp_path / "thesis.docx").write_text("all of it")
    with pytest.raises(UserError, match="other files"):
        sounds_run[0].export(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_what_is_no_run_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints" / "phones").mkdir(parents=True)
    with pytest.raises(UserError, match="no run at phone.*Nearest: phones"):
        n2s.load("phone")
    with pytest.raises(UserError, match="no run at"):
        n2s.load(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(UserError, match="not an export of n2s"):
        n2s.load(tmp_path / "model")


def test_damaged_exports_are_refused_by_name(sounds_run, tmp_path):
    export = sounds_run[0].export(tmp_path / "shared")
    weights = export / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        _ = n2s.load(export).model
    (export / "front.safetensors").unlink()
    with pytest.raises(UserError, match=r"front\.safetensors"):
        _ = n2s.load(export).subjects


def _own_of(export, **entries):
    told = json.loads((export / "config.json").read_text()) | entries
    (export / "config.json").write_text(json.dumps({key: one for key, one in told.items() if one is not None}))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"record": None}, "no record in it"),
        ({"config": {"data": {}, "model": {"class_path": "n2s.systems.Contrastive"}}}, r"no config\.data in it"),
        ({"format": "new"}, "not an export of n2s, or of a newer version"),
        ({"hyper_parameters": {"option_of_next_year": 1}}, "option_of_next_year.*It was trained with n2s"),
    ],
)
def test_exports_of_other_versions_are_refused_in_words(sounds_run, tmp_path, entries, said):
    export = sounds_run[0].export(tmp_path / "shared")
    _own_of(export, **entries)
    with pytest.raises(UserError, match=said):
        _ = n2s.load(export).model


def test_an_export_without_a_test_says_so(sounds_run, tmp_path):
    export = sounds_run[0].export(tmp_path / "shared")
    (export / "metrics.json").write_text("[1]")
    with pytest.raises(UserError, match=r"metrics\.json cannot be read"):
        n2s.load(export)
    (export / "metrics.json").unlink()
    with pytest.raises(UserError, match="exported before its test"):
        _ = n2s.load(export).scores


def test_nested_values_come_back():
    value = {"a": [1, (2.5, None), {"w": torch.arange(3)}], 7: {"x": np.ones(2, np.float32)}, "s": "text"}
    plain, tensors = packed(value)
    found = unpacked(json.loads(json.dumps(plain)), tensors)
    assert found["a"][1] == (2.5, None) and found["s"] == "text" and torch.equal(found["a"][2]["w"], torch.arange(3))
    assert np.array_equal(found[7]["x"], np.ones(2))
    with pytest.raises(TypeError, match="neither plain"):
        packed({"f": print})


def _heard(story):
    import sound_study

    return sound_study.brain_of(story, subject=1, seed=5, lead_s=4.0)
