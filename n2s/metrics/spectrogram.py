"""Similarity of decoded and true mel spectrograms: correlation and peak signal-to-noise ratio of each clip.

Both reward smooth predictions: linear regression scores best and sounds worst (Liu et al. 2024, table 2). Numbers of
different mel scales are not comparable.
"""

import numpy as np

from n2s.metrics.correlation import unit


def mel_pcc(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Pearson correlation over all bands and frames of each clip, ``(n, f, t), (n, f, t) -> (n,)``.

    For a single clip, ``(f, t), (f, t) -> ()``.

    0 for a constant prediction. NaN if the true clip is constant, such as silence: the correlation is then not defined.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import mel_pcc
    >>> true = np.random.default_rng(0).random((2, 80, 100))  # two clips, 80 bands, 100 frames
    >>> mel_pcc(np.stack([true[0], 1 - true[1]]), true).round(2).tolist()
    [1.0, -1.0]
    """
    predicted, true = (unit(_flat(values), -1) for values in _alike(predicted, true))
    return np.where(true.any(-1), (predicted * true).sum(-1), np.nan)[()]


def mel_psnr(predicted: np.ndarray, true: np.ndarray, *, data_range: float) -> np.ndarray:
    """Peak signal-to-noise ratio of each clip in dB, ``(n, f, t), (n, f, t) -> (n,)``; infinite if they are equal.

    For a single clip, ``(f, t), (f, t) -> ()``.

    Parameters
    ----------
    predicted, true
        (n, f, t) or (f, t)
    data_range
        The distance between the lowest and highest value of the scale, independent of the clips: 1 for `unit_decibels`.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import mel_psnr
    >>> true = np.random.default_rng(0).random((80, 100))
    >>> round(float(mel_psnr(true + 0.1, true, data_range=1.0)), 1)  # dB
    20.0
    """
    if not data_range > 0:
        raise ValueError(f"data_range is {data_range}; expected the positive range of the scale.")
    predicted, true = _alike(predicted, true)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / np.square(_flat(predicted) - _flat(true)).mean(-1))


def unit_decibels(magnitude: np.ndarray) -> np.ndarray:
    """Convert mel magnitudes to the scale of audioldm_eval: -80 dB to 20 dB become 0 to 1; values outside are clipped.

    A vocoder's mel contains natural logarithms: pass ``np.exp(mel)``.
    """
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-5)) - 20
    return np.clip((decibels + 100) / 100, 0, 1)


def _alike(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(predicted) != np.shape(true) or np.ndim(true) not in (2, 3):
        raise ValueError(
            f"predicted is {np.shape(predicted)}, true {np.shape(true)}; expected (n, f, t), both the same (or (f, t))."
        )
    return np.asarray(predicted), np.asarray(true)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-2], -1).astype(np.float64)
