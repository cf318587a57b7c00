"""Named sets of fMRIPrep's confounds, which a cleaning may list in place of their columns."""

from collections.abc import Iterable

_MOTION = tuple(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz")
_COMPCOR = tuple(f"a_comp_cor_{i:02d}" for i in range(6))

#: Name -> columns of ``*_desc-confounds_timeseries.tsv``, ``*`` standing for anything.
CONFOUND_SETS: dict[str, tuple[str, ...]] = {
    "motion6": _MOTION,
    "motion12": (*_MOTION, *(f"{one}_derivative1" for one in _MOTION)),
    # Friston et al. 1996, Magn. Reson. Med. 35:346; squares in place of lags: Satterthwaite et al. 2013, NeuroImage 64:240
    "motion24": tuple(
        f"{one}{tail}" for one in _MOTION for tail in ("", "_derivative1", "_power2", "_derivative1_power2")
    ),
    "acompcor6": _COMPCOR,
    "cosines": ("cosine*",),
    # Millet & King 2021, section 2.2: six of motion, six of CompCor, six slow cosines
    "millet18": (*_MOTION, *_COMPCOR, *(f"cosine{i:02d}" for i in range(6))),
}


def columns_of(confounds: Iterable[str]) -> tuple[str, ...]:
    """The columns and patterns that a list of names stands for, each once."""
    return tuple(dict.fromkeys(column for name in confounds for column in CONFOUND_SETS.get(name, (name,))))
