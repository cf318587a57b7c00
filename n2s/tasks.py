"""Systems by the names that they had before: recipes, runs and checkpoints of then still load."""

from n2s.systems import Acoustic, BrainAudio, Contrastive, Semantic, Spectrogram

FMRISemantic, FMRIMel, MEGContrastive = Semantic, Spectrogram, Contrastive
FMRIAcoustic = MEGAcoustic = Acoustic

__all__ = ["BrainAudio", "FMRIAcoustic", "FMRIMel", "FMRISemantic", "MEGAcoustic", "MEGContrastive"]
