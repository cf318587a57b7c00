"""Every YAML in configs/ is accepted by the command, alone or over its base recipe, and the paper's hold its numbers."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from n2s import __main__ as command
from n2s.systems.contrastive.task import SAME

CONFIGS = Path(__file__).parents[1] / "configs"
BASE, PAPER = CONFIGS / "meg_contrastive.yaml", CONFIGS / "paper" / "defossez2023"
LIU = CONFIGS / "paper" / "liu2024"  # whole recipes, whose values test_liu2024_table.py compares
FMRI = ("fmri_semantic", "fmri_acoustic", "fmri_mel", "fmri_audio")
ENCODING = (
    "brain_scores",
    "brain_scores_meg",
    "cross_language",
    "dyslexia",
    "high_gamma",
    "linear",
    "story_text",
    "story_text_across",
    "story_text_meg",
    "tracking",
)
OVERLAYS = (
    "data_cross_language",
    "data_high_gamma",
    "data_linear",
    "data_story_text",
    "data_story_text_across",
    "data_tracking",
)  # of the recipe of that name
EVENTS = ("heard_spoken", "imagined", "phones", "production", "production_text", "speech_detection")
LIE_OVER = {"phones_vote": "phones", "fmri_mel_ridge": "fmri_mel", "production_raw": "production"}
LIE_OVER |= {"fusion_meg": "fusion", "fusion_fmri": "fusion"}
LIBRIBRAIN = ("libribrain2025", "libribrain2026")  # folders of whole recipes
WHOLE = ("meg_contrastive", "meg_acoustic", "meg_audio", *FMRI, *ENCODING, *EVENTS, "speech_net", "fusion_likelihoods")
MILLET = CONFIGS / "paper" / "millet2021"
#: Sweeps: test_sweeps.py; studies for encoding models: commands/test_studies.py.
RECIPES = sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent.name not in ("sweeps", "data_encoding"))
STUDIES = ("brennan2019", "broderick2019", "gwilliams2022", "schoffelen2019")


@pytest.fixture(scope="module")
def printed():
    """What the command printed of each group of files: several tests ask for the same."""
    return {}


@pytest.fixture
def parsed(monkeypatch, capsys, printed):
    """The complete config that the command would run."""

    def parse(*paths):
        if paths not in printed:
            printed[paths] = printed_by(*paths)
        return yaml.load(printed[paths], yaml.CSafeLoader)  # a copy

    def printed_by(*paths):
        words = [
            word for path in paths for word in ("--trainer" if path.parent.name == "trainer" else "--config", str(path))
        ]
        monkeypatch.setattr(sys, "argv", ["n2s", "fit", *words, "--print_config"])
        with pytest.raises(SystemExit) as stopped:
            command.main()
        said = capsys.readouterr()
        assert stopped.value.code in (0, None), said.err
        return said.out

    return parse


def _given(path):
    """The files that a recipe is given with: the paper's studies and ablations lie over its base."""
    if path.stem == "phoneme_vote":
        return [path.parent / "phoneme.yaml", path]
    whole = path.stem in WHOLE or (path.stem.startswith("fusion") and path.stem not in LIE_OVER)
    if whole or path.parent == LIU or path.parent.name in LIBRIBRAIN:
        return [path]
    if path.parent == MILLET:
        return [MILLET / "base.yaml", path]
    if path.parent.name == "millet2021_small":
        return [CONFIGS / "speech_net.yaml", path]
    if path.stem in LIE_OVER:
        return [CONFIGS / f"{LIE_OVER[path.stem]}.yaml", path]
    if path.parent.name == "data_encoding":
        return [CONFIGS / "brain_scores.yaml", path]
    if path.parent.name in OVERLAYS:
        return [CONFIGS / f"{path.parent.name.removeprefix('data_')}.yaml", path]
    if path.parent.name == "data_fmri":
        return [CONFIGS / "fmri_semantic.yaml", path]
    if path.parent.name == "data_fusion":
        return [CONFIGS / "fusion_likelihoods.yaml", path]
    if path.parent == PAPER and path.name != "base.yaml":
        return [PAPER / "base.yaml", path]
    if path.parent.name == "ablations":
        return [PAPER / "base.yaml", PAPER / "gwilliams2022_mel.yaml", path]
    return [BASE, path]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_recipe_is_accepted(path, parsed):
    config = parsed(*_given(path))
    fmri = path.stem.startswith("fmri_") or path.parent.name in ("data_fmri", LIU.name)
    encoding = path.stem in ENCODING or path.parent.name in ("data_encoding", *OVERLAYS)
    speech = path.stem == "speech_net" or path.parent.name.startswith("millet2021")
    kinds = {
        "Event": path.stem in (*EVENTS, "phones_vote", "production_raw") or path.parent.name in LIBRIBRAIN,
        "Encoding": encoding,
        "Paired": path.stem.startswith("fusion") or path.parent.name == "data_fusion",
        "FMRI": fmri,
        "Corpus": speech,
        "MEG": True,
    }
    kind = next(kind for kind, true in kinds.items() if true)
    assert config["data"]["class_path"] == f"n2s.data.{kind}DataModule"
    own = yaml.safe_load(path.read_text())
    for part in ("data", "model"):  # nothing of the overlay got lost
        for key, value in own.get(part, {}).get("init_args", {}).items():
            found = config[part]["init_args"][key]
            if isinstance(value, dict) and "class_path" in value:
                assert found["class_path"] == value["class_path"]
                given = value.get("init_args", {}).items()
                plain = {name: one for name, one in given if "class_path" not in str(one)}
                said = {name: one for name, one in plain.items() if not str(one).startswith("${")}
                assert said.items() <= found["init_args"].items() or key == "encoder"
            elif not isinstance(value, dict):
                assert found == value


@pytest.mark.parametrize("recipe", FMRI)
@pytest.mark.parametrize("study", sorted((CONFIGS / "data_fmri").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_fmri_study_lies_over_every_fmri_recipe(recipe, study, parsed):
    config = parsed(CONFIGS / f"{recipe}.yaml", study)
    assert list(config["data"]["init_args"]["studies"]) == [study.stem]  # in place of the simulated one
    assert (config["data"]["init_args"]["roi"] == "auditory") == study.stem.startswith("simulated")


def test_studies_of_pairs_are_in_place_of_the_simulated_ones(parsed):
    for path in sorted((CONFIGS / "data_fusion").glob("*.yaml")):
        data = parsed(CONFIGS / "fusion_likelihoods.yaml", path)["data"]["init_args"]
        assert not any("Simulated" in one["class_path"] for one in data["studies"].values()) and data["roi"] is None
        assert data["segment_s"] == (3.0 if path.stem == "mous" else 10.0) and data["people"] in ("same", "strangers")


def test_the_papers_numbers(parsed):
    config = parsed(PAPER / "base.yaml", PAPER / "gwilliams2022_wav2vec2.yaml")
    data, model = config["data"]["init_args"], config["model"]["init_args"]
    encoder = model["encoder"]["init_args"]
    assert (encoder["n_virtual"], encoder["hidden"], encoder["depth"], encoder["dropout"]) == (270, 320, 10, 0.0)
    assert model["loss"]["init_args"] == {"normalize": "target", "temperature": None, "symmetric": False}
    assert model["optimizer"]["class_path"] == "torch.optim.Adam" and model["optimizer"]["init_args"]["lr"] == 3e-4
    assert model["target_encoder"] is None and model["scheduler"] is None
    assert (data["batch_size"], data["clamp"], data["offset_s"], data["baseline_s"]) == (256, 20.0, 0.15, 0.5)
    preprocessing = data["preprocessing"]["init_args"]
    assert (
        preprocessing["sfreq"] == 120.0 and preprocessing["highpass_hz"] is None and preprocessing["picks"] == ["mag"]
    )
    assert data["test_windows"]["class_path"] == "n2s.data.WordOnsets"
    assert data["target"]["init_args"]["layers"] == [14, 15, 16, 17, 18]
    split = data["split"]["init_args"]
    assert (split["val_fraction"], split["test_fraction"], split["min_block_s"], split["seed"]) == (0.1, 0.2, 6.0, 12)
    assert config["trainer"]["callbacks"][1]["init_args"]["patience"] == 10
    assert config["experiment"] == "defossez2023_gwilliams2022_wav2vec2"


@pytest.mark.parametrize("kind", ["dutch", "english", "bengali", "scenes"])
def test_the_networks_of_millet_2021_have_its_numbers(kind, parsed):
    config = parsed(MILLET / "base.yaml", MILLET / f"{kind}.yaml")
    data, model = config["data"]["init_args"], config["model"]["init_args"]
    optimizer, schedule = (model[name]["init_args"] for name in ("optimizer", "scheduler"))
    assert model["network"]["init_args"] == {"channels": [32, 64, 96], "hidden": 256}
    assert data["spectrogram"]["init_args"] | {"floor": 0} == {
        "n_bins": 160, "sfreq": 16000, "window_s": 0.02, "hop_s": 0.01, "floor": 0
    }  # fmt: skip
    assert (optimizer["lr"], optimizer["momentum"], schedule["power"]) == (1e-3, 0.9, 2.0)
    assert schedule["total_iters"] == model["max_steps"] == 70_000
    assert (data["batch_size"], data["max_s"], data["val_fraction"], data["test_fraction"]) == (8, 20.0, 0.1, 0.1)
    assert data["hours"] == (None if kind == "scenes" else 66.33)
    assert config["experiment"] == f"millet2021_{kind}"


def test_the_paper_has_a_recipe_for_every_study_and_target():
    made = {path.stem for path in PAPER.glob("*.yaml")} - {"base"}
    assert made == {f"{study}_{target}" for study in STUDIES for target in ("mel", "deepmel", "wav2vec2")}
    told = (PAPER / "README.md").read_text()
    assert all(f"`{name}.yaml`" in told or name.rpartition("_")[0] in told for name in made)
    assert all(f"`{path.name}`" in told for path in (PAPER / "ablations").glob("*.yaml"))


def test_ablations_take_their_part_out(parsed):
    whole = parsed(PAPER / "base.yaml", PAPER / "gwilliams2022_mel.yaml")
    for path in sorted((PAPER / "ablations").glob("*.yaml")):
        config = parsed(PAPER / "base.yaml", PAPER / "gwilliams2022_mel.yaml", path)
        changed = {
            f"{part}.{key}"
            for part in ("data", "model")
            for key in whole[part]["init_args"]
            if config[part]["init_args"][key] != whole[part]["init_args"][key]
        }
        assert changed == ({"data.clamp"} if "clamp" in path.name else {"model.encoder"}), path.name


@pytest.mark.parametrize("recipe", ["meg_acoustic", "meg_audio"])
def test_the_sound_stages_of_meg_take_the_recordings_and_splits_of_the_encoder(recipe, parsed):
    encoder, config = (parsed(path)["data"]["init_args"] for path in (BASE, CONFIGS / f"{recipe}.yaml"))
    assert {key: config[key] for key in SAME} == {key: encoder[key] for key in SAME}
    sfreq = config["preprocessing"]["init_args"]["sfreq"]
    times = round(config["window_s"] * sfreq) - round(config["offset_s"] * sfreq)
    assert times / sfreq == config["target"]["init_args"]["duration_s"]


@pytest.mark.slow
@pytest.mark.parametrize("study", sorted((CONFIGS / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_meg_study_lies_over_the_sound_stages(study, parsed):
    for recipe in ("meg_acoustic", "meg_audio"):
        assert list(parsed(CONFIGS / f"{recipe}.yaml", study)["data"]["init_args"]["studies"]) == [study.stem]


@pytest.mark.parametrize(
    "path", [path for path in RECIPES if "data_of:" in path.read_text()], ids=lambda path: path.stem
)
def test_later_stages_have_the_data_of_the_earlier_one(path, parsed):
    recipe = yaml.safe_load(path.read_text())
    own = recipe.get("data", {}).get("init_args", {})
    mine, theirs = (parsed(one)["data"] for one in (path, path.parent / recipe["data_of"]))
    assert mine["class_path"] == theirs["class_path"] and own.keys() <= mine["init_args"].keys()
    assert {name for name, value in mine["init_args"].items() if theirs["init_args"][name] != value} <= own.keys()


def test_every_later_stage_says_whose_data_it_takes():
    """A data block that is copied is mended in one place and forgotten in the other."""
    after = {path.stem for path in RECIPES if re.search(r"(semantic|encoder|acoustic)_run: ", path.read_text())}
    assert len(after) == 10 and after <= {path.stem for path in RECIPES if "data_of:" in path.read_text()}


@pytest.mark.parametrize("path", sorted((CONFIGS / "data_encoding").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_study_lies_over_the_recipe_of_brain_scores(path, parsed):
    config, own = parsed(CONFIGS / "brain_scores.yaml", path), yaml.safe_load(path.read_text())
    assert config["data"]["class_path"] == "n2s.data.EncodingDataModule"
    given, found = own["data"]["init_args"], config["data"]["init_args"]
    assert list(found["studies"]) == list(given["studies"])  # in place of the simulated one
    assert found["n_folds"] == given.get("n_folds", 4)
    assert list(found["features"]) == list(
        given.get("features", ("mel", "phones", "word_rate", "phone_rate", "untrained"))
    )
    if path.stem.startswith("millet2021"):
        untrained = found["features"]["untrained"][
            "init_args"
        ]  # of the recipe below, one seed and one layer would be left
        dutch = found["features"]["dutch"]["init_args"]
        assert untrained["seeds"] == [0, 1, 2, 3, 4, 5] and untrained["layers"] == dutch["layers"]
    if path.stem == "millet2021":
        model = config["model"]["init_args"]
        assert (
            list(model["networks"]) == ["dutch", "english", "bengali", "scenes", "untrained"]
            and model["banded"] is None
        )
        assert found["n_folds"] == 12 and found["detrend"] == "block" and model["alphas"] is None  # 20 from 10 to 1e8
