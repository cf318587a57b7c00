"""The page to hear, compare and rate sounds."""
