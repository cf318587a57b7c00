"""Compare folders of sounds with what was heard."""
