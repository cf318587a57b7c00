"""Networks of speech and sound, trained on corpora: their layers become features of encoding models."""
