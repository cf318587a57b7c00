"""Public fMRI studies as encoding models take them: blocks and stories as units, repeats, and a clock that the datamodule accepts."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from trees_fmri import lebel2023, li2022, nastase2021, schoffelen2019fmri, smn4langfmri
from trees_fmri.fmriprep import write_words

from n2s import features
from n2s.data import FIR, EncodingDataModule, Glover, SplitByStory
from n2s.errors import UserError
from n2s.features import PhoneRate, WordRate
from n2s.studies import Lebel2023, Li2022, Nastase2021, Schoffelen2019FMRI, SMN4LangFMRI
from n2s.studies.bold_cleaning import BoldCleaning


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))


def ready(*given, **options):
    data = EncodingDataModule(*given, **options)
    data.setup("fit")
    return data


@pytest.mark.slow
def test_blocks_of_sentences_are_dealt_to_folds(tmp_path):
    """One listener at a time: people heard the sentences in other orders, so that the blocks of several are one unit."""
    root = schoffelen2019fmri.write_tree(tmp_path / "mous")
    for path in (root / "stimuli" / "audio_files").glob("*.wav"):
        write_words(path.with_suffix(".TextGrid"), (("het", 0.1, 0.3), ("kind", 0.3, 0.7)), duration_s=1.5)

    def mous(**options):
        return {"mous": Schoffelen2019FMRI(str(root), cleaning=BoldCleaning(confounds=("motion6",)), **options)}

    shared = {"n_folds": 3, "detrend": "block"}
    data = ready(mous(subjects=["A2002"]), {"words": WordRate()}, Glover(), **shared)
    rows = data.rows("mous/A2002")
    assert (
        set(rows.unit) - {""} == {f"mous/A2002-sentences-0{i}" for i in (1, 2, 3)}
        and 2 <= len(data.folds("mous/A2002")) <= 3
    )
    for fold in data.folds("mous/A2002"):
        assert rows.unit[fold.test].nunique() == 1 and not set(rows.unit[fold.test]) & set(fold.groups)
        train, test = data.responses("mous/A2002", fold)
        assert np.isfinite(train).all() and np.isfinite(test).all() and train.shape[1] == 20484
    with pytest.raises(UserError, match="only 1 units"):
        ready(mous(), {"words": WordRate()}, Glover(), **shared)


@pytest.mark.slow
def test_ten_presentations_of_the_test_story(tmp_path):
    root = lebel2023.write_tree(tmp_path / "ds003020", rate_hz=4000)
    study = Lebel2023(str(root), subjects=["UTS01"], stories="all", repeats=True)
    data = ready(
        {"lebel": study},
        {"words": WordRate(), "phones": PhoneRate()},
        FIR(),
        trim_s=(2.0, 2.0),
        split=SplitByStory(test=[], val=[]),
    )
    rows, (fold,) = data.rows("lebel/UTS01"), data.folds("lebel/UTS01")
    assert set(rows.story[fold.test]) == {"wheretheressmoke"} and "wheretheressmoke" not in set(rows.story[fold.train])
    (repeats,) = data.repeats("lebel/UTS01").values()
    assert len(repeats) == 10 and repeats.shape[2] == lebel2023.N_VOXELS["UTS01"]
    assert data.design("lebel/UTS01", fold, "words")[0].any()


@pytest.mark.slow
def test_versions_of_a_story_are_one_unit(tmp_path):
    study = Nastase2021(
        str(nastase2021.write_tree(tmp_path / "narratives")),
        tasks=["pieman", "piemanpni", "milkyway", "notthefallintact"],
    )
    data = ready({"stories": study}, {"words": WordRate()}, Glover(), n_folds=2)
    units = {one: set(data.rows(one).unit) - {""} for one in data.subjects}
    assert units["stories/001"] & units["stories/201"] == {next(iter(units["stories/001"] & units["stories/201"]))}
    assert len(units["stories/001"] | units["stories/201"]) == 3  # Pie Man, Milky Way, Not the fall


@pytest.mark.parametrize(
    "name, tree, study",
    [
        ("nastase2021", nastase2021, lambda root: Nastase2021(root, tasks=["pieman"])),
        ("li2022", li2022, Li2022),
        ("smn4langfmri", smn4langfmri, SMN4LangFMRI),
        ("lebel2023", lebel2023, lambda root: Lebel2023(root, subjects=["UTS01"])),
    ],
)
def test_a_recipe_asks_for_no_phones_that_a_study_has_not(tmp_path, name, tree, study):
    """Three of them ended with "has no phones", after all runs were prepared."""
    configs = Path(__file__).parents[2] / "configs"
    base, own = (
        yaml.safe_load((configs / one).read_text()) for one in ("brain_scores.yaml", f"data_encoding/{name}.yaml")
    )
    init = base["data"]["init_args"] | own["data"]["init_args"]
    kinds = [getattr(features, one["class_path"].rpartition(".")[2]) for one in init["features"].values()]
    needed = {one.table[:-1] for one in kinds if hasattr(one, "table")}
    found = study(str(tree.write_tree(tmp_path / name)))
    assert needed <= set(found.events(found.recordings()[0]).kind)
    model = base["model"]["init_args"] | own.get("model", {}).get("init_args", {})
    spaces = [space for one in model["networks"].values() for space in one] + model["controls"] + model["banded"]
    assert set(spaces) == set(init["features"])
