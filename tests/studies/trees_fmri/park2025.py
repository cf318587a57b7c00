"""Brain2Sound in miniature: two people, 4 training sounds heard twice and 2 test sounds three times, 11 voxels of 14 columns."""

from pathlib import Path

import h5py
import numpy as np
from builders import write_audio

TRAIN = ["-3z5mFRgbxc_30000_38000", "0-jDld11jhw_164000_172000", "0-jDld11jhw_93000_101000", "00QQLLcny14_83000_91000"]
TEST = ["-0pJqpNjft4_267000_275000", "-3-4qmWSJXU_30000_38000"]
LABELS = {
    TRAIN[0]: "driving buses", TRAIN[1]: "playing cornet", TRAIN[2]: "playing cornet",
    TRAIN[3]: "electric shaver, electric razor shaving", TEST[0]: "cow lowing", TEST[1]: "thunder",
}  # fmt: skip
N_VOXELS = 11
LEFT, RIGHT, OTHER = [0, 1, 2], [4, 5], [8]  # A1 of both sides, and the area TA2
KEYS = {
    "VoxelData": list(range(N_VOXELS)),
    "hcp180_r_lh.L_A1_ROI": LEFT,
    "hcp180_r_rh.R_A1_ROI": RIGHT,
    "hcp180_r_lh.L_TA2_ROI": OTHER,
    "hcp180_r_lh.L_V1_ROI": [9, 10],
    "sample_name": [N_VOXELS],
    "Run": [N_VOXELS + 1],
    "Session": [N_VOXELS + 2],
}


def samples(sounds: list[str], n_heard: int) -> list[str]:
    return [f"{sound}_slide{slide}" for _ in range(n_heard) for sound in sounds for slide in range(3)]


def volumes(names: list[str], subject: int) -> np.ndarray:
    return np.random.default_rng(subject + len(names)).standard_normal((len(names), N_VOXELS))


def write_bdata(path: Path, names: list[str], data: np.ndarray) -> Path:
    """As bdpy saves it: labels are numbers in a column, which /vmap spells; coordinates are metadata too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spelled = {float(i + 1): name for i, name in enumerate(sorted(set(names)))}
    numbers = {name: number for number, name in spelled.items()}
    columns = [[numbers[name] for name in names], np.ones(len(names)), np.ones(len(names))]
    value = np.full((len(KEYS) + 1, N_VOXELS + 3), np.nan)
    for row, marked in enumerate(KEYS.values()):
        value[row, marked] = 1
    value[-1, :N_VOXELS] = np.linspace(-60, 60, N_VOXELS)
    value[-1, 3] = 1  # a coordinate of 1 makes no member
    value[1, 9] = 0  # a zero is no member either
    with h5py.File(path, "w") as file:
        file["dataset"] = np.column_stack([data, *columns])
        file["metadata/key"] = [key.encode() for key in (*KEYS, "voxel_x")]
        file["metadata/description"] = [b""] * (len(KEYS) + 1)
        file["metadata/value"] = value
        for number, name in spelled.items():
            file[f"vmap/sample_name/{number}"] = name.encode()
        file["header/ctime"] = b"now"
    return path


def write_tree(root: Path, *, rate_hz: int = 100) -> Path:
    for subject in (1, 2):
        for task, sounds, n_heard in (("Train", TRAIN, 2), ("Test", TEST, 3)):
            names = samples(sounds, n_heard)
            path = root / "fmri_data" / f"S{subject}_VGGishish{task}_volume_native.h5"
            write_bdata(path, names, volumes(names, subject))
    write_bdata(
        root / "fmri_data" / "S1_VGGishishAttentionTest_volume_native.h5", ["x_slide0"], np.zeros((1, N_VOXELS))
    )
    lines = ["YouTube ID,start seconds,end seconds,label,split"]
    for sound, label in LABELS.items():
        start, stop = sound[12:].split("_")
        label = f'"{label}"' if "," in label else label
        lines.append(f"{sound[:11]},{start},{stop},{label},decoder_{'test' if sound in TEST else 'train'}")
    (root / "SoundReconstruction_stimulus.csv").write_text("\n".join(lines) + "\n")
    for seed, sound in enumerate((TRAIN[0], TRAIN[1], TEST[0], TEST[1])):
        write_audio(root / "audio" / f"{sound}.wav", 8.0, rate_hz=rate_hz, seed=seed)
    write_audio(root / "audio" / "vggsound" / f"{TRAIN[2][:11]}_000093.wav", 10.0, rate_hz=rate_hz, seed=9)
    return root
