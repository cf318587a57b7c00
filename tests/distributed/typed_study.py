"""`tiny.TinyStudy` for a recipe, whose options need types."""

from tiny import TinyStudy


class TypedStudy(TinyStudy):
    def __init__(self, root: str):
        super().__init__(root, n_subjects=1, story_s=8.0)
