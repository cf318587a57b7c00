"""The page on which sounds are played, compared and rated."""
