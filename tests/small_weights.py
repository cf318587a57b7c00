"""Folders and files of small weights, random, in the formats of the published ones: recipes load them in their place."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler
from diffusion_parts import PUBLISHED, small_unet, small_vae, small_vocoder
from tokenizers.pre_tokenizers import ByteLevel
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

from n2s.models.audiomae import AudioMAE


def save_clap(folder, *, fused: bool):
    """A saved model, extractor and byte-level tokenizer, with the files of the published ones; random weights."""
    shared = {"projection_dim": 512, "initializer_factor": 5.0}
    text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    audio = {"hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16}
    if fused:
        audio |= {"enable_fusion": True}
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    config = ClapConfig(text_config=shared | text | {"vocab_size": len(words)}, audio_config=shared | audio)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if fused else "rand_trunc", frequency_min=50).save_pretrained(folder)
    RobertaTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    return folder


def save_audiomae(path: Path, sizes: dict, *, decoder: bool) -> Path:
    """As the published ``pretrained.pth``: the weights below the key ``model``; without the ``decoder`` as its ports are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        weights = AudioMAE(**sizes).state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not decoder:
        weights = {key: value for key, value in weights.items() if not key.startswith(("decoder_", "mask_token"))}
    torch.save({"model": weights, "epoch": 31}, path)
    return path


def save_audioldm2(folder: Path, condition_dim: int, *, text: bool) -> Path:
    """UNet, autoencoder, vocoder and schedule as diffusers saves them; ``text``: with the second context of ``audioldm2-full``."""
    contexts = (None, condition_dim, 40) if text else (None, condition_dim)
    with torch.random.fork_rng(devices=[]):
        small_unet(contexts=contexts).save_pretrained(folder / "unet")
        small_vae().save_pretrained(folder / "vae")
        small_vocoder().save_pretrained(folder / "vocoder")
    DDIMScheduler(**PUBLISHED).save_pretrained(folder / "scheduler")
    return folder
