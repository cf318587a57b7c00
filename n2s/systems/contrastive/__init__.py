"""From brain windows to the speech segment that was heard, by contrast."""
