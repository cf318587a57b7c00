"""Scores of decoders, with their controls and intervals. Nothing here knows of models or training."""

from n2s.metrics.result import RetrievalResult
from n2s.metrics.summary import print_table, summarize

__all__ = ["RetrievalResult", "print_table", "summarize"]
