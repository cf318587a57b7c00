"""The recipes of Liu et al. 2024 run for a step and a test on their studies in miniature, with the names that they give."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from builders import write_audio
from fmri_runs import newest
from small_weights import save_audioldm2, save_audiomae, save_clap
from trees_fmri import lebel2023, nakai2022, park2025

PAPER = Path(__file__).parents[2] / "configs" / "paper" / "liu2024"
AUDIOMAE = {"dim": 24, "depth": 10, "n_heads": 2, "decoder_dim": 16, "decoder_depth": 2, "decoder_heads": 2}
STEP = {
    "max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False, "logger": False,
    "enable_model_summary": False,
}  # fmt: skip
N_PATCHES = {"brain2sound": 208, "brain2music": 80, "brain2speech": 112}
WEIGHTS = {
    "brain2sound": "cvssp/audioldm2",
    "brain2music": "cvssp/audioldm2",
    "brain2speech": "anhnct/audioldm2_gigaspeech",
}


def write_data(root: Path) -> None:
    """The three studies, in the folders that the recipes name."""
    park2025.write_tree(root / "brain2sound")
    (root / "brain2sound" / "audio").rename(root / "vggsound")
    nakai2022.write_tree(root / "ds003720")
    (root / "ds003720" / "volumes").rename(root / "ds003720_preprocessed")
    (root / "gtzan").mkdir()
    (root / "ds003720" / "genres").rename(root / "gtzan" / "genres")
    lebel2023.write_tree(root / "ds003020")
    for subject in lebel2023.N_VOXELS:
        (root / "ds003020_rois" / subject).mkdir(parents=True)
        np.save(root / "ds003020_rois" / subject / "AC.npy", np.array([0, 2, 3]))
    for seed, path in enumerate(sorted(root.rglob("*.wav"))):  # different sounds: one sound in two splits is refused
        write_audio(path, soundfile.info(path).duration, rate_hz=1000, seed=seed)


def small(set_name: str, stage: str) -> dict:
    """What cannot stay as published on miniatures: sizes of networks, numbers of voxels and folds, steps of the sampler."""
    target = {"init_args": {name: AUDIOMAE[name] for name in ("dim", "depth", "n_heads")}}
    if stage == "semantic":
        return {"model": {"init_args": {"n_voxels": 2, "n_folds": 2}}}
    if stage == "acoustic":
        decoder = {"dim": AUDIOMAE["dim"], "depth": 1, "n_heads": 2, "hidden": 16}
        networks = {"decoder": {"init_args": decoder}, "audiomae": {"init_args": AUDIOMAE}}
        networks["audiomae_checkpoint"] = "weights/small.pth"
        return {"data": {"init_args": {"target": target}}, "model": {"init_args": {"n_voxels": 2} | networks}}
    if stage == "audio":
        sounds = {
            "sampler": {"init_args": {"n_steps": 2}},
            "cnn14": None,
            "vggish": None,
            "batch_size": 50,
            "page_clips": 2,
        }
        return {"data": {"init_args": {"target": target}}, "model": {"init_args": {"sounds": sounds}}}
    return {}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with data and weights under the very names that the recipes have."""
    root = tmp_path_factory.mktemp("liu2024")
    write_data(root / "data")
    save_audiomae(root / "weights" / "pretrained.pth", AUDIOMAE, decoder=False)
    save_audiomae(root / "weights" / "small.pth", AUDIOMAE, decoder=True)
    save_clap(root / "laion" / "clap-htsat-unfused", fused=False)
    save_audioldm2(root / "cvssp" / "audioldm2", AUDIOMAE["dim"], text=True)
    save_audioldm2(root / "anhnct" / "audioldm2_gigaspeech", AUDIOMAE["dim"], text=False)
    return root


@pytest.fixture
def stage(world, monkeypatch, run_n2s):
    """Run a verb of a recipe, over it what is small."""
    monkeypatch.chdir(world)
    monkeypatch.setenv("N2S_DATA", str(world / "data"))

    def run(verb: str, set_name: str, name: str) -> str:
        whole = {} if name in ("semantic", "lir") else {"max_steps": 1}  # a ridge has a step a subject
        over = {"trainer": STEP | whole} | small(set_name, name)
        Path("small.yaml").write_text(yaml.safe_dump(over))
        status, out, err = run_n2s(verb, "--config", PAPER / f"{set_name}_{name}.yaml", "--config", "small.yaml")
        assert status == 0, f"{verb} {set_name}_{name}\n{out[-2000:]}\n{err}"
        return out

    return run


def checkpoint(experiment: str) -> dict:
    run = newest(f"{experiment}+small")
    assert sorted(path.name for path in run.glob("*.ckpt")) == ["last.ckpt"]  # nothing is validated, nothing is best
    return torch.load(run / "last.ckpt", weights_only=True)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:.*sounds have no file.*")
@pytest.mark.parametrize("set_name", N_PATCHES)
def test_the_three_stages_run_one_after_the_other(set_name, stage):
    assert "the last epoch's" in (stage("fit", set_name, "semantic") + stage("test", set_name, "semantic"))
    semantic = json.loads((newest(f"{set_name}_semantic+small") / "metrics.json").read_text())["test"]
    assert semantic["n_subjects"] == 2 and len(semantic["subjects"]) == 2
    stage("fit", set_name, "acoustic")
    stage("test", set_name, "acoustic")
    state = checkpoint(f"{set_name}_acoustic")
    assert state["state_dict"]["networks.0.mean"].shape == (N_PATCHES[set_name], AUDIOMAE["dim"])
    assert [group["lr"] for group in state["optimizer_states"][0]["param_groups"]] == [1e-6, 1e-6]  # D^Aco and D^A
    assert state["n2s_subjects"] == [semantic_subject(semantic, 0)] and state["lr_schedulers"] == []

    out = stage("fit", set_name, "audio")
    groups = checkpoint(f"{set_name}_audio")["optimizer_states"][0]["param_groups"]
    assert [(group["name"], group["lr"]) for group in groups] == [("unet", 1e-4), ("decoder", 1e-6)]
    assert all(group["weight_decay"] == 0.01 and tuple(group["betas"]) == (0.9, 0.999) for group in groups)
    stage("test", set_name, "audio")
    out = stage("predict", set_name, "audio")
    assert "last.ckpt (the last epoch's" in out
    check_sounds(set_name, newest(f"{set_name}_audio+small"))


def semantic_subject(metrics: dict, index: int) -> str:
    return sorted(metrics["subjects"])[index]


def check_sounds(set_name: str, run: Path) -> None:
    with open(run / "predictions" / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    methods = {row["method"] for row in rows}
    prompted = {row["clip"]: row["prompt"] for row in rows if row["method"] == "prompted"}
    assert ("prompted" in methods) == (set_name != "brain2sound") and ("study_prompted" in methods) == (
        set_name == "brain2speech"
    )
    if set_name == "brain2speech":
        spoken = {"hangtime": "man speaking", "wheretheressmoke": "woman speaking"}
        assert all(
            prompt == spoken[next(story for story in spoken if story in clip)] for clip, prompt in prompted.items()
        )
    elif set_name == "brain2music":
        assert set(prompted.values()) == {"pop music", "rock music"}
    scores = json.loads((run / "predictions" / "metrics.json").read_text())
    (own,) = scores["subjects"].values()
    assert {"mel_pcc", "mel_psnr", "clap"} <= set(own["decoded"]["scores"])  # as Table 2 has them


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*sounds have no file.*")
@pytest.mark.parametrize("name", ["lir", pytest.param("mlp", marks=pytest.mark.nightly)])
@pytest.mark.parametrize("set_name", N_PATCHES)
def test_the_baselines_run(set_name, name, stage):
    stage("fit", set_name, name)
    stage("test", set_name, name)
    scores = json.loads((newest(f"{set_name}_{name}+small") / "metrics.json").read_text())["test"]
    assert scores["n_subjects"] == 1 and {"mel_pcc", "mel_psnr"} <= set(scores)
    assert "best.ckpt" not in {path.name for path in newest(f"{set_name}_{name}+small").iterdir()}
