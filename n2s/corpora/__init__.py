"""Corpora: sounds with transcripts or labels, which networks of speech and sound are trained on. No brain recorded here."""
