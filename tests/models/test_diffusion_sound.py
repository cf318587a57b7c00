"""The spectrogram and the vocoders of AudioLDM against independent computations: frames, bands, lengths, rates, peaks."""

import numpy as np
import pytest
import torch
from diffusion_parts import small_vocoder

from n2s.errors import UserError
from n2s.models.diffusion import GriffinLim, clip_mel, log_mel, n_frames, to_sound


def speechlike(n, seed=0):
    """Harmonics of a gliding pitch under a slow envelope, and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 16000
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 1.5 * t)) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (1.1 + np.sin(2 * np.pi * 4 * t))
    return torch.from_numpy((0.1 * voice + 0.003 * rng.standard_normal(n)).astype(np.float32))


def slaney_filters():
    """(64, 513) float64, from the definition: linear to 1 kHz, then 27 bands for a factor of 6.4; unit area."""
    to_hz = lambda mel: np.where(mel < 15, 200 / 3 * mel, 1000 * 6.4 ** ((mel - 15) / 27))  # noqa: E731
    top = 15 + 27 * np.log(8) / np.log(6.4)
    edges = to_hz(np.linspace(0, top, 66))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(513) * 16000 / 1024
    triangles = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return triangles * 2 / (high - low)


def naive_mel(wav):
    """(l, 64), one frame at a time in float64."""
    padded = np.pad(wav.double().numpy(), 432, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = [padded[first : first + 1024] * hann for first in range(0, len(padded) - 1023, 160)]
    return np.log(np.maximum(np.abs(np.fft.rfft(frames)) @ slaney_filters().T, 1e-5))


@pytest.mark.parametrize(
    ("duration_s", "frames"), [(4, 416), (1.5, 160), (2, 224), (2.24, 224), (2.25, 256), (0.01, 32)]
)
def test_frames_are_the_next_multiple_of_32(duration_s, frames):
    assert n_frames(duration_s) == frames


def test_mel_is_that_of_the_definition():
    wav = speechlike(5120)
    mel = log_mel(wav[None])[0]
    assert mel.shape == (32, 64)
    assert np.abs(mel.numpy() - naive_mel(wav)).max() < 2e-3
    silent = log_mel(torch.zeros(1, 5120))
    assert torch.allclose(silent, torch.tensor(1e-5).log())


def test_mel_is_computed_in_float32_under_autocast():
    wav = speechlike(5120)[None]
    with torch.autocast("cpu", torch.bfloat16):
        mel = log_mel(wav)
    assert torch.equal(mel, log_mel(wav))


def test_a_clip_is_normalised_then_repeated():
    wav = speechlike(24000) * 3 + 0.2
    mel = clip_mel(wav, 16000, 1.5)
    centred = wav.double() - wav.double().mean()
    whole = (0.5 * centred / centred.abs().max()).repeat(2)[:25600]
    assert mel.shape == (160, 64)
    assert np.abs(mel.numpy() - naive_mel(whole)).max() < 2e-3
    assert torch.allclose(clip_mel(7 * wav - 1, 16000, 1.5), mel, atol=1e-3)  # loudness does not matter
    both = clip_mel(torch.stack([wav, speechlike(24000, 1)]), 16000, 1.5)
    assert torch.allclose(both[0], mel, atol=1e-5)
    assert torch.isfinite(clip_mel(torch.zeros(24000), 16000, 1.5)).all()


@pytest.mark.parametrize(
    ("wav", "sfreq", "said"),
    [
        (torch.zeros(66150), 22050, "22050 Hz; expected 16000"),
        (torch.zeros(20000), 16000, "n = 24000"),
        (torch.zeros(0), 16000, "n = 24000"),
        (torch.full((24000,), torch.nan), 16000, "NaN"),
    ],
)
def test_other_audio_is_an_error(wav, sfreq, said):
    with pytest.raises(UserError, match=said):
        clip_mel(wav, sfreq, 1.5)


def test_griffin_lim_is_heard_as_the_mel_it_is_made_from():
    mel = clip_mel(speechlike(24000), 16000, 1.5)
    wav, gain = to_sound(GriffinLim(), mel[None], 24000)
    assert wav.shape == (1, 24000)
    assert gain.item() == 1
    again = log_mel(torch.nn.functional.pad(wav, (0, 1600)))[0, 4:146]
    # against phases that nobody searched for
    unsearched, _ = to_sound(GriffinLim(n_iterations=0), mel[None], 24000)
    worse = log_mel(torch.nn.functional.pad(unsearched, (0, 1600)))[0, 4:146]
    error, error_unsearched = ((one - mel[4:146]).square().mean().sqrt().item() for one in (again, worse))
    assert error < 0.5
    assert error < 0.5 * error_unsearched
    assert np.corrcoef(again.flatten(), mel[4:146].flatten())[0, 1] > 0.97


def test_griffin_lim_of_silence_is_silent():
    mel = torch.full((1, 32, 64), 1e-5).log()
    wav, gain = to_sound(GriffinLim(), mel)
    assert wav.shape == (1, 5120)
    assert wav.abs().max() < 1e-3
    assert gain.item() == 1


def test_a_vocoder_makes_the_right_number_of_samples():
    vocoder = small_vocoder()
    mel = torch.randn(2, 160, 64)
    assert vocoder(mel).shape[1] == 160 * 160 + 32  # as the published one: cut at the end
    wav, _ = to_sound(vocoder, mel, 24000)
    assert torch.equal(wav, vocoder(mel)[:, :24000])
    assert to_sound(vocoder, mel)[0].shape == (2, 25600)


@pytest.mark.parametrize("n_samples", [25601, 0])
def test_more_samples_than_there_are_is_an_error(n_samples):
    with pytest.raises(UserError, match=f"{n_samples} samples are wanted of 160 frames"):
        to_sound(GriffinLim(1), torch.zeros(1, 160, 64), n_samples)


def test_a_vocoder_of_another_hop_is_an_error():
    other = small_vocoder(upsample_rates=[5, 4, 2, 2], upsample_kernel_sizes=[16, 16, 8, 4])
    with pytest.raises(UserError, match="of 32 frames; expected 160 a frame"):
        to_sound(other, torch.zeros(1, 32, 64))


def test_loud_sound_is_scaled_not_clipped_and_told():
    quiet, loud = 0.5 * torch.sin(torch.arange(800.0)), 4 * torch.sin(torch.arange(800.0))

    class Played(torch.nn.Module):
        def forward(self, mel):
            return torch.stack([quiet, loud])

    wav, gain = to_sound(Played(), torch.zeros(2, 5, 64))
    assert torch.equal(wav[0], quiet)
    assert wav[1].abs().max() <= 0.99
    assert torch.allclose(wav[1] / gain[1], loud, atol=1e-5)  # the shape stays
    assert gain[0] == 1
    assert gain[1] == pytest.approx(0.99 / loud.abs().max().item())
