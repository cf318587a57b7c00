"""The attention layers of a diffusion's UNet, which fine-tuning and adapters choose from."""

from torch import nn

from n2s.models.diffusion.latent_diffusion import LatentDiffusion


def attention_layers(model: LatentDiffusion) -> dict[str, nn.Module]:
    """Attention of the UNet by name: to the latents themselves and to the condition, not to a second context."""
    from diffusers.models.attention_processor import Attention

    layers = {name: layer for name, layer in model.unet.named_modules() if isinstance(layer, Attention)}
    return {
        name: layer
        for name, layer in layers.items()
        if not layer.is_cross_attention or layer.cross_attention_dim == model.condition_dim
    }
