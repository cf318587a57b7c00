"""Decoders of clips: what a clip was about, and how it sounded."""
