"""Folders of sounds, compared with what was heard."""
