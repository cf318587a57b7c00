"""The checks of `n2s studies check`."""
