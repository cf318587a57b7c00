"""Trainable networks: plain modules that take tensors and return tensors."""

from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import AudioMAE
from n2s.models.augment import Augment, MEGAugment
from n2s.models.banded_ridge import BandedRidge
from n2s.models.bold_encoder import BoldEncoder
from n2s.models.brain_encoder import BrainEncoder
from n2s.models.braindecode_network import BraindecodeNetwork
from n2s.models.ctc_network import ConformerCTC, CTCNetwork
from n2s.models.deep_mel import DeepMel
from n2s.models.dilated_convs import DilatedConvs
from n2s.models.dyslexnet import DyslexNet
from n2s.models.electrode_elastic_net import ElectrodeElasticNet
from n2s.models.electrode_gru import ElectrodeGRU
from n2s.models.electrode_model import ElectrodeModel, ElectrodeRidge
from n2s.models.encoder_classifier import EncoderClassifier
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.event_network import EventNetwork
from n2s.models.megconformer import MEGConformer
from n2s.models.mel_baselines import MelBiLSTM, MelMLP, MelTransformer
from n2s.models.onset_search import OnsetSearch
from n2s.models.ridge import RidgeDecoder, VoxelRidge
from n2s.models.sentence_context import SentenceContext
from n2s.models.sliding_lda import SlidingLDA
from n2s.models.spatial_attention import SpatialAttention
from n2s.models.speech_net import SpeechNet
from n2s.models.story_likelihood import StoryLikelihood
from n2s.models.subject_layer import SubjectLayer
from n2s.models.window_classifiers import WindowClassifier, WindowLDA
from n2s.models.window_elastic_net import WindowElasticNet

__all__ = [
    "AcousticDecoder",
    "AudioMAE",
    "Augment",
    "BandedRidge",
    "BoldEncoder",
    "BrainEncoder",
    "BraindecodeNetwork",
    "CTCNetwork",
    "ConformerCTC",
    "DeepMel",
    "DilatedConvs",
    "DyslexNet",
    "ElectrodeElasticNet",
    "ElectrodeGRU",
    "ElectrodeModel",
    "ElectrodeRidge",
    "EncoderClassifier",
    "EncodingRidge",
    "EventNetwork",
    "MEGAugment",
    "MEGConformer",
    "MelBiLSTM",
    "MelMLP",
    "MelTransformer",
    "OnsetSearch",
    "RidgeDecoder",
    "SentenceContext",
    "SlidingLDA",
    "SpatialAttention",
    "SpeechNet",
    "StoryLikelihood",
    "SubjectLayer",
    "VoxelRidge",
    "WindowClassifier",
    "WindowElasticNet",
    "WindowLDA",
]
