"""Scores of decoders, with their controls and intervals. This package does not depend on models or training."""

from n2s.metrics.divergence import kl_divergence
from n2s.metrics.frechet import frechet_distance
from n2s.metrics.identification import identification
from n2s.metrics.spectrogram import mel_pcc, mel_psnr
from n2s.metrics.tracking_coherence import tracking_coherence, tracking_plv

__all__ = [
    "frechet_distance",
    "identification",
    "kl_divergence",
    "mel_pcc",
    "mel_psnr",
    "tracking_coherence",
    "tracking_plv",
]
