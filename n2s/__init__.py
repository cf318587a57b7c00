"""n2s: decode speech from brain recordings.

    >>> import n2s
    >>> run = n2s.fit("meg_contrastive")                                # doctest: +SKIP
    >>> run = n2s.load("checkpoints/meg_contrastive")                   # doctest: +SKIP
    >>> run.decode("x.fif", candidates=["a.wav", "b.wav"]).table        # doctest: +SKIP

Axes, everywhere in the package:

    b  batch (windows)              f  feature dimension
    c  sensors, or voxels           l  audio frames
    t  brain time (samples)         k  candidates

A shape in a docstring, ``(b, c, t) -> (b, f, t)``, uses these letters. Seconds end in ``_s``, rates are ``sfreq`` or
``_hz``, counts start with ``n_``.
"""

import importlib

__version__ = "0.1.0"

#: What ``import n2s`` gives, and where it is: imported when it is asked for, so that ``n2s --help`` stays fast.
FACE = {
    "TrainedRun": "n2s.api.trained_run",
    "evaluate": "n2s.api.evaluate",
    "fit": "n2s.cli.in_python",
    "load": "n2s.api.load",
    "test": "n2s.cli.in_python",
    "windows": "n2s.api.windows",
    "windows_of_epochs": "n2s.api.windows",
}

__all__ = ["__version__", *FACE]


def __getattr__(name: str) -> object:
    if name in FACE:
        return getattr(importlib.import_module(FACE[name]), name)
    raise AttributeError(f"module 'n2s' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *FACE})
