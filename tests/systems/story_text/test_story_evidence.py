"""The increments of the search are differences of log-likelihoods."""

import numpy as np
import pytest
import torch

from n2s.data import FIR, Glover, Lags
from n2s.models import StoryLikelihood
from n2s.studies.study import Impulses
from n2s.systems.story_text.evidence import BrainEvidence, EncodingModel, Placed

F, V = 3, 5
CASES = {
    "FIR, volumes of 2 s": (FIR(), 2.0, 40),
    "FIR, middle of volumes of 1.4 s": (FIR([1, 2, 4], reference=0.5), 1.4, 50),
    "lags, 25 Hz": (Lags(-0.1, 0.5), 0.04, 900),
    "Glover, volumes of 2 s": (Glover(), 2.0, 40),
}


def a_model(response, step_s, seed=0) -> tuple[EncodingModel, StoryLikelihood]:
    rng = np.random.default_rng(seed)
    d = len(response.delays_s(step_s)) * F
    weights, half = torch.from_numpy(rng.normal(size=(d, V))), rng.normal(size=(V, V))
    likelihood = StoryLikelihood(weights, torch.from_numpy(half @ half.T / V))
    intercept, mean = torch.from_numpy(rng.normal(size=V)), torch.from_numpy(rng.normal(size=F))
    return EncodingModel(weights, intercept, likelihood.to_features, likelihood.curvature, mean), likelihood


@pytest.mark.parametrize("name", CASES)
def test_gains_are_differences_of_log_likelihoods_over_all_rows(name):
    response, step_s, n_rows = CASES[name]
    rng, (model, likelihood) = np.random.default_rng(1), a_model(response, step_s)
    first_s = 7 * step_s  # a story in the middle of a run
    times_s = np.sort(first_s - 3 + rng.random(40) * (n_rows * step_s + 4))  # also beyond both ends
    responses = torch.from_numpy(rng.normal(size=(2, n_rows, V)))
    placed = Placed.of(response, times_s, first_s, n_rows, step_s)
    evidence = BrainEvidence(model, placed, responses)
    chosen = torch.from_numpy(rng.normal(size=(40, F)))

    def total(values: torch.Tensor, which: int) -> float:
        n_before = 7
        rows = response.columns(Impulses(values.numpy().astype(np.float64), times_s), n_before + n_rows, step_s)[
            n_before:
        ]
        return likelihood.log_likelihood(torch.from_numpy(rows).double(), responses[which] - model.intercept)

    values = model.mean_word.repeat(40, 1)
    for word in range(40):
        candidates = torch.stack([chosen[word], torch.from_numpy(rng.normal(size=F))])
        for which in range(2):
            history = chosen[None, max(0, word - evidence.n_before) : word]
            found = evidence.gains(
                word, history, torch.zeros(2, dtype=int), torch.zeros(2), torch.tensor([which]), candidates
            )
            before = total(values, which)
            for number, one in enumerate(candidates):
                changed = values.clone()
                changed[word] = one
                # columns of response models are float32
                assert found[number].item() == pytest.approx(total(changed, which) - before, rel=1e-4, abs=1e-4)
        values[word] = chosen[word]


def test_features_of_rows_are_those_of_the_response_model():
    response, step_s, n_rows = FIR(), 2.0, 30
    rng = np.random.default_rng(2)
    times_s, values = np.sort(rng.random(50) * 60), rng.normal(size=(50, F))
    placed = Placed.of(response, times_s, 0.0, n_rows, step_s)
    expected = response.columns(Impulses(values, times_s), n_rows, step_s)
    found = placed.rows(torch.from_numpy(values)).flatten(1)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    back = torch.from_numpy(rng.normal(size=(n_rows, 4, F)))
    # one is the transpose of the other
    assert torch.allclose(
        (found * back.flatten(1)).sum(), (placed.sums(back) * torch.from_numpy(values)).sum(), atol=1e-6
    )


def test_words_before_the_first_row_count_as_mean_words():
    response, step_s, n_rows = FIR(), 2.0, 20
    rng, (model, likelihood) = np.random.default_rng(3), a_model(response, step_s)
    earlier_s, times_s = np.arange(20.5, 40, 0.7), np.arange(40.2, 70, 0.6)
    responses = torch.from_numpy(rng.normal(size=(1, n_rows, V)))
    placed, before = (Placed.of(response, one, 40.0, n_rows, step_s) for one in (times_s, earlier_s))
    evidence = BrainEvidence(model, placed, responses, before)
    values = model.mean_word.repeat(len(earlier_s) + len(times_s), 1)
    candidate = torch.from_numpy(rng.normal(size=(1, F)))

    def total() -> float:
        heard = Impulses(values.numpy(), np.r_[earlier_s, times_s])
        rows = response.columns(heard, 20 + n_rows, step_s)[20:]
        return likelihood.log_likelihood(torch.from_numpy(rows).double(), responses[0] - model.intercept)

    none = torch.zeros(1, dtype=int)
    found = evidence.gains(0, torch.zeros(1, 0, F).double(), none, torch.zeros(1), none, candidate)
    before_choice = total()
    values[len(earlier_s)] = candidate[0]
    assert found.item() == pytest.approx(total() - before_choice, rel=1e-4, abs=1e-4)
