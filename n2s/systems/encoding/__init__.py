"""Encoding models: the brain predicted from what was heard."""
