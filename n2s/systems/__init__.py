"""LightningModules, one per system."""

from n2s.systems.brain_audio import BrainAudio
from n2s.systems.fmri_acoustic import FMRIAcoustic
from n2s.systems.fmri_mel import FMRIMel
from n2s.systems.fmri_semantic import FMRISemantic
from n2s.systems.meg_acoustic import MEGAcoustic
from n2s.systems.meg_contrastive import MEGContrastive

__all__ = ["BrainAudio", "FMRIAcoustic", "FMRIMel", "FMRISemantic", "MEGAcoustic", "MEGContrastive"]
