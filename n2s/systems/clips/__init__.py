"""Decoders of clips: their meaning and their sound."""
