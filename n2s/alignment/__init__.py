"""Forced alignment: the times of the words of a known text, and how reliable they are."""
