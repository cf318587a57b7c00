"""Corpora: sounds with transcripts or labels, which networks of speech and sound are trained on. No brain recorded here."""

from n2s.corpora.corpus import Corpus
from n2s.corpora.espeak import ESpeakCorpus
from n2s.corpora.folder import FolderCorpus
from n2s.corpora.fsdkaggle2019 import FSDKaggle2019
from n2s.corpora.openslr_bengali import OpenSLRBengali
from n2s.corpora.scenes import SyntheticScenes
from n2s.corpora.spoken_wikipedia import SpokenWikipedia

__all__ = [
    "Corpus",
    "ESpeakCorpus",
    "FSDKaggle2019",
    "FolderCorpus",
    "OpenSLRBengali",
    "SpokenWikipedia",
    "SyntheticScenes",
]
