"""Which cleaning a study's BOLD needs: a study declares it, `n2s.data.bold_steps` does it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg

from n2s.options import check_number


@dataclass(frozen=True)
class BoldCleaning:
    """Cleaning of a run, separate from other runs and without z-scoring.

    Trend, slow drifts and confounds are removed in one projection (Lindquist et al. 2019, Human Brain Mapping 40:2358), so
    that none brings another back.

    Parameters
    ----------
    detrend
        Remove the mean and the line that fits each voxel best.
    highpass_hz
        Remove the discrete cosines below this frequency; 0: none. 0.008 is a period of 125 s.
    confounds
        Columns of the run's confounds table to regress out, ``*`` standing for anything: ``trans_*``, ``a_comp_cor_0?``; or names
        of sets of them: ``motion6``, ``motion24``, ``millet18`` and others (`n2s.studies.confound_sets`). A first value of n/a,
        as derivatives have, takes the second's (as nilearn's ``load_confounds`` does).
    nan
        How to treat values that are not finite: an ``error``, or ``zero`` instead (in a z-scored voxel, its mean).
    """

    detrend: bool = False
    highpass_hz: float = 0.0
    confounds: tuple[str, ...] = ()
    nan: Literal["error", "zero"] = "error"

    def __post_init__(self) -> None:
        check_number("cleaning.highpass_hz", self.highpass_hz, low=0)


def residual_maker(regressors: np.ndarray) -> np.ndarray:
    """(t, t) The projection that removes the span of ``regressors (t, p)`` from a run."""
    basis = scipy.linalg.orth(regressors)
    return np.eye(len(regressors)) - basis @ basis.T
