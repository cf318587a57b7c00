"""Every recipe is run, not only parsed: a step of training, a validation, a test, on its study in miniature."""

from pathlib import Path

import pytest
import torch
from daily import some
from recipe_data import FOLDERS, align_schoffelen2019
from recipe_runs import CONFIGS, step_and_test

pytestmark = pytest.mark.slow

PAPER = Path("paper") / "defossez2023"
CELLS = sorted(path.stem for path in (CONFIGS / PAPER).glob("*.yaml") if path.stem != "base")
ABLATIONS = sorted(path.stem for path in (CONFIGS / PAPER / "ablations").glob("*.yaml"))
MEG = sorted(path.stem for path in (CONFIGS / "data").glob("*.yaml"))
FMRI = sorted(path.stem for path in (CONFIGS / "data_fmri").glob("*.yaml") if not path.stem.startswith("simulated"))
FOLDER = {"bel2026": "ds007523", "verwoert2022": "SingleWordProductionDutch-iBIDS", "wang2024": "braintreebank", "zada2025": "ds005574", "sato2026": "ds007808", "lebel2023": "ds003020", "nakai2022": "ds003720", "park2025": "brain2sound", "own": "my_fmri"}  # fmt: skip
CLIP_S = {"lebel2023": 2.0, "nakai2022": 1.5, "park2025": 4.0, "own": 4.0}


# A step of the full-size network on the recipe's 256 windows takes minutes on a CPU; all else of the paper's recipes stays.
SMALL_BATCH = {"data__batch_size": 4}
NARROW = {"model__encoder__hidden": 32}  # in place of 320; one cell has its own width
NARROW_DEEPMEL = {"model__target_encoder__hidden": 32}
NETWORK_ALONE = {
    "model__encoding_model": "false",
    "model__linear_decoder": "false",
}  # the encoding model does not depend on the cell: it has tests of its own


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """N2S_DATA: name a folder, and it is there."""
    root = tmp_path_factory.mktemp("n2s_data")

    def ask(name: str) -> Path:
        if not (root / name).exists():
            FOLDERS[name](root / name)
        return root

    return ask


@pytest.fixture(scope="session")
def wav2vec2(tmp_path_factory) -> Path:
    """The published checkpoint's kind and 24 layers, 32 wide in place of 1024, with random weights: it cannot be downloaded."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    config = Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=24, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        conv_bias=True, feat_extract_norm="layer", do_stable_layer_norm=True, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("wav2vec2")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Wav2Vec2ForPreTraining(config).save_pretrained(folder)
    return folder


@pytest.fixture
def step(tmp_path, monkeypatch, run_n2s, data):
    """Run recipes for a step, with N2S_DATA where a study's folder lies."""
    monkeypatch.chdir(tmp_path)

    def run(study: str, *recipes, **changes) -> dict:
        monkeypatch.setenv("N2S_DATA", str(data(FOLDER.get(study, study))))
        return step_and_test(run_n2s, *recipes, **changes)

    return run


def check(scores: dict) -> None:
    """The test has windows of several candidates, and a finite score of the model beside its controls."""
    assert scores["n_windows"] >= scores["n_candidates"] > 1
    for row in ("model", "shuffled", "no_brain", "chance"):
        assert 0 <= scores[row]["top10"]["mean"] <= 1


@pytest.mark.parametrize("cell", some(CELLS, "gwilliams2022_wav2vec2"))
def test_every_cell_of_the_papers_table_runs(cell, step, data, wav2vec2):
    study, _, target = cell.partition("_")
    changes = SMALL_BATCH | ({} if cell == "gwilliams2022_mel" else NARROW)
    changes |= {"wav2vec2": {"data__target__model": wav2vec2}, "deepmel": NARROW_DEEPMEL}.get(target, {})
    if study == "schoffelen2019":
        align_schoffelen2019(data(study) / study)  # as `n2s align` leaves them; the data set has none
    check(step(study, PAPER / "base.yaml", PAPER / f"{cell}.yaml", **changes, **NETWORK_ALONE))


@pytest.mark.parametrize("ablation", some(ABLATIONS, "no_gates"))
def test_every_ablation_runs(ablation, step):
    recipes = (PAPER / "base.yaml", PAPER / "gwilliams2022_mel.yaml", PAPER / "ablations" / f"{ablation}.yaml")
    check(step("gwilliams2022", *recipes, **SMALL_BATCH, **NARROW, **NETWORK_ALONE))


#: What a miniature needs beside its recipe. Two movies are few, and last 14 s.
OF_MINIATURES = {
    "wang2024": {"data__split": "n2s.data.SplitByTime", "data__split__n_folds": 3, "data__split__test_fold": 2, "data__split__val_fold": 1, "data__window_s": 1.0, "data__preprocessing__line_hz": 0},
}  # fmt: skip


@pytest.mark.parametrize("study", some(MEG, "brennan2019", "verwoert2022"))
def test_every_study_of_meg_runs_over_the_contrastive_recipe(study, step):
    check(step(study, "meg_contrastive.yaml", f"data/{study}.yaml", **OF_MINIATURES.get(study, {})))


@pytest.mark.parametrize("study", some(FMRI, "nakai2022", "own"))
def test_every_study_of_fmri_runs_over_every_fmri_recipe(study, step):
    overlay = f"data_fmri/{study}.yaml"
    # The miniature has less than 100 voxels and 5 stories. A batch is a subject, whose ridge takes all its clips at once.
    few = {"model__n_voxels": 0, "model__n_folds": 2, "trainer__limit_train_batches": 1.0}
    verbs = ("fit", "test")
    if study == "own":
        few["data__val_fraction"] = 0.0  # two training sounds, and folds need both
        verbs = ("fit",)  # one test clip, and a correlation needs three
    scores = step(study, "fmri_semantic.yaml", overlay, verbs=verbs, **few)
    scores |= step(
        study, "fmri_mel.yaml", overlay, verbs=verbs, data__target__duration_s=CLIP_S[study]
    )  # that of the clips
    assert scores or study == "own"


@pytest.mark.parametrize("kind", some(["dutch", "english", "bengali", "scenes"], "bengali", "scenes"))
def test_the_networks_of_speech_run(kind, tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    few = {"data__corpus__n_per_class": 5} if kind == "scenes" else {"data__corpus__n_sentences": 20}
    if kind == "scenes":  # half a clip would be for validation
        few |= {"data__corpus__val_fraction": 0.2, "data__corpus__test_fraction": 0.2}
    found = step_and_test(run_n2s, "speech_net.yaml", f"millet2021_small/{kind}.yaml", **few)["scores"]
    for rows in found.values():
        assert all(by_subject["all subjects"]["mean"] >= 0 for by_subject in rows.values()) and len(rows) > 3


@pytest.mark.parametrize("recipe", some(["phones", "speech_detection"], "speech_detection"))
def test_the_recipes_of_classes_run(recipe, tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    short = "{class_path: n2s.studies.SimulatedMEG, init_args: {n_subjects: 1, stories: [lighthouse.en, train, orchestra], max_story_s: 40.0}}"
    few = {"data__studies": f"{{simulated: {short}}}", "model__n_permutations": 20}
    found = step_and_test(run_n2s, f"{recipe}.yaml", **few)["scores"]
    for rows in found.values():
        assert {"model", "permuted", "audio only", "commonest"} <= set(rows)
        assert all(0 <= by_subject["all subjects"]["mean"] <= 1 for by_subject in rows.values())
    if recipe == "speech_detection":
        path = next(tmp_path.rglob("last.ckpt"))
        kept = torch.load(path, weights_only=True)["hyper_parameters"]["augment"]["init_args"]
        assert kept["sfreq"] == 50.0  # that of the data's windows
