"""Recordings and stimuli as batches of windows."""

from n2s.data.batch import Batch
from n2s.data.cleaning.bad_sensors import FindBadChannels
from n2s.data.cleaning.by_reference import RemoveByReference
from n2s.data.cleaning.movement import AnnotateMovement
from n2s.data.cleaning.muscle import AnnotateMuscle
from n2s.data.cleaning.regression import RegressOut
from n2s.data.cleaning.ssp import SSP
from n2s.data.corpus import CorpusDataModule
from n2s.data.cross_validated import CrossValidated
from n2s.data.datamodule import NeuralDataModule
from n2s.data.encoding import EncodingDataModule
from n2s.data.event_classes import AnyText, Arpabet, Articulation, Labels
from n2s.data.event_data import EventDataModule
from n2s.data.event_frames import Frames
from n2s.data.event_windows import AtEvents
from n2s.data.fmri import FMRIDataModule
from n2s.data.high_gamma import high_gamma
from n2s.data.high_gamma_preparation import HighGamma
from n2s.data.hrf_response import hrf_response
from n2s.data.lanczos import lanczos_resample
from n2s.data.meg import MEGDataModule
from n2s.data.paired import PairedDataModule
from n2s.data.paired_batch import PairedBatch
from n2s.data.placements import Grid, WordOnsets
from n2s.data.preprocessing import SSS, Preprocessing, RemoveICA
from n2s.data.reference import Bipolar, CommonAverage, Laplacian
from n2s.data.response_models import FIR, Glover, Lags
from n2s.data.run_split import SplitByRun
from n2s.data.sentence_split import SplitBySentence
from n2s.data.side_signals import SideSignals
from n2s.data.story_split import SplitByStory
from n2s.data.time_split import SplitByTime
from n2s.data.voice_onsets import at_voice_onsets, voice_onsets

__all__ = [
    "AnnotateMovement",
    "AnnotateMuscle",
    "AnyText",
    "Arpabet",
    "Articulation",
    "AtEvents",
    "Batch",
    "Bipolar",
    "CommonAverage",
    "CorpusDataModule",
    "CrossValidated",
    "EncodingDataModule",
    "EventDataModule",
    "FIR",
    "FMRIDataModule",
    "FindBadChannels",
    "Frames",
    "Glover",
    "Grid",
    "HighGamma",
    "Labels",
    "Lags",
    "Laplacian",
    "MEGDataModule",
    "NeuralDataModule",
    "PairedBatch",
    "PairedDataModule",
    "Preprocessing",
    "RegressOut",
    "RemoveByReference",
    "RemoveICA",
    "SSP",
    "SSS",
    "SideSignals",
    "SplitByRun",
    "SplitBySentence",
    "SplitByStory",
    "SplitByTime",
    "WordOnsets",
    "at_voice_onsets",
    "high_gamma",
    "hrf_response",
    "lanczos_resample",
    "voice_onsets",
]
