"""LightningModules, one per system."""

from n2s.systems.clips.acoustic import Acoustic
from n2s.systems.clips.semantic import Semantic
from n2s.systems.clips.spectrogram import Spectrogram
from n2s.systems.contrastive.task import Contrastive
from n2s.systems.cross_language.task import CrossLanguage
from n2s.systems.dyslexia.task import Dyslexia
from n2s.systems.encoding.task import BrainScore
from n2s.systems.event_classes.linear_task import LinearClassifier
from n2s.systems.event_classes.task import EventClassifier
from n2s.systems.event_classes.vote import EventVote
from n2s.systems.fusion.joint import JointContrastive
from n2s.systems.fusion.late import LateFusion
from n2s.systems.fusion.likelihoods import LikelihoodFusion
from n2s.systems.fusion.source_space import SourceFusion
from n2s.systems.high_gamma.task import HighGammaEncoding
from n2s.systems.linear.task import LinearDecoder
from n2s.systems.said_text.task import SaidText
from n2s.systems.sound.task import BrainAudio
from n2s.systems.speech.sound_scenes import SoundScenes
from n2s.systems.speech.speech_to_text import SpeechToText
from n2s.systems.story_text.task import StoryDecoder
from n2s.systems.tracking.task import Tracking

__all__ = [
    "Acoustic",
    "BrainAudio",
    "BrainScore",
    "Contrastive",
    "CrossLanguage",
    "Dyslexia",
    "EventClassifier",
    "EventVote",
    "HighGammaEncoding",
    "JointContrastive",
    "LateFusion",
    "LikelihoodFusion",
    "LinearClassifier",
    "LinearDecoder",
    "SaidText",
    "Semantic",
    "SoundScenes",
    "SourceFusion",
    "Spectrogram",
    "StoryDecoder",
    "SpeechToText",
    "Tracking",
]
