"""The channels beside the helmet in the simulated production study.

========================  =======  ======================================================================================
names                     type     what
========================  =======  ======================================================================================
EMG001, EMG002, EMG003    emg      muscles around the lips, of the jaw, of the floor of the mouth, V
EOG001                    eog      blinks, V
ECG001                    ecg      heart, V
AUDIO                     misc     the microphone's sound below half the rate, V
CHPI001 to CHPI009        chpi     head position as MaxFilter writes it: quaternion (3), translation (3, m), goodness of fit, error (m),
                                   speed (m/s)
========================  =======  ======================================================================================
"""

import mne
import numpy as np
from scipy.signal import resample_poly

from n2s.studies.simulated.production_head import NAMES as CHPI
from n2s.studies.simulated.production_head import as_chpi, traces
from n2s.studies.simulated.production_phones import MUSCLES
from n2s.studies.simulated.speech import SFREQ

NAMES = [*(f"EMG{i:03d}" for i in range(1, len(MUSCLES) + 1)), "EOG001", "ECG001", "AUDIO", *CHPI]
TYPES = ["emg"] * len(MUSCLES) + ["eog", "ecg", "misc"] + ["chpi"] * len(CHPI)
EMG_V, EMG_NOISE_V = 1e-4, 3e-6
EOG_V, EOG_NOISE_V = 2e-4, 5e-6
ECG_V, ECG_NOISE_V = 1e-3, 1e-5
AUDIO_V = 0.1  # of a sound's full scale


def side_channels(
    emg: np.ndarray,
    blinks: np.ndarray,
    heart: np.ndarray,
    sound: np.ndarray,
    head: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    sfreq: float,
    rng: np.random.Generator,
) -> mne.io.RawArray:
    """Channels in the order of `NAMES`.

    Parameters
    ----------
    emg
        (m, t) Each muscle's current, without a mean.
    blinks, heart
        (t,) Of unit height.
    sound
        The microphone's samples, 16 kHz.
    head
        Nods (t,), drift (3, t) m, and the usual place (3,) m.
    sfreq
        Rate, Hz.
    rng
        Draws the channels' own noise.
    """
    n = len(blinks)
    slow = resample_poly(sound, 1, round(SFREQ / sfreq))[:n]
    audio = np.pad(slow, (0, n - len(slow)))
    rows = [
        EMG_V * emg + EMG_NOISE_V * rng.standard_normal(emg.shape),
        EOG_V * blinks[None] + EOG_NOISE_V * rng.standard_normal((1, n)),
        ECG_V * heart[None] + ECG_NOISE_V * rng.standard_normal((1, n)),
        AUDIO_V * audio[None],
        traces(*head, sfreq, rng),
    ]
    info = mne.create_info(NAMES, sfreq, TYPES)
    as_chpi(info)
    return mne.io.RawArray(np.concatenate(rows), info, verbose="error")
