"""LightningModules, one per system."""

from n2s.tasks.brain_audio import BrainAudio
from n2s.tasks.fmri_acoustic import FMRIAcoustic
from n2s.tasks.fmri_mel import FMRIMel
from n2s.tasks.fmri_semantic import FMRISemantic
from n2s.tasks.meg_acoustic import MEGAcoustic
from n2s.tasks.meg_contrastive import MEGContrastive

__all__ = ["BrainAudio", "FMRIAcoustic", "FMRIMel", "FMRISemantic", "MEGAcoustic", "MEGContrastive"]
