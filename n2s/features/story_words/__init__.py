"""Language models of stories: the words that may follow, and the features of each word in its context."""

from n2s.features.story_words.port import Context, StoryLanguageModel
from n2s.features.story_words.pretrained import PretrainedStoryWords
from n2s.features.story_words.rules import TextRules
from n2s.features.story_words.shared import SharedStoryWords
from n2s.features.story_words.spelling import plain_words
from n2s.features.story_words.trained import TrainedStoryWords

__all__ = [
    "Context",
    "PretrainedStoryWords",
    "SharedStoryWords",
    "StoryLanguageModel",
    "TextRules",
    "TrainedStoryWords",
    "plain_words",
]
