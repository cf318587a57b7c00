"""The helmets of the simulated MEG, at their true coil positions, around a spherical head."""

from collections.abc import Sequence
from typing import Literal

import mne
import numpy as np

HEAD_CENTRE_M = (0.0, 0.0, 0.04)  # of the sphere that stands for the head, in head coordinates (MNE's default)
#: Device to head: the vertex lies 35 mm below the top coils, and the head as far from the front as from the back.
HEAD_IN_HELMET_M = {"vectorview": (0.0, 0.0, 0.055), "ctf275": (0.0, 0.019, 0.0645)}


def helmet(
    sfreq: float,
    head_shift_m: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    system: Literal["vectorview", "ctf275"] = "vectorview",
) -> mne.Info:
    """Describe a helmet's sensors, named and ordered as its maker does.

    Vectorview: 204 planar gradiometers (T/m) and 102 magnetometers (T). CTF: 274 axial gradiometers (T).

    Parameters
    ----------
    sfreq
        Sampling rate of the recording, Hz.
    head_shift_m
        (3,) How far this head lies from the usual place in the helmet, m. Rotation is none: x is right, y front, z up.
    system
        Which helmet.

    Notes
    -----
    Coil positions, orientations and types are MNE's canonical ones (`mne.channels.read_meg_canonical_info`).
    """
    coils = mne.channels.read_meg_canonical_info({"vectorview": "neuromag"}.get(system, system), verbose="error")
    info = mne.create_info(coils.ch_names, sfreq, coils.get_channel_types())
    for channel, coil in zip(info["chs"], coils["chs"], strict=True):
        channel["loc"] = coil["loc"].copy()
        channel["coil_type"] = coil["coil_type"]
    shift = np.eye(4)
    shift[:3, 3] = np.add(HEAD_IN_HELMET_M[system], head_shift_m)
    info["dev_head_t"] = mne.transforms.Transform("meg", "head", shift)
    return info


def lead_field(info: mne.Info, positions_m: np.ndarray) -> np.ndarray:
    """Field of unit dipoles in a conducting sphere: (p, 3) positions -> (c, p, 3), T/(A m) or T/(m A m).

    The last axis is the dipole's direction: right, front, up. A direction along the radius gives no field outside.
    """
    positions = np.atleast_2d(positions_m)
    directions = np.tile([0.0, 0.0, 1.0], (len(positions), 1))  # asked for by MNE; free orientations ignore them
    source_space = mne.setup_volume_source_space(pos={"rr": positions, "nn": directions}, verbose="error")
    sphere = mne.make_sphere_model(r0=HEAD_CENTRE_M, head_radius=None, verbose="error")
    forward = mne.make_forward_solution(
        info, trans=None, src=source_space, bem=sphere, meg=True, eeg=False, mindist=0.0, verbose="error"
    )
    return forward["sol"]["data"].reshape(len(info["chs"]), len(positions), 3)
