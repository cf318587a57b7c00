"""LightningModules, one per system."""

from n2s.systems.clips.fmri_acoustic import FMRIAcoustic
from n2s.systems.clips.meg_acoustic import MEGAcoustic
from n2s.systems.clips.semantic import FMRISemantic
from n2s.systems.clips.spectrogram import FMRIMel
from n2s.systems.contrastive.task import MEGContrastive
from n2s.systems.sound.task import BrainAudio

__all__ = ["BrainAudio", "FMRIAcoustic", "FMRIMel", "FMRISemantic", "MEGAcoustic", "MEGContrastive"]
