"""The published sizes with random weights: one batch through all networks, forward and back."""

import pytest
import torch

from n2s.models import AcousticDecoder, AudioMAE
from n2s.models.audiomae import n_patches
from n2s.models.brain_to_sound import BrainToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems import Acoustic


@pytest.mark.slow
def test_one_step_of_the_full_size_fine_stage():
    torch.manual_seed(0)
    n, n_voxels = n_patches(1.5), 900
    ridge = FittedRidge()
    ridge.voxel_mean, ridge.intercept = torch.zeros(n_voxels), torch.zeros(512)
    ridge.selected = torch.stack([torch.randperm(n_voxels)[:500] for _ in range(512)])
    ridge.weights = 0.01 * torch.randn(512, 500)
    audiomae = AudioMAE(depth=0)  # the encoder has made the targets; it is not in the network
    made = BrainToSound(
        ridge, ridge.strongest(768), torch.zeros(n, 768), torch.ones(n, 768),
        decoder=AcousticDecoder(), audiomae=audiomae, semantic=True,
    )  # fmt: skip
    counts = {
        name: sum(p.numel() for p in part.parameters() if p.requires_grad) for name, part in made.named_children()
    }
    assert counts["tokens"] == 512 * 768 + 768  # 768 voxels are the token as they are
    decoder = sum(p.numel() for name, p in made.audiomae.named_parameters() if name.startswith(("decoder_", "mask_")))
    assert round(decoder / 1e6, 2) == 51.34

    class Batch:
        brain, target = torch.randn(1, n_voxels), torch.randn(1, n, 768)
        spectrogram, subject = torch.randn(1, 128, 2 * n), 0
        inputs = (brain,)

    task = Acoustic(AcousticDecoder(depth=1), AudioMAE(depth=0, decoder_depth=0))
    task.network = lambda batch: made
    loss, parts = task._losses(Batch, torch.randn(1, 512))
    loss.backward()
    assert n == 80 and set(parts) == {"tokens", "blocks", "mel_of_true", "mel"} and torch.isfinite(loss)
    for part in (made.tokens.semantic, made.decoder.transformer.encoder, made.audiomae.decoder_blocks[15]):
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in part.parameters())
