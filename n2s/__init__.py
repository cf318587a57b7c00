"""n2s: decode speech from brain recordings.

Axes, everywhere in the package:

    b  batch (windows)              f  feature dimension
    c  sensors, or voxels           l  audio frames
    t  brain time (samples)         k  candidates

A shape in a docstring, ``(b, c, t) -> (b, f, t)``, uses these letters. Seconds end in ``_s``, rates are ``sfreq`` or
``_hz``, counts start with ``n_``.
"""

__version__ = "0.1.0"
