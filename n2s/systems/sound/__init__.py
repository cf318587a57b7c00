"""From decoded tokens to sound, by a latent diffusion."""
