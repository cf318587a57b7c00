import json
import shutil

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, Wav2Vec2Model

from n2s.errors import UserError
from n2s.features import Wav2Vec2
from n2s.models.pretrained import load_pretrained, model_identity


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_an_id_that_cannot_be_had_says_what_to_do(offline):
    with pytest.raises(UserError) as error:
        Wav2Vec2("somebody/some-model").n_features  # noqa: B018
    for hint in ("somebody/some-model", "HF_HUB_OFFLINE is set", "HF_HOME", "--local-dir FOLDER"):
        assert hint in str(error.value)


@pytest.mark.parametrize("model", ["/no/such/folder", "./absent", "~/absent", "models/of/mine"])
def test_a_path_that_is_no_folder_is_not_looked_for_elsewhere(model):
    with pytest.raises(UserError, match="no folder at"):
        load_pretrained(AutoConfig, model)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UserError, match="The folder must hold the config.json"):
        load_pretrained(AutoConfig, str(tmp_path))


@pytest.mark.parametrize("kind", [Wav2Vec2Model, AutoModel])
def test_missing_weights_are_an_error_not_random_numbers(wav2vec2_folder, tmp_path, kind):
    folder = shutil.copytree(wav2vec2_folder, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "encoder.layers.3" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"it lacks 16 of the network's weights \(encoder.layers.3"):
        load_pretrained(kind, str(folder))
    network = load_pretrained(kind, str(folder), may_lack=("encoder.layers.3.",))
    assert not network.training


def test_weights_of_another_width_are_an_error(wav2vec2_folder, tmp_path):
    folder = shutil.copytree(wav2vec2_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(UserError, match="cannot be loaded as Wav2Vec2Model"):
        load_pretrained(Wav2Vec2Model, str(folder))


def test_broken_weights_are_an_error(wav2vec2_folder, tmp_path):
    folder = shutil.copytree(wav2vec2_folder, tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be loaded as Wav2Vec2Model"):
        load_pretrained(Wav2Vec2Model, str(folder))


def test_loading_leaves_the_random_numbers_and_prints_no_report(wav2vec2_folder, capfd):
    before = torch.get_rng_state()
    load_pretrained(Wav2Vec2Model, str(wav2vec2_folder))
    assert torch.equal(before, torch.get_rng_state())
    assert "UNEXPECTED" not in "".join(capfd.readouterr())  # the quantizer of pretraining


def test_identity_of_an_id_and_of_a_folder(wav2vec2_folder, tmp_path):
    assert model_identity("facebook/wav2vec2-base") == "facebook/wav2vec2-base"
    folder = shutil.copytree(wav2vec2_folder, tmp_path / "elsewhere")
    (folder / "README.md").write_text("notes")
    assert model_identity(str(folder)) == model_identity(str(wav2vec2_folder))
    (folder / "config.json").write_text("{}")
    assert model_identity(str(folder)) != model_identity(str(wav2vec2_folder))
