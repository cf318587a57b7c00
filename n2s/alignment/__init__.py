"""Words placed in a sound whose transcript is known: forced alignment, and how far to trust it."""
