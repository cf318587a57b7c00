"""Scores of decoders, with their controls and intervals. Nothing here knows of models or training."""

from n2s.metrics.divergence import kl_divergence
from n2s.metrics.frechet import frechet_distance
from n2s.metrics.identification import identification
from n2s.metrics.result import RetrievalResult
from n2s.metrics.spectrogram import mel_pcc, mel_psnr
from n2s.metrics.summary import summarize
from n2s.metrics.table import print_table

__all__ = [
    "RetrievalResult",
    "frechet_distance",
    "identification",
    "kl_divergence",
    "mel_pcc",
    "mel_psnr",
    "print_table",
    "summarize",
]
