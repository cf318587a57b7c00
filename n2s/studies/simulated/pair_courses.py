"""What drives the people who are in both scanners: twelve courses of the sound, of three kinds.

All are fixed combinations of the levels of 40 mel bands, less their means over the story, so that a model with such a target can be
right. `COMBINATIONS` makes them uncorrelated both as they are and through the haemodynamic response, without slow cosines: what one
tells, no other does. Courses 0, 3, 6, 9 drive what both scanners see (``shared``), 1, 4, 7, 10 what MEG alone sees (``meg``), and 2, 5, 8,
11 what BOLD alone sees (``fmri``). Those with lower numbers are slower.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
import torch
import torchaudio

from n2s.errors import UserError
from n2s.studies.simulated.sources import AUDIO_HZ

N_COURSES = 12
KINDS = ("shared", "meg", "fmri")
N_MELS, N_FFT, FLOOR = 40, 512, 1e-5  # the bands of `n2s.features.Mel`, as it has them by default
#: (course, cepstrum) Measured on ten English tales of four minutes: generalised eigenvectors of the covariances of their cepstra after
#: and before the response. Standard deviations of the courses are 1; after the response, .22 to .09.
COMBINATIONS = np.array(
    [
        [0.024, 0.294, -0.121, -0.148, 0.076, 0.456, -0.217, 0.441, 0.122, -0.165, 0.029, 0.063],
        [-0.034, 0.131, 0.028, 0.293, -0.119, 0.195, -0.274, 0.620, 0.301, -0.178, 0.420, -0.385],
        [0.024, -0.025, -0.120, -0.032, 0.679, -0.198, 0.058, -0.492, 0.195, -0.259, 0.128, -0.180],
        [0.030, -0.079, 0.311, -0.325, 0.353, -0.408, 0.226, -0.238, 0.101, -0.569, 0.985, -0.885],
        [0.007, 0.111, 0.515, -0.227, 0.489, -0.421, 0.803, -0.306, 0.821, 0.237, -0.164, 0.355],
        [-0.002, 0.190, -0.090, 0.589, 0.245, 0.544, 0.545, 0.344, -0.022, -0.086, 0.304, 0.149],
        [0.026, -0.038, -0.182, 0.174, 0.067, 0.185, 0.334, 0.343, 0.392, 0.650, 0.262, 0.172],
        [0.081, -0.195, 0.132, -0.178, 0.702, -0.499, 0.782, -0.114, 0.222, -0.475, -0.581, -0.498],
        [0.065, -0.025, 0.030, -0.632, 0.381, -0.730, 0.139, -0.316, 0.216, -0.589, 0.507, 0.861],
        [0.179, 0.025, 0.231, 0.116, -0.054, 0.575, -0.309, 0.400, -0.100, 0.326, -0.163, 0.348],
        [-0.008, -0.052, 0.219, 0.056, 0.052, 0.211, 0.352, -0.310, 0.705, -0.464, 0.345, -0.085],
        [0.092, -0.035, -0.140, 0.188, -0.039, -0.169, 0.338, -0.086, 0.148, 0.028, 0.071, -0.088],
    ]
)


def of_kind(kind: str) -> np.ndarray:
    """(N_COURSES,) bool: which courses are of a kind."""
    return np.arange(N_COURSES) % len(KINDS) == KINDS.index(kind)


@lru_cache(maxsize=128)
def sound_courses(audio: Path, rate_hz: float) -> np.ndarray:
    """(l, N_COURSES) The courses of a sound, frame i at ``i / rate_hz`` s of it; ``rate_hz`` divides 16000. Silence around it is 0."""
    levels = log_mel(audio, rate_hz)
    cepstra = scipy.fft.dct(levels - levels.mean(0), norm="ortho", axis=1)[:, :N_COURSES]
    courses = cepstra @ COMBINATIONS.T
    courses.flags.writeable = False  # kept for all recordings
    return courses


def log_mel(audio: Path, rate_hz: float) -> np.ndarray:
    """(l, N_MELS) Log10 of the power in mel bands, frame i centred at ``i / rate_hz`` s, l = 1 + samples // hop."""
    samples, rate = soundfile.read(audio, dtype="float32")
    if rate != AUDIO_HZ or samples.ndim != 1 or AUDIO_HZ % rate_hz:
        raise UserError(
            f"{audio}: found {rate} Hz and shape {samples.shape}; expected one channel at {AUDIO_HZ} Hz, of which frames at "
            f"{rate_hz:g} Hz are a part."
        )
    hop = round(AUDIO_HZ / rate_hz)
    mel = torchaudio.transforms.MelSpectrogram(
        AUDIO_HZ, n_fft=N_FFT, hop_length=hop, n_mels=N_MELS, normalized=True, center=False
    )
    padded = torch.nn.functional.pad(torch.from_numpy(samples)[None], (N_FFT // 2,) * 2, mode="reflect")[0]
    starts = range(0, len(samples) // hop + 1, 2048)  # in pieces: memory
    power = torch.cat([mel(padded[start * hop : (start + 2047) * hop + N_FFT]) for start in starts], dim=1)
    return torch.log10(power + FLOOR).numpy().T.astype(np.float64)
