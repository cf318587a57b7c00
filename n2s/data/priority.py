"""The splits and their priority: if two share something, the lower-priority one loses it."""

SPLITS = ("train", "val", "test")
PRIORITY = {"train": 0, "val": 1, "test": 2}  # the side with the higher number is kept whole
HELD_OUT_FIRST = tuple(sorted(SPLITS, key=PRIORITY.get, reverse=True))
