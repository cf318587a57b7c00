"""Story decoding over the files of Lebel et al. 2023 in miniature, with a language model and an encoder from local folders."""

import json

import pandas as pd
import pytest
import torch
import yaml
from closed_form_recipe import CONFIGS, QUIET
from recipe_data import FOLDERS

pytestmark = pytest.mark.slow


@pytest.fixture
def models(tmp_path):
    """GPT-2's and BERT's parts with random weights and a token for each byte: (folder, folder)."""
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

    from n2s.features.language_models import TinyLanguageModel

    tokenizer = TinyLanguageModel(seed=0).tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gpt = GPT2LMHeadModel(
            GPT2Config(
                n_embd=16, n_layer=2, n_head=2, n_positions=256, vocab_size=257, bos_token_id=256, eos_token_id=256
            )
        )
        bert = BertModel(
            BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=257)
        )
    for name, model in (("gpt", gpt), ("bert", bert)):
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    return tmp_path / "gpt", tmp_path / "bert"


def test_published_files_are_decoded(at, run_n2s, run_of, models, tmp_path, monkeypatch):
    FOLDERS["ds003020"](tmp_path / "data" / "ds003020")
    monkeypatch.setenv("N2S_DATA", str(tmp_path / "data"))
    recipes = [
        yaml.safe_load((CONFIGS / name).read_text()) for name in ("story_text.yaml", "data_story_text/lebel2023.yaml")
    ]
    recipe = recipes[0]
    recipe["data"]["init_args"] |= recipes[1]["data"]["init_args"]
    own = recipe["model"]["init_args"] | recipes[1]["model"]["init_args"]
    own["language_model"]["init_args"] |= {"model": str(models[0]), "layer": 1}
    own["encoder"]["init_args"] |= {"model": str(models[1]), "layer": 1}
    recipe["model"]["init_args"] = own | {"n_folds": 2, "width": 3, "n_null": 2, "n_permuted": 1, "window_s": 4.0}
    studies = recipe["data"]["init_args"]["studies"]
    studies["lebel2023"]["init_args"]["subjects"] = ["UTS01", "UTS02"]  # there is no UTS03 in the miniature
    # stories of the miniature last some seconds
    recipe["data"]["init_args"]["trim_s"] = [0.0, 0.0]
    recipe["trainer"] |= QUIET | {"logger": False}
    (at / "small.yaml").write_text(yaml.safe_dump(recipe | {"experiment": "small"}))
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", at / "small.yaml")
        assert status == 0, err + out
    found = json.loads((run_of() / "metrics.json").read_text())["test"]
    words = pd.read_csv(run_of() / "test" / "test" / "words.csv", keep_default_na=False)
    assert len(words[words.row == "true"]) == 4 and words.subject.nunique() == 2
    # all tokens of the miniature are in its only training segment: they weigh nothing, and the BERTScore is not defined
    assert "bertscore" in set(pd.read_csv(run_of() / "test" / "test" / "windows.csv").metric)
    assert "bert" in json.dumps(found["settings"])
