"""The splits, and which of them gives way where two share something."""

SPLITS = ("train", "val", "test")
PRIORITY = {"train": 0, "val": 1, "test": 2}  # the side with the higher number is kept whole
HELD_OUT_FIRST = tuple(sorted(SPLITS, key=PRIORITY.get, reverse=True))
