"""Brain scores on the cortex: surfaces, contrasts of feature spaces, maps and their files."""
