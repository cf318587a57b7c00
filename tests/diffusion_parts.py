"""Small parts of AudioLDM 2, written with diffusers and transformers alone, to compare with."""

import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

PUBLISHED = {  # AudioLDM 2
    "num_train_timesteps": 1000,
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "set_alpha_to_one": False,
}


def small_unet(channels=(8, 16, 16, 16), heads=(1, 2, 2, 2), contexts=(None, 24, 40), latent_channels=8):
    torch.manual_seed(0)
    unet = AudioLDM2UNet2DConditionModel(
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        block_out_channels=channels,
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=heads,
        cross_attention_dim=[list(contexts)] * 4,
    )
    for name, parameter in unet.named_parameters():  # attention that is not flat: the number of heads matters
        if name.endswith(("to_q.weight", "to_k.weight")):
            parameter.data.mul_(3)
    return unet.eval()


def small_vae(**changed):
    torch.manual_seed(1)
    sizes = {
        "in_channels": 1,
        "out_channels": 1,
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "block_out_channels": (8, 16, 16),
        "layers_per_block": 1,
        "latent_channels": 8,
        "norm_num_groups": 4,
        "scaling_factor": 0.41,
    }
    return AutoencoderKL(**{**sizes, **changed}).eval()


def small_vocoder(**changed):
    torch.manual_seed(2)
    sizes = {
        "model_in_dim": 64,
        "sampling_rate": 16000,
        "upsample_initial_channel": 32,
        "upsample_rates": [5, 4, 2, 2, 2],
        "upsample_kernel_sizes": [16, 16, 8, 4, 4],
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3]],
        "normalize_before": False,
    }
    vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(**{**sizes, **changed})).eval()
    for parameter in vocoder.parameters():  # as it comes, it is as good as silent
        torch.nn.init.normal_(parameter, std=0.1)
    return vocoder
