"""Features of stimuli: frozen models of sound and words, one file each, and the store that caches their values."""

from n2s.features.aligned_words import AlignedWords
from n2s.features.audiomae_tokens import AudioMAETokens, UntrainedAudioMAETokens
from n2s.features.clap import CLAP, TinyClap
from n2s.features.clip_spectrogram import ClipFbank, ClipSpectrogram
from n2s.features.driver import Driver
from n2s.features.envelope import Envelope
from n2s.features.example import example_stimulus
from n2s.features.feature import ClipFeature, Feature, FrameFeature, ImpulseFeature
from n2s.features.language_layers import (
    LanguageModelLayers,
    TinyUntrainedLanguageLayers,
    UntrainedLanguageModelLayers,
)
from n2s.features.layers import Layers
from n2s.features.log_spectrogram import LogSpectrogram
from n2s.features.mel import Mel
from n2s.features.mel_statistics import MelStatistics
from n2s.features.modulations import Modulations
from n2s.features.phones import Articulation, Phones
from n2s.features.rates import PhoneRate, WordRate
from n2s.features.ready import Ready
from n2s.features.ready_words import ReadyWords
from n2s.features.seeg_driver import SEEGDriver
from n2s.features.sentence import HashedBagOfWords, SentenceEmbedding
from n2s.features.sentence_at_words import SentenceAtWords
from n2s.features.speaking import Speaking
from n2s.features.speech_layers import (
    SpeechModelLayers,
    TinyUntrainedSpeechLayers,
    UntrainedSpeechModelLayers,
)
from n2s.features.speech_net_layer import SpeechNetLayer
from n2s.features.speech_net_layers import SpeechNetLayers, UntrainedSpeechNetLayers
from n2s.features.store import FeatureStore
from n2s.features.story_words import PretrainedStoryWords, SharedStoryWords, TrainedStoryWords
from n2s.features.surprisal import Surprisal
from n2s.features.text_at_words import TextAtWords
from n2s.features.text_encoders import ContextualText, PPMIVectors
from n2s.features.wav2vec2 import TinyUntrainedWav2Vec2, UntrainedWav2Vec2, Wav2Vec2
from n2s.features.word_vectors import GloVe, WordVectors

__all__ = [
    "AlignedWords",
    "Articulation",
    "AudioMAETokens",
    "CLAP",
    "ClipFbank",
    "ClipFeature",
    "ClipSpectrogram",
    "ContextualText",
    "Driver",
    "Envelope",
    "Feature",
    "FeatureStore",
    "FrameFeature",
    "GloVe",
    "HashedBagOfWords",
    "ImpulseFeature",
    "LanguageModelLayers",
    "Layers",
    "LogSpectrogram",
    "Mel",
    "MelStatistics",
    "Modulations",
    "PPMIVectors",
    "PhoneRate",
    "Phones",
    "PretrainedStoryWords",
    "Ready",
    "ReadyWords",
    "SEEGDriver",
    "SentenceAtWords",
    "SentenceEmbedding",
    "SharedStoryWords",
    "Speaking",
    "SpeechModelLayers",
    "SpeechNetLayer",
    "SpeechNetLayers",
    "Surprisal",
    "TextAtWords",
    "TinyClap",
    "TinyUntrainedLanguageLayers",
    "TinyUntrainedSpeechLayers",
    "TinyUntrainedWav2Vec2",
    "TrainedStoryWords",
    "UntrainedAudioMAETokens",
    "UntrainedLanguageModelLayers",
    "UntrainedSpeechModelLayers",
    "UntrainedSpeechNetLayers",
    "UntrainedWav2Vec2",
    "Wav2Vec2",
    "WordRate",
    "WordVectors",
    "example_stimulus",
]
