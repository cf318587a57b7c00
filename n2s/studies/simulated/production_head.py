"""Where the head of a simulated speaker is: nods move it in the helmet, and channels of MaxFilter's kind tell its position."""

import mne
import numpy as np
from mne.io.constants import FIFF

from n2s.studies.simulated.sensors import helmet

#: Around which the head nods, head coordinates: the neck. The middle of the head lies 10 cm above.
PIVOT_M = (0.0, -0.02, -0.06)
NOD_M = 0.001  # a unit: the middle of the head goes 1 mm to the front
LEVER_M = 0.1
DRIFT_M = 0.0003  # of the head in a run, each axis; slower than `DRIFT_HZ`
DRIFT_HZ = 0.05
TRACE_SD_M, TRACE_SD = 2e-5, 1e-4  # error of a position, m, and of a quaternion
NAMES = [f"CHPI{i:03d}" for i in range(1, 10)]
_KINDS = ("QUAT_1", "QUAT_2", "QUAT_3", "QUAT_4", "QUAT_5", "QUAT_6", "HPI_G", "HPI_ERR", "HPI_MOV")


def pose(shift_m: np.ndarray, nod: float) -> np.ndarray:
    """(4, 4) From the helmet to the head (``dev_head_t``) of a head that has nodded by so many units."""
    usual = helmet(100.0, shift_m)["dev_head_t"]["trans"]
    angle = nod * NOD_M / LEVER_M  # the head turns forwards, so what it sees turns backwards
    turned = np.eye(4)
    turned[:3, :3] = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    turned[:3, 3] = PIVOT_M - turned[:3, :3] @ PIVOT_M
    return turned @ usual


def helmet_at(sfreq: float, shift_m: np.ndarray, nod: float = 0.0) -> mne.Info:
    """The helmet around a head that has nodded by so many units."""
    info = helmet(sfreq, shift_m)
    info["dev_head_t"] = mne.transforms.Transform("meg", "head", pose(shift_m, nod))
    return info


def drift(n: int, sfreq: float, rng: np.random.Generator) -> np.ndarray:
    """(3, n) Slow drift of the head, m. It shows in the traces alone: fields change by less than one hundredth."""
    hz = np.fft.rfftfreq(n, 1 / sfreq)
    parts = rng.standard_normal((3, len(hz), 2)) @ [1, 1j] * (hz < DRIFT_HZ) / np.maximum(hz, hz[min(1, len(hz) - 1)])
    parts[:, 0] = 0
    found = np.fft.irfft(parts, n)
    return DRIFT_M * found / np.maximum(found.std(1, keepdims=True), 1e-12)


def traces(
    nod: np.ndarray, moved_m: np.ndarray, shift_m: np.ndarray, sfreq: float, rng: np.random.Generator
) -> np.ndarray:
    """(9, t) Quaternion (3), translation (3, m), goodness of fit, error (m) and speed (m/s) of ``dev_head_t``, as MaxFilter writes them."""
    n = len(nod)
    units = np.linspace(-1, 1, 3) * max(np.abs(nod).max(), 1e-3)  # a small turn is linear in the nod
    poses = [pose(shift_m, one) for one in units]
    quats = np.array([mne.transforms.rot_to_quat(one[:3, :3]) for one in poses])
    places = np.array([one[:3, 3] for one in poses])
    at = nod / units[-1]
    turned = quats[1][:, None] + (quats[2] - quats[0])[:, None] / 2 * at
    place = places[1][:, None] + (places[2] - places[0])[:, None] / 2 * at + moved_m
    speed = np.linalg.norm(np.gradient(place, axis=1), axis=0) * sfreq if n > 1 else np.zeros(n)
    turned = turned + TRACE_SD * rng.standard_normal((3, n))
    place = place + TRACE_SD_M * rng.standard_normal((3, n))
    fit = np.stack(
        [0.99 + 0.002 * rng.standard_normal(n).clip(-3, 3), np.abs(TRACE_SD_M * rng.standard_normal(n)), speed]
    )
    return np.concatenate([turned, place, fit])


def as_chpi(info: mne.Info) -> None:
    """Give the channels `NAMES` the kinds that MaxFilter gives them."""
    kinds = {name: FIFF[f"FIFFV_{kind}"] for name, kind in zip(NAMES, _KINDS, strict=True)}
    for channel in info["chs"]:
        if channel["ch_name"] in kinds:
            channel["kind"] = kinds[channel["ch_name"]]
