"""AudioLDM 2 in the format of diffusers, from a Hugging Face id or a folder, and back into a folder."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from huggingface_hub import constants

from n2s.errors import UserError
from n2s.models.diffusion.latent_diffusion import LatentDiffusion
from n2s.models.diffusion.placed import PlacedLinear
from n2s.models.diffusion.vocoder import GriffinLim
from n2s.models.pretrained import load_pretrained
from n2s.paths import written_whole

if TYPE_CHECKING:
    from diffusers import AudioLDM2UNet2DConditionModel

PUBLISHED = {"full": "cvssp/audioldm2", "speech": "anhnct/audioldm2_gigaspeech"}
HEAD_CHANNELS = 32  # of every attention head of the published network


def load_audioldm2(
    id_or_folder: str | Path = "full",
    *,
    condition_dim: int = 768,
    griffin_lim: bool = False,
    keep_heads: bool = False,
) -> LatentDiffusion:
    """Load UNet, autoencoder, vocoder and schedule; no text encoder, no language model (0.4 of 1.1 billion weights).

    Only the folders ``unet``, ``vae``, ``vocoder`` and ``scheduler`` are read.

    Parameters
    ----------
    id_or_folder
        ``full`` (sound and music, cvssp/audioldm2), ``speech`` (anhnct/audioldm2_gigaspeech), another Hugging Face id, or
        a folder that holds the same files or that `save_audioldm2` wrote. The published weights are CC BY-NC-SA 4.0.
    condition_dim
        Width of the tokens that will be given: the UNet's first context must have it. 768: AudioMAE's.
    griffin_lim
        Make sound by `GriffinLim`; the folder then needs no vocoder.
    keep_heads
        Take the number of attention heads from the UNet's config even where it is one number for all levels. By default
        it is then corrected to one head for each 32 channels: the published UNets were trained with 8, 12 and 20 heads,
        but their configs of diffusers say 8, which changes the output by 1.5 %. Only for a UNet that was fine-tuned so.

    Returns
    -------
    LatentDiffusion
        In evaluation mode, float32, on the CPU.

    Raises
    ------
    UserError
        Nothing there and no network, a part missing, a UNet for tokens of another width, parts that do not fit.
    """
    from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler  # 3 s
    from transformers import SpeechT5HifiGan

    source = PUBLISHED.get(str(id_or_folder), str(id_or_folder))
    kinds = {"unet": AudioLDM2UNet2DConditionModel, "vae": AutoencoderKL, "scheduler": DDIMScheduler}
    if not griffin_lim:
        kinds["vocoder"] = SpeechT5HifiGan
    _check_folder(source, tuple(kinds))
    parts = {}
    for name, kind in kinds.items():
        try:
            parts[name] = load_pretrained(kind, source, subfolder=name)
        except UserError as error:
            raise UserError(f"{error} {_how_to_get(source, tuple(kinds))}") from error
    unet = parts["unet"] if keep_heads else _with_native_heads(parts["unet"])
    try:
        model = LatentDiffusion(unet, parts["vae"], parts.get("vocoder") or GriffinLim(), parts["scheduler"])
    except UserError as error:
        raise UserError(f"'{source}': {error}") from error
    if model.condition_dim != condition_dim:
        raise UserError(
            f"the UNet of '{source}' takes tokens of width {model.condition_dim} (cross_attention_dim "
            f"{unet.config.cross_attention_dim}); expected {condition_dim}. Give the folder of a UNet for tokens of that "
            "width, or condition_dim and tokens of its width."
        )
    return model.eval()


def save_audioldm2(model: LatentDiffusion, folder: str | Path) -> Path:
    """Write all parts in the format of diffusers, so that `load_audioldm2` gives the same numbers; whole or not at all.

    Adapters must be merged first. Griffin-Lim has no weights: load with ``griffin_lim=True``.

    Raises
    ------
    UserError
        The folder exists and is not empty; the UNet has adapters that are not merged, or placed attention.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and not empty: give a new folder, so that nothing is lost.")
    if getattr(model.unet, "peft_config", None):
        raise UserError(
            "the UNet has adapters beside its weights: merge_lora(model.unet) first, or save them by save_lora."
        )
    if any(isinstance(layer, PlacedLinear) for layer in model.unet.modules()):
        raise UserError(
            "the UNet has placed attention (small_audioldm2(placed=True)), which the format of diffusers cannot say; keep "
            "its state dict."
        )
    with written_whole(folder) as temporary:
        model.unet.save_pretrained(temporary / "unet")
        model.vae.save_pretrained(temporary / "vae")
        model.scheduler.save_pretrained(temporary / "scheduler")
        if not isinstance(model.vocoder, GriffinLim):
            model.vocoder.save_pretrained(temporary / "vocoder")
        if folder.is_dir():
            folder.rmdir()  # empty: `written_whole` would keep it
    return folder


def native_heads(channels: tuple[int, ...]) -> tuple[int, ...]:
    """Attention heads of each level, one for 32 channels: (128, 256, 384, 640) -> (4, 8, 12, 20)."""
    return tuple(count // HEAD_CHANNELS for count in channels)


def _with_native_heads(unet: "AudioLDM2UNet2DConditionModel") -> "AudioLDM2UNet2DConditionModel":
    """The same weights with one head for 32 channels, if the config has one number of heads for all levels.

    diffusers calls the number of heads attention_head_dim. The config says what the network does afterwards.
    """
    heads, channels = unet.config.attention_head_dim, tuple(unet.config.block_out_channels)
    if not isinstance(heads, int) or any(count % HEAD_CHANNELS for count in channels):
        return unet
    with torch.device("meta"):
        corrected = type(unet).from_config({**unet.config, "attention_head_dim": native_heads(channels)})
    corrected.load_state_dict(unet.state_dict(), assign=True)
    return corrected.eval()


def _check_folder(source: str, parts: tuple[str, ...]) -> None:
    """A folder that is there must hold all parts, each with its config."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return
    configs = [f"{name}/{'scheduler_config' if name == 'scheduler' else 'config'}.json" for name in parts]
    missing = [config for config in configs if not (folder / config).is_file()]
    if missing:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise UserError(
            f"{folder.absolute()} has no {', '.join(missing)}; it holds {there}. Expected a model in the format of "
            f"diffusers with the folders {', '.join(parts)}."
            + (" griffin_lim=True makes sound without a vocoder." if missing == ["vocoder/config.json"] else "")
        )


def _how_to_get(source: str, parts: tuple[str, ...]) -> str:
    """Where was looked, and the command that fetches no more than is needed."""
    folder = Path(source).expanduser()
    if folder.is_dir() or source.startswith((".", "~", os.sep)):
        return f"Expected in {folder.absolute()}: the folders {', '.join(parts)} in the format of diffusers."
    wanted = " ".join(f"'{name}/*'" for name in parts)
    return (
        f"Looked for '{source}' in {folder.absolute()} and in the cache {constants.HF_HUB_CACHE}. Only a part of it is "
        f"needed: `hf download {source} --include {wanted} --local-dir FOLDER`."
    )
