"""LightningModules, one per system."""

from n2s.systems.clips.fmri_acoustic import FMRIAcoustic
from n2s.systems.clips.meg_acoustic import MEGAcoustic
from n2s.systems.clips.semantic import Semantic
from n2s.systems.clips.spectrogram import Spectrogram
from n2s.systems.contrastive.task import Contrastive
from n2s.systems.sound.task import BrainAudio

__all__ = ["BrainAudio", "Contrastive", "FMRIAcoustic", "MEGAcoustic", "Semantic", "Spectrogram"]
