"""The folder of a run: which one a command concerns, what it records, what it adds to a Trainer."""
