"""ds003720 in miniature: two people, one training and one test run of five volumes' pieces each; a mask for raw images."""

from pathlib import Path

import numpy as np
from builders import write_audio

N_VOXELS = 3
TRACK_S, RATE_HZ = 30.0, 100
TRAINING = [("disco", 9, 4.21), ("blues", 98, 6.46), ("hiphop", 53, 0.4), ("pop", 29, 3.56)]
TEST = [("rock", 32, 4.48), ("pop", 32, 10.7)]
DUMMY_TRAINING = ("jazz", 12, 1.0)


def write_events(path: Path, pieces: list[tuple[str, int, float]]) -> int:
    """As published: genres in quotes (one half lost), CRLF, no last end of line. Returns the number of volumes."""
    lines = ["onset\tduration\tgenre\ttrack\tstart\tend"]
    for i, (genre, track, start_s) in enumerate(pieces):
        lines.append(f"{15 * i}\t15\t'{genre}'\t{track}\t{start_s}\t{round(start_s + 15, 2)}")
    lines[-1] = lines[-1].replace("'", "", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join(lines).encode())
    return 10 * len(pieces)


def write_volumes(folder: Path, stem: str, n_tr: int) -> Path:
    """The first voxel counts the volumes."""
    folder.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(n_tr).standard_normal((n_tr, N_VOXELS)) + 100
    data[:, 0] = np.arange(n_tr)
    np.save(folder / f"{stem}_bold.npy", data)
    return folder / f"{stem}_bold.npy"


def write_track(genres: Path, genre: str, track: int, *, rate_hz: int = RATE_HZ) -> None:
    write_audio(genres / genre / f"{genre}.{track:05d}.wav", TRACK_S, rate_hz=rate_hz, seed=track)


def write_tree(root: Path, *, rate_hz: int = RATE_HZ) -> Path:
    """Under ``root``: the data set; ``root/volumes`` own runs; ``root/genres`` GTZAN."""
    runs = {
        "task-Training_run-01": [DUMMY_TRAINING, *TRAINING],
        "task-Test_run-01": [TEST[1], *TEST * 4],
    }
    for subject in ("001", "002"):
        for run, pieces in runs.items():
            stem = f"sub-{subject}_{run}"
            n_tr = write_events(root / f"sub-{subject}" / "func" / f"{stem}_events.tsv", pieces)
            write_volumes(root / "volumes", stem, n_tr)
    for genre, track, _ in (*TRAINING, *TEST):
        write_track(root / "genres", genre, track, rate_hz=rate_hz)
    return root
