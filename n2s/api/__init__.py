"""What ``import n2s`` gives: trained runs, windows, and scores of anybody's model."""
