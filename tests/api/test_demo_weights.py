"""The weights that come with n2s: small, whole, without paths; their cards say what they score, and they decode."""

import json
import re

import numpy as np
import pytest
import torch

import n2s
from benchmarks.demo_weights import DEMOS, HERE, MOST_BYTES, QUIET
from n2s.decoding.sounds import candidates_of
from n2s.errors import UserError
from n2s.metrics.score import Measure
from n2s.studies import SimulatedMEG

OPTIONS = {key.rpartition(".")[2]: value for key, value in DEMOS["meg_contrastive"][1].items() if ".studies." in key}


def files(name):
    return sorted((HERE / name).iterdir())


def test_every_demo_is_there_and_small():
    assert sorted(one.name for one in HERE.iterdir() if one.is_dir()) == sorted(DEMOS)
    sizes = {name: sum(path.stat().st_size for path in files(name)) for name in DEMOS}
    assert max(sizes.values()) <= MOST_BYTES and sum(sizes.values()) < 3_000_000, sizes


@pytest.mark.parametrize("name", list(DEMOS))
def test_a_demo_holds_no_path_and_its_card_says_what_it_scores(name):
    told = json.loads((HERE / name / "config.json").read_text())
    card = (HERE / name / "README.md").read_text()
    everything = json.dumps(told) + card + (HERE / name / "front.safetensors").read_bytes().decode("latin-1")
    assert not re.search(r"(?:/tmp|/home|/root|/work|/Users)/", everything)
    assert "CC0-1.0" in card and "Simulated: nobody was recorded" in card and "n2s decode" in card
    test = json.loads((HERE / name / "metrics.json").read_text())["test"]
    first, roles = next(iter(test["scores"])), {one: row["role"] for one, row in test["format"]["rows"].items()}
    rows = test["scores"][first]
    model = next(row for row in rows if roles[row] == "model")
    assert f"| {Measure(**test['format']['measures'][first]).text(rows[model]['all subjects']['mean'])}" in card
    assert "control" in {roles[row] for row in rows}
    assert " ".join(test["judgement"]["sentences"]) in card


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DEMOS))
def test_a_demo_loads_and_has_a_decoder(name):
    run = n2s.load(f"demo/{name}")
    assert run.folder == HERE / name and not run.model.training
    assert run.decoder.takes == ("bold" if "fmri" in name else "sensors")
    assert all(torch.isfinite(one).all() for one in run.model.state_dict().values() if isinstance(one, torch.Tensor))


@pytest.mark.slow
def test_a_held_out_story_is_found_where_nobody_says_who_hears_it(tmp_path):
    study = SimulatedMEG(**OPTIONS | {"n_subjects": 1, "stories": ["orchestra", "train"], "root": tmp_path})
    recordings = {one.task: one for one in study.recordings()}
    sounds = [study.audio(study.events(one).stimulus.iloc[0]) for one in recordings.values()]
    run = n2s.load("demo/meg_contrastive")
    events = study.events(recordings["orchestra"])
    began_s = float((events.onset - events.stimulus_onset).median())
    found = run.decode(study.load(recordings["orchestra"]), sounds, step_s=2.0, candidate_step_s=0.2)
    best = found.sounds.iloc[0]
    assert best["sound"].startswith("orchestra") and abs(best.start_s - began_s) < 0.4 and best.p < 0.05
    first = found.table[found.table["rank"] == 1]
    right = first["sound"].str.startswith("orchestra") & ((first.time_s - first.sound_s - began_s).abs() < 0.5)
    assert right.mean() > 10 / len(found.candidates)  # ten times chance


@pytest.mark.slow
def test_the_card_is_found_again_from_the_recordings_alone(tmp_path):
    """Windows of the test story, decoded as recordings of known people: the top-1 accuracy of the card, by another path."""
    run = n2s.load("demo/meg_contrastive")
    study = SimulatedMEG(**OPTIONS | {"stories": ["orchestra"], "root": tmp_path})
    sound, hits = study.audio("orchestra.en"), {}
    shape = run.decoder.shape
    for recording in study.recordings():
        events = study.events(recording)
        began_s = float((events.onset - events.stimulus_onset).median())
        target = candidates_of([sound], run.decoder.trained.target(), run.decoder.trained.front, shape, step_s=3.0)
        raw = study.load(recording).load_data()
        step = raw.copy().crop(tmin=began_s)  # so that windows begin with the story, as in the test
        estimates = torch.from_numpy(run.predict(step, subject=recording.subject, step_s=3.0).values)
        scores = np.concatenate([run.decoder._scores(estimates, one) for one in target.targets()], 1)
        n = min(scores.shape)
        hits[f"simulated/{recording.subject}"] = float((scores[:n, :n].argmax(1) == np.arange(n)).mean())
    told = run.metrics["test"]["scores"]["top1"]["model"]
    assert {one: told[one]["mean"] for one in hits} == pytest.approx(hits, abs=0.08)


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("name", list(DEMOS))
def test_a_demo_made_again_scores_the_same(name, tmp_path):
    """The recipe with the options of the demo, fitted and tested anew."""
    recipe, options = DEMOS[name]
    run = n2s.test(n2s.fit(recipe, QUIET | options, runs_dir=tmp_path, experiment=name), runs_dir=tmp_path)
    told, again = n2s.load(f"demo/{name}").scores, run.scores
    both = told.merge(again, on=["test_set", "score", "row", "subject"], suffixes=("", "_again"))
    assert len(both) == len(told) == len(again)
    assert np.allclose(both["mean"], both.mean_again, atol=0.02, equal_nan=True)


def test_no_demo_of_that_name():
    with pytest.raises(UserError, match="no run at demo/meg_contrastiv.*Nearest: demo/meg_contrastive"):
        n2s.load("demo/meg_contrastiv")
