"""Mel correlation and PSNR against scipy, torchmetrics and closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchmetrics.functional.image import peak_signal_noise_ratio

from n2s.metrics.clip_scores import Units, exchanged, summarize_clips, with_controls
from n2s.metrics.score import ALL
from n2s.metrics.spectrogram import mel_pcc, mel_psnr, unit_decibels


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return rng.uniform(size=(6, 8, 20)).astype(np.float32), rng.uniform(size=(6, 8, 20)).astype(np.float32)


def test_correlation_of_each_clip(clips):
    predicted, true = clips
    predicted = predicted + true
    expected = [stats.pearsonr(p.ravel(), t.ravel()).statistic for p, t in zip(predicted, true, strict=True)]
    np.testing.assert_allclose(mel_pcc(predicted, true), expected, atol=1e-6)
    np.testing.assert_allclose(mel_pcc(3 * true + 2, true), 1, atol=1e-6)
    np.testing.assert_allclose(mel_pcc(-true, true), -1, atol=1e-6)


def test_a_flat_prediction_correlates_with_nothing(clips):
    np.testing.assert_array_equal(mel_pcc(np.full_like(clips[1], 0.1), clips[1]), 0)
    tenth = np.full(clips[1].shape, 0.1)  # its mean is not quite 0.1
    np.testing.assert_array_equal(mel_pcc(tenth, clips[1]), 0)
    assert np.isnan(mel_pcc(clips[0], tenth)).all()  # with silence nothing could correlate


@pytest.mark.parametrize("data_range", [1.0, 80.0])
def test_psnr_of_each_clip(clips, data_range):
    predicted, true = clips
    expected = [
        peak_signal_noise_ratio(torch.from_numpy(p), torch.from_numpy(t), data_range=data_range)
        for p, t in zip(predicted, true, strict=True)
    ]
    np.testing.assert_allclose(mel_psnr(predicted, true, data_range=data_range), expected, rtol=1e-5)
    np.testing.assert_allclose(mel_psnr(true.astype(float) + 0.1, true, data_range=1), 20, atol=1e-6)  # a tenth: 20 dB
    assert np.isposinf(mel_psnr(true, true, data_range=1)).all()
    with pytest.raises(ValueError, match="data_range is 0"):
        mel_psnr(true, true, data_range=0)


def test_the_scale_of_the_literature():
    # full scale 1: (0 - 20 + 100) / 100; ten times less is 20 dB less; below -80 dB and above 20 dB it is cut
    np.testing.assert_allclose(unit_decibels(np.array([1.0, 0.1, 1e-4, 1e-9, 0.0, 100.0])), [0.8, 0.6, 0, 0, 0, 1])


def test_other_shapes_are_an_error(clips):
    with pytest.raises(ValueError, match=r"\(n, f, t\), both the same"):
        mel_pcc(clips[0][:, :4], clips[1])
    with pytest.raises(ValueError, match=r"\(n, f, t\), both the same"):
        mel_psnr(clips[0][0, 0], clips[1][0, 0], data_range=1)


def test_one_clip_alone(clips):
    assert mel_pcc(clips[0][2], clips[1][2]) == mel_pcc(*clips)[2]
    assert mel_psnr(clips[0][2], clips[1][2], data_range=1) == mel_psnr(*clips, data_range=1)[2]


def test_a_shared_shape_scores_high_without_any_brain():
    """The control that makes the number readable: what all clips share gives the shuffled brain the model's score."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(8, 20))
    true = shared + 0.3 * rng.normal(size=(40, 8, 20))
    predicted = shared + 0.3 * rng.normal(size=(40, 8, 20))
    subject, units = np.repeat(["a", "b"], 20), Units(np.arange(40), "clips")
    exchanges = exchanged(units.of, subject, n_permutations=20, seed=0)
    scores = with_controls(mel_pcc, predicted, true, exchanges=exchanges, means={"mean_prediction": shared})
    found = summarize_clips(scores, subject, units=units, bounds=(-1, 1))
    model, shuffled, mean = (found[row][ALL] for row in ("model", "shuffled", "mean_prediction"))
    assert model.mean > 0.85
    assert shuffled.low - 0.01 < model.mean < shuffled.high + 0.01
    assert mean.mean > model.mean
