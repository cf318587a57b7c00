"""Names, penalties and repeats that a laboratory may bring: a region called all, one penalty, a sound heard twice, people who heard unlike stories."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from bilingual import TwoLanguages
from cross_language_runs import data_of, outcome

from n2s.errors import UserError
from n2s.findings import kept
from n2s.models.encoding_ridge import EncodingRidge
from n2s.systems.cross_language.fit import best_voxels
from n2s.systems.cross_language.identification import heard_once
from n2s.systems.cross_language.people import Examples, Trained


class Named(TwoLanguages):
    """Its first region is called as all voxels are."""

    def regions(self):
        found = super().regions()
        return {"all": found.pop("shared")} | found


def test_a_region_named_all_is_not_all_voxels(tmp_path):
    data = data_of(tmp_path, studies={"two": Named(tmp_path, n_each=3)}, n_folds=2)
    model = {"controls": [], "decode": False, "alphas": [10.0], "n_shifts": 2, "n_bootstrap": 2, "n_draws": 1}
    result = outcome(tmp_path, data, known={"shared": "all", "es": "private_es"}, **model)
    own = result.cells[(result.cells.cell == "es->es") & (result.cells.subject == "two/01")].set_index("region")
    assert own.n["all"] == 12 and own.n["all (region)"] == 3
    assert own.value["all (region)"] > own.value["all"] + 0.1
    assert set(result.known.truth) == {"shared", "es"}
    assert result.known[result.known.truth == "shared"].n.sum() == 3


def examples(n_stories: int) -> Examples:
    """Voxel 3 of 5 answers to the features, voxel 1 somewhat."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((120, 4))).float()
    y = torch.from_numpy(rng.standard_normal((120, 5))).float()
    y[:, 3] += 3 * x[:, 0]
    y[:, 1] += x[:, 1]
    return Examples(x, y, [f"s{row * n_stories // 120}" for row in range(120)])


@pytest.mark.parametrize("alphas", [[10.0], [10.0, 100.0]])
def test_one_penalty_chooses_voxels_too(alphas):
    given = examples(4)
    ridge = EncodingRidge(alphas, n_folds=2).fit(given.x, given.y, given.groups)
    assert best_voxels(ridge, given, 2, "here").tolist() == [1, 3]
    assert best_voxels(ridge, given, None, "here").tolist() == [0, 1, 2, 3, 4]


def test_voxels_cannot_be_chosen_in_one_story():
    given = examples(1)
    ridge = EncodingRidge([10.0]).fit(given.x, given.y)
    with pytest.raises(UserError, match="model.n_voxels is 2 of 5.*of one story.*null"):
        best_voxels(ridge, given, 2, "here")
    assert len(best_voxels(ridge, given, 5, "here")) == 5


def test_a_sound_heard_twice_is_one_candidate():
    """The second presentation of b lies half a row later, and its last segment was not heard before."""
    stimulus = ["a"] * 6 + ["b"] * 4 + ["b"] * 6
    seconds = [*np.arange(6) * 2.0, *np.arange(4) * 2.0, *(np.arange(6) * 2.0 + 0.5)]
    table = pd.DataFrame({"stimulus": pd.Categorical(stimulus), "stimulus_s": seconds})
    inputs = SimpleNamespace(rows=SimpleNamespace(table=table), subject="s", data=SimpleNamespace(rate_hz={"s": 0.5}))
    segments = np.arange(16).reshape(8, 2)
    assert heard_once(inputs, segments)[:, 0].tolist() == [0, 2, 4, 6, 8, 14]
    assert heard_once(inputs, segments[:0]).shape == (0, 2)


class Unlike(TwoLanguages):
    """In es, 01 heard two stories, 03 three of four."""

    def recordings(self):
        heard = {"01": ("tale0", "tale2"), "03": ("tale0", "tale1", "tale3")}
        return [one for one in super().recordings() if one.task in heard.get(one.subject, (one.task,))]


@pytest.mark.slow
def test_others_mean_is_of_the_stories_of_who_heard_most(tmp_path):
    heard = {"01": ["es"], "02": ["es"], "03": ["es"], "04": ["eu"], "05": ["eu"], "06": ["eu"]}
    data = data_of(tmp_path, studies={"two": Unlike(tmp_path, n_subjects=6, heard=heard, n_each=1)}, n_folds=4)
    data.prepare_data()
    data.setup("fit")
    languages = {name: heard[name[-2:]] for name in data.subjects}
    told = {}
    for subject, expected in (("two/04", "two/02"), ("two/02", "two/03")):  # never 01, who comes first
        units = data.rows(subject).unit.astype(str).to_numpy()
        fold = next(one for one in data.folds(subject) if set(units[one.test]) == {"two/tale0"})
        with kept() as found:
            own = Trained(data, subject, fold, languages, people="others", n_people=None, equal=True, rate="", seed=0)
        assert own.sources["es"].inputs.subject == expected
        told[subject] = [one.text for one in found if "mean response" in one.text]
    assert not told["two/04"]  # who comes first heard all of it
    assert len(told["two/02"]) == 1 and "two/tale2 in es: others than two/03 heard it" in told["two/02"][0]
