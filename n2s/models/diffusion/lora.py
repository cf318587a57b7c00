"""Adapters of low rank for the UNet's attention (LoRA): add, save, load, merge."""

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from n2s.errors import UserError
from n2s.models.diffusion.attention import attention_layers
from n2s.models.diffusion.latent_diffusion import LatentDiffusion
from n2s.paths import written_whole

if TYPE_CHECKING:
    from peft import LoraConfig

PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # the names of peft


def add_lora(model: LatentDiffusion, *, rank: int = 8, scale: float = 1.0, dropout: float = 0.0) -> None:
    """Put adapters beside the projections of the UNet's attention, and freeze all else. They change nothing at first.

    Parameters
    ----------
    model
        Its UNet is changed in place.
    rank
        Rank of each adapter.
    scale
        Factor of its output: ``lora_alpha / rank`` of peft.
    dropout
        Dropout of its input in training.

    Raises
    ------
    UserError
        There are adapters already, or a rank that is not positive.

    References
    ----------
    Hu et al. 2022, LoRA: low-rank adaptation of large language models, ICLR.
    """
    from peft import LoraConfig

    if rank < 1:
        raise UserError(f"add_lora: rank={rank}; expected 1 or more.")
    targets = [f"{name}.{projection}" for name in attention_layers(model) for projection in PROJECTIONS]
    _inject(model, LoraConfig(r=rank, lora_alpha=scale * rank, lora_dropout=dropout, target_modules=targets))


def save_lora(model: LatentDiffusion, folder: str | Path) -> Path:
    """Write the adapters alone, in peft's format: a few MB. What is there already is an error."""
    from peft import get_peft_model_state_dict

    folder = Path(folder).expanduser()
    if not getattr(model.unet, "peft_config", None):
        raise UserError(
            "save_lora: the UNet has no adapters. add_lora puts them there; save_audioldm2 saves a whole model."
        )
    if folder.exists():
        raise UserError(f"{folder} is there already: give a new folder, so that nothing is lost.")
    with written_whole(folder) as temporary:
        temporary.mkdir()
        model.unet.peft_config["default"].save_pretrained(temporary)
        weights = get_peft_model_state_dict(model.unet)
        save_file({name: weight.detach().cpu().contiguous() for name, weight in weights.items()}, temporary / WEIGHTS)
    return folder


def load_lora(model: LatentDiffusion, folder: str | Path) -> None:
    """Add the adapters of a folder that `save_lora` wrote, ready to sample with or to be trained further.

    Raises
    ------
    UserError
        No adapters there, or those of another UNet.
    """
    from peft import LoraConfig, set_peft_model_state_dict

    folder = Path(folder).expanduser()
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder.absolute()} has no {' and no '.join(missing)}: expected adapters that save_lora wrote."
        )
    try:
        weights = load_file(folder / WEIGHTS)
        _inject(model, LoraConfig.from_pretrained(str(folder)))
        result = set_peft_model_state_dict(model.unet, weights)
    except (ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"the adapters in {folder.absolute()} are not of this UNet: {' '.join(str(error).split())[:200]} Load the "
            "AudioLDM 2 that they were trained on."
        ) from error
    absent = [name for name in result.missing_keys if "lora_" in name]
    if absent or result.unexpected_keys:
        raise UserError(
            f"the adapters in {folder.absolute()} are not of this UNet: {len(absent)} of its adapters are not in the file "
            f"and {len(result.unexpected_keys)} in the file are not its. Load the AudioLDM 2 that they were trained on."
        )


def merge_lora(model: LatentDiffusion) -> None:
    """Add the adapters to the weights beside them and remove them: the same output, nothing to compute twice."""
    from peft.tuners.lora import LoraLayer

    layers = [(name, layer) for name, layer in model.unet.named_modules() if isinstance(layer, LoraLayer)]
    if not layers:
        raise UserError("merge_lora: the UNet has no adapters.")
    for name, layer in layers:
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(model.unet.get_submodule(parent), child, layer.get_base_layer())
    del model.unet.peft_config


def _inject(model: LatentDiffusion, config: "LoraConfig") -> None:
    from peft import inject_adapter_in_model

    if getattr(model.unet, "peft_config", None):
        raise UserError("the UNet has adapters already: merge_lora first, or load the model again.")
    model.unet.requires_grad_(False)
    inject_adapter_in_model(config, model.unet)
