"""What texts are compared by: vectors of words and of stretches of text."""
