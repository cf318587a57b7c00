"""Corpora: sounds with transcripts or labels, which networks of speech and sound are trained on. No brain recorded here."""

from n2s.corpora.corpus import Corpus
from n2s.corpora.espeak import ESpeakCorpus
from n2s.corpora.scenes import SyntheticScenes

__all__ = ["Corpus", "ESpeakCorpus", "SyntheticScenes"]
