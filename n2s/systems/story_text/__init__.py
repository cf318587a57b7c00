"""Stories decoded to text, word by word."""
