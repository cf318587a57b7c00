"""Public data sets: one file each."""
