"""People with and without dyslexia, told apart by how their brains track speech. Research use only."""
