"""The report of a run: console tables, one HTML page, and the same in W&B. It depends only on results."""
