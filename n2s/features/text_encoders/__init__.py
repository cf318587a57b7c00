"""What texts are compared by: vectors of words and of stretches of text."""

from n2s.features.text_encoders.contextual import ContextualText
from n2s.features.text_encoders.encoder import TextEncoder
from n2s.features.text_encoders.ppmi import PPMIVectors

__all__ = ["ContextualText", "PPMIVectors", "TextEncoder"]
