"""Brain scores with a planted pattern, as a test of `BrainScore` leaves them: vertices, voxels of MNI, or sensors."""

import numpy as np
import pandas as pd
from mne.channels import read_layout
from scipy.stats import norm

from n2s.systems.encoding.cortex.surfaces import fsaverage5
from n2s.systems.encoding.results.result import BrainScoreResult

A1 = np.array([[-48.0, -22.0, 8.0], [50.0, -18.0, 8.0]])  # mm: Heschl's gyri
TPJ = np.array([[-54.0, -50.0, 24.0], [56.0, -46.0, 24.0]])
#: The last space of each level -> where it adds, mm around which centres, and how much r.
LEVELS = {"mel": (A1, 14, 0.20), "conv1": (A1, 18, 0.06), "conv2": (A1, 24, 0.04), "gru": (TPJ, 22, 0.07)}
#: Network -> what training adds at A1 and at TPJ.
NETWORKS = {"untrained": (0.0, 0.0), "scenes": (0.05, 0.0), "bengali": (0.01, 0.02), "dutch": (0.02, 0.06)}
AFFINE = np.array(
    [[-4.0, 0, 0, 72], [0, 4, 0, -108], [0, 0, 4, -52], [0, 0, 0, 1]]
)  # x to the left, as many MNI images
SHAPE = (37, 46, 34)


def rows() -> pd.DataFrame:
    """Each network's levels, the mel spectrogram alone first, then the controls."""
    found = []
    for network in NETWORKS:
        role = "control" if network == "untrained" else "model"
        spaces = ["mel", *(f"{network}.{layer}" for layer in list(LEVELS)[1:])]
        for level, layer in enumerate(LEVELS):
            label = f"{network}: {'+ ' if level else ''}{layer}"
            found.append(
                (f"{network}/{layer}", label, role, network, level, " + ".join(spaces[: level + 1]), 80 + 512 * level)
            )
    found.append(("word_rate", "word rate", "control", "", 0, "word_rate", 1))
    columns = ["row", "label", "role", "network", "level", "spaces", "n_features"]
    return pd.DataFrame(found, columns=columns).assign(n_seeds=1)


def truth(places: np.ndarray) -> dict[str, np.ndarray]:
    """Row -> the r that is planted at places (v, 3), mm."""

    def bump(centres: np.ndarray, mm: float) -> np.ndarray:
        square = np.square(places[:, None] - centres).sum(-1).min(1)
        return np.exp(-square / (2 * mm**2))

    found = {"word_rate": 0.08 * bump(TPJ, 25)}
    for network, (low, high) in NETWORKS.items():
        total = np.zeros(len(places))
        for level, (layer, (centres, mm, strength)) in enumerate(LEVELS.items()):
            total = total + strength * bump(centres, mm)
            trained = level / 3 * (low * bump(A1, 16) + high * bump(TPJ, 22))
            found[f"{network}/{layer}"] = total + trained
    return found


def subject_table(
    subject: str, index: np.ndarray, places: np.ndarray, rng: np.random.Generator, noise: float
) -> pd.DataFrame:
    """One row per target, with noise that the rows of a target share in part."""
    n, own = len(index), rng.normal(0, noise, len(index))
    table = {
        "subject": subject,
        "name": index.astype(str),
        "index": index,
        "x": places[:, 0],
        "y": places[:, 1],
        "z": places[:, 2],
    }
    planted, strength = truth(places), rng.uniform(0.7, 1.3)
    mel = strength * planted["dutch/mel"] + own
    for row, r in planted.items():
        found = mel if row.endswith("/mel") else strength * r + own + rng.normal(0, noise / 6, n)
        table[f"r:{row}"] = found.astype(np.float32)
        table[f"p:{row}"] = (1 + np.floor(1000 * norm.sf(found / noise))) / 1001
        network, _, layer = row.partition("/")
        if layer and layer != "mel":
            before = list(LEVELS)[list(LEVELS).index(layer) - 1]
            table[f"gain:{row}"] = table[f"r:{row}"] - table[f"r:{network}/{before}"]
    shares = {"mel": 0.6, "word_rate": 0.1, "dutch": 0.3}
    for space, share in shares.items():
        table[f"share:{space}"] = share * planted["dutch/gru"] ** 2 + rng.normal(0, 1e-3, n)
    table["ceiling:ev"] = np.clip(1.6 * planted["dutch/gru"] ** 2 + 0.05, 0, 1)
    table["ceiling:ev_corrected"] = np.where(planted["dutch/gru"] > 0.02, 1.6 * planted["dutch/gru"] ** 2, np.nan)
    table["ceiling:r"], table["n_presentations"] = np.sqrt(table["ceiling:ev_corrected"]), np.ones(n)
    for region, (centres, mm) in {"A1": (A1, 12), "Belt": (A1, 24), "TPJ": (TPJ, 16)}.items():
        near = np.linalg.norm(places[:, None] - centres, axis=-1).min(1) < mm
        table[f"roi:{region}"] = near & ~table["roi:A1"] if region == "Belt" else near
    return pd.DataFrame(table)


def on_vertices(
    n_subjects: int = 8, *, noise: float = 0.03, index: np.ndarray | None = None, seed: int = 0
) -> BrainScoreResult:
    """Subjects on fsaverage5; ``index``: which vertices were measured."""
    rng, cortex = np.random.default_rng(seed), fsaverage5()
    middle = (cortex.white + cortex.pial) / 2
    index = np.arange(len(middle)) if index is None else index
    subjects = [f"mous/sub-{i + 1:02d}" for i in range(n_subjects)]
    tables = [subject_table(subject, index, middle[index], rng, noise) for subject in subjects]
    images = {subject: {"kind": "vertex", "shape": [len(middle)], "mesh": "fsaverage5"} for subject in subjects}
    return BrainScoreResult(pd.concat(tables, ignore_index=True), rows(), images, settings={"n_permutations": 1000})


def on_voxels(
    n_subjects: int = 2, *, noise: float = 0.03, seed: int = 0, template: str = "MNI152NLin2009cAsym"
) -> BrainScoreResult:
    """Subjects with voxels of 4 mm around the cortex, in C order of one image."""
    rng, cortex = np.random.default_rng(seed), fsaverage5()
    at = np.linalg.inv(AFFINE) @ np.c_[(cortex.white + cortex.pial) / 2, np.ones(len(cortex.white))].T
    voxels = np.unique(np.round(at[:3]).astype(int).T, axis=0)
    index = np.ravel_multi_index(tuple(voxels.T), SHAPE)
    places = (AFFINE @ np.c_[voxels, np.ones(len(voxels))].T)[:3].T
    order = np.argsort(index)
    subjects = [f"lebel/UTS{i + 1:02d}" for i in range(n_subjects)]
    tables = [subject_table(subject, index[order], places[order], rng, noise) for subject in subjects]
    image = {"kind": "voxel", "shape": list(SHAPE), "affine": AFFINE.tolist(), "template": template}
    return BrainScoreResult(pd.concat(tables, ignore_index=True), rows(), dict.fromkeys(subjects, image))


def of_networks(result: BrainScoreResult, names: list[str]) -> BrainScoreResult:
    """The same with fewer networks."""
    kept = result.rows[result.rows.network.isin(names)].reset_index(drop=True)
    gone = set(result.rows.row) - set(kept.row)
    columns = [name for name in result.targets if name.partition(":")[2] not in gone]
    return BrainScoreResult(result.targets[columns], kept, result.images)


def on_sensors(n_subjects: int = 7, *, seed: int = 0) -> BrainScoreResult:
    """Subjects with a Vectorview's 306 sensors: a lag of 150 ms at temporal sensors, and a spectro-temporal kernel."""
    rng, layout = np.random.default_rng(seed), read_layout("Vectorview-all.lout")
    names = [name.replace("MEG", "MEG ") if " " not in name else name for name in layout.names]
    xy = layout.pos[:, :2] + layout.pos[:, 2:] / 2
    xy = (xy - xy.min(0)) / np.ptp(xy, axis=0).max()
    side = np.exp(-np.square(np.abs(xy[:, 0] - 0.5) - 0.32) / 0.02 - np.square(xy[:, 1] - 0.5) / 0.03)
    lags, tables, by_lag, kernels = np.arange(-0.1, 0.61, 0.02), [], [], []
    columns = ["row", "label", "role", "network", "level", "spaces", "n_features", "n_seeds"]
    found = pd.DataFrame(
        [
            ("mel", "mel", "model", "model", 0, "mel", 16, 1),
            ("word_rate", "word rate", "control", "", 0, "word_rate", 1, 1),
        ],
        columns=columns,
    )
    for i in range(n_subjects):
        subject = f"armeni/sub-{i + 1:03d}"
        table = pd.DataFrame(
            {"subject": subject, "name": names, "index": -1, "x": xy[:, 0], "y": xy[:, 1], "z": np.nan}
        )
        table["roi:temporal"] = side > 0.5
        for row, r in {"word_rate": 0.02, "mel": 0.1}.items():
            table[f"r:{row}"] = r * side + rng.normal(0, 0.01, len(names))
            table[f"p:{row}"] = np.where(side > 0.3, 1 / 1001, rng.uniform(0, 1, len(names)))
        tables.append(table)
        course = np.exp(-np.square(lags - 0.15) / 0.006)
        r = 0.08 * side[:, None] * course + rng.normal(0, 0.006, (len(names), len(lags)))
        by_lag.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "name": np.repeat(names, len(lags)),
                    "lag_s": np.tile(lags, len(names)),
                    "r:mel": r.ravel(),
                }
            )
        )
        some, bands = np.flatnonzero(side > 0.6)[::3], np.linspace(100, 8000, 16)
        sign = np.where(np.arange(len(some)) % 2, 1, -1)
        wave = (course - np.exp(-np.square(lags - 0.3) / 0.01)) * 0.02
        weight = sign[:, None, None] * np.exp(-np.square(np.arange(16) - 5) / 12)[:, None] * wave + rng.normal(
            0, 1e-3, (len(some), 16, len(lags))
        )
        kernels.append(_kernels(subject, np.array(names)[some], "mel", [f"{hz:.0f} Hz" for hz in bands], lags, weight))
        rate = sign[:, None, None] * wave * 2 + rng.normal(0, 1e-3, (len(some), 1, len(lags)))
        kernels.append(_kernels(subject, np.array(names)[some], "word_rate", ["word_rate"], lags, rate))
    images = {table.subject[0]: {"kind": "sensor"} for table in tables}
    return BrainScoreResult(pd.concat(tables, ignore_index=True), found, images, pd.concat(by_lag), pd.concat(kernels))


def _kernels(
    subject: str, names: np.ndarray, space: str, features: list[str], lags: np.ndarray, weight: np.ndarray
) -> pd.DataFrame:
    at = pd.MultiIndex.from_product([names, features, lags], names=["name", "feature", "lag_s"])
    return pd.DataFrame({"weight": weight.ravel()}, index=at).reset_index().assign(subject=subject, space=space)
