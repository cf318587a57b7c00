"""Recipes that pages of the site show and no other test runs: a step, on their simulated study in small."""

import pytest
from recipe_runs import step_and_test

pytestmark = pytest.mark.slow


@pytest.fixture
def step(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    return lambda *recipes, **changes: step_and_test(run_n2s, *recipes, **changes)


@pytest.mark.nightly
def test_two_simulated_talkers(step):
    found = step(
        "linear.yaml",
        "data_linear/simulated_talkers.yaml",
        data__studies__simulated__init_args__n_subjects=1,
        data__studies__simulated__init_args__max_story_s=40.0,
        model__attention_s="[5.0]",
        trainer__limit_train_batches=1.0,  # a batch is a fold of a person: all are fitted
    )["scores"]
    rows = found["attended, 5 s"]
    assert rows["chance"]["all subjects"]["mean"] == 0.5
    assert max(by["all subjects"]["mean"] for by in rows.values()) > 0.6


@pytest.mark.nightly
def test_sources_of_two_scanners(step):
    found = step(
        "fusion_sources.yaml",
        data__studies__meg__init_args__n_subjects=1,
        data__studies__fmri__init_args__n_subjects=1,
    )["scores"]
    assert found
