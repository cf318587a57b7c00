"""Every number of every network, feature and system is checked where it is given: a wrong one is one line that names it."""

import inspect

import pytest
import torch
from classes import NEVER, numbers, public_classes, reachable

from n2s.errors import UserError
from n2s.features import HashedBagOfWords, LogSpectrogram
from n2s.features.one_layer import OneLayer
from n2s.features.speech_net_runs import UntrainedNet
from n2s.models import AcousticDecoder, AudioMAE, BoldEncoder, BrainEncoder, ConformerCTC, MEGConformer, SpeechNet
from n2s.models.sound_generator import SmallAudioLDM2
from n2s.systems.dyslexia.classifiers import ElasticNet, LinearSVM, Logistic
from n2s.systems.dyslexia.network import WindowNetwork
from n2s.systems.dyslexia.spatial import BandCSP, EnvelopeFollowing, RiemannianTangent
from n2s.systems.sound.options import SoundOptions
from n2s.systems.tracking.sensor_measures import MeasureOptions
from n2s.training import Compile

CLASSES = public_classes("n2s.models", "n2s.features", "n2s.systems")
CLASSES |= {one.__name__: one for one in (Logistic, LinearSVM, ElasticNet, WindowNetwork, BandCSP, EnvelopeFollowing)}
CLASSES |= {one.__name__: one for one in (RiemannianTangent, SoundOptions, MeasureOptions, Compile, SmallAudioLDM2)}
#: Classes that are options of public ones. Some are made by n2s alone: nobody writes their numbers.
CLASSES |= {
    name: one
    for name, one in reachable(CLASSES.values()).items()
    if one not in CLASSES.values() and one not in (OneLayer, UntrainedNet)
}

#: Numbers that may be negative, and why.
NEGATIVE = {
    ("LikelihoodFusion", "delays_s"): "a response may be earlier than Glover's",
    ("SaidText", "word_bonus"): "words may cost",
    ("LinearDecoder", "lags_s"): "the brain before the sound is a control",
    ("Tracking", "lags_s"): "the brain before the sound is a control",
    ("RidgeDecoder", "lags_s"): "the brain before the sound is a control",
}
for side in ("edges_s", "delays_s"):
    NEGATIVE["MeasureOptions", side] = "before the edge, or the sound"
SIZES = {
    "n_subjects": 2, "n_outputs": 4, "n_channels": 8, "n_times": 50, "n_classes": 3, "n_inputs": 8, "n_voxels": 10, "n_mels": 4,
    "n_frames": 5, "n_features": 4, "n_fmri_subjects": 2, "n_components": 4, "n_volumes": 6, "duration_s": 1.5, "sfreq": 100.0,
}  # fmt: skip


def arguments(cls: type) -> dict:
    """Arguments that a class needs and has no default for."""
    encoder = BrainEncoder(2, 4, n_virtual=4, n_fourier=8, hidden=4, depth=1)
    net = UntrainedNet(0, {"n_classes": 3, "n_inputs": 160, "channels": [1, 1, 1], "hidden": 2}, LogSpectrogram())
    known = SIZES | {
        "weights": torch.ones(2, 3),
        "noise_covariance": torch.eye(3),
        "checkpoint": "pretrained.pth",
        "name": "words",
        "file": "three.vec",
        "vectors": "layers.h5",
        "words": "transcript.tsv",
        "feature": LogSpectrogram(),
        "text": HashedBagOfWords(),
        "net": net,
        "layer": "rnn",
        "runs": ["somewhere"],
        "encoder": encoder,
        "bold_encoder": BoldEncoder(2, 4, 6, 4, 5),
        "decoder": AcousticDecoder(dim=8, depth=1, n_heads=2, hidden=8, max_patches=4),
        "audiomae": AudioMAE(dim=8, depth=1, n_heads=2, decoder_dim=8, decoder_depth=1, decoder_heads=2),
        "features": "meaning",
        "meg": "meg_contrastive",
        "fmri": "fmri_contrastive",
        "classifiers": {"ridge": Logistic()},
    }
    special = {
        "EventClassifier": {"network": MEGConformer(8, 50, 3, dim=4, depth=1, n_heads=1, ffn_dim=4, kernel_size=3)},
        "SaidText": {"network": ConformerCTC(8, dim=4, convs=1, depth=0, n_heads=1)},
        "SoundScenes": {"network": SpeechNet(3, channels=(1, 1, 1), hidden=2)},
        "SpeechToText": {"network": SpeechNet(3, channels=(1, 1, 1), hidden=2)},
        "Spectrogram": {"network": lambda *sizes: torch.nn.Linear(1, 1)},
        "BrainAudio": {"generator": SmallAudioLDM2()} if cls.__name__ == "BrainAudio" else {},
    }
    needed = {
        p.name: known.get(p.name)
        for p in inspect.signature(cls).parameters.values()
        if p.default is inspect.Parameter.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    return needed | special.get(cls.__name__, {})


@pytest.mark.parametrize("name", list(CLASSES))
def test_a_wrong_number_of_a_model_is_one_line_that_names_it(name):
    cls = CLASSES[name]
    given, wrong = arguments(cls), []
    for number in numbers(cls):
        values = {**NEVER, "-1": -1, "1.5": 1.5}
        if not number.whole:
            del values["1.5"]
        if (cls.__name__, number.name) in NEGATIVE:
            del values["-1"]
        for said, value in values.items():
            try:
                cls(**given | {number.name: number.given(value)})
            except UserError as error:
                if number.name not in str(error) or "\n" in str(error):
                    wrong.append(f"{number.name}={said}: {error}")
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{number.name}={said}: {type(error).__name__}: {error}")
            else:
                wrong.append(f"{number.name}={said}: nothing is said")
    assert not wrong, "\n".join(wrong)


def test_the_law_of_models_is_about_many_numbers():
    """Else an annotation that is no longer understood would let it hold for nothing."""
    assert sum(len(numbers(cls)) for cls in CLASSES.values()) > 250


@pytest.mark.parametrize("name", ["hidden", "depth", "kernel", "period", "head_width"])
def test_zero_of_a_size_is_refused(name):
    with pytest.raises(UserError, match=rf"^(BrainEncoder|DilatedConvs): {name} is 0; expected"):
        BrainEncoder(2, 4, n_virtual=4, n_fourier=8, **{name: 0})
