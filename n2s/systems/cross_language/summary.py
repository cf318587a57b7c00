"""From subjects' values to tables: cells with chance, p and q, transfer ratios, regions of shared and specific voxels."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from n2s.metrics.auc import auc
from n2s.metrics.group_tests import benjamini_hochberg
from n2s.metrics.score import ALL
from n2s.systems.cross_language.bands import SHARED, pair_name
from n2s.systems.cross_language.bootstrap import Compared, interval, transfer
from n2s.systems.cross_language.cells import Cell
from n2s.systems.cross_language.encoded import p_of
from n2s.systems.cross_language.identification import RANK
from n2s.systems.cross_language.scoring import R, SubjectScores

NONE = "none"
Q = 0.05
TRANSFERRED = (R, RANK)  # measures whose ratio is shown


def cell_table(scored: Mapping[str, SubjectScores], cells: Sequence[Cell], main: str, seed: int) -> pd.DataFrame:
    """See `n2s.systems.cross_language.scored.CrossLanguageScores.cells`."""
    by_key, rows = {cell.key: cell for cell in cells}, []
    for subject, found in _everybody(scored, seed).items():
        for at, (compared, null, n, units, people) in found.items():
            space, key, measure, region = at
            cell = by_key[key]
            score = interval(compared.value, compared.draws, units)
            low, high = np.quantile(null, [0.025, 0.975]) if len(null) else (np.nan, np.nan)
            rows.append(
                {
                    "subject": subject, "space": space, "role": "model" if space == main else "control", "cell": key, "label": cell.label,
                    "train": "+".join(cell.training.languages), "test": cell.test, "kind": cell.kind, "design": cell.design, "measure": measure, "region": region,
                    "value": compared.value, "low": _number(score.low), "high": _number(score.high), "interval": score.kind, "chance": compared.chance,
                    "chance_low": float(low), "chance_high": float(high), "p": p_of(compared.value, null) if len(null) else np.nan, "n": n, "people": people,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    # over the regions of a cell; identification has none: over its cells
    encoding = table.measure == R
    of = table.subject + "\n" + table.space + "\n" + table.measure + "\n" + table.cell.where(encoding, "")
    return table.assign(q=table.groupby(of, sort=False).p.transform(lambda p: benjamini_hochberg(p.to_numpy())))


def transfer_table(scored: Mapping[str, SubjectScores], cells: Sequence[Cell], main: str, seed: int) -> pd.DataFrame:
    """See `n2s.systems.cross_language.scored.CrossLanguageScores.transfer`: each cross cell against the cell within its tested language.

    Over subjects both are of those who have both: of three languages, some people may have heard two.
    """
    rows = []
    within = {cell.test: cell.key for cell in cells if cell.kind == "within"}
    for subject in (ALL, *scored):
        people = scored if subject == ALL else {subject: scored[subject]}
        keys = dict.fromkeys(at for one in people.values() for at in one.compared)
        for cell in (one for one in cells if one.kind == "cross"):
            for space, key, measure, region in keys:
                at, base = (space, key, measure, region), (space, within[cell.test], measure, region)
                have = {name: one for name, one in people.items() if at in one.compared and base in one.compared}
                if key != cell.key or measure not in TRANSFERRED or not have:
                    continue
                cross, own = (
                    Compared.mean({name: one.compared[which] for name, one in have.items()}, seed)
                    for which in (at, base)
                )
                score, told = transfer(cross, own, _units(have))
                rows.append(
                    {
                        "subject": subject, "space": space, "role": "model" if space == main else "control", "train": cell.training.languages[0],
                        "test": cell.test, "design": cell.design, "measure": measure, "region": region, "ratio": _number(score.mean),
                        "low": _number(score.low), "high": _number(score.high), "interval": score.kind, "told": told,
                    }
                )  # fmt: skip
    columns = [
        "subject",
        "space",
        "role",
        "train",
        "test",
        "design",
        "measure",
        "region",
        "ratio",
        "low",
        "high",
        "interval",
        "told",
    ]
    return pd.DataFrame(rows, columns=columns)


def classify(voxels: pd.DataFrame, languages: Sequence[str]) -> pd.DataFrame:
    """Add ``<pair>:class``: the band with the largest part of a voxel's R2; ``none`` where all bands together explain nothing, or where
    neither language of the pair is predicted (``<pair>:q``: `Q`); nothing (None) for who did not hear both.
    """
    for pair in combinations(languages, 2):
        name = pair_name(pair)
        columns = [f"{name}:{band}" for band in (SHARED, *pair)]
        if not all(one in voxels for one in columns):
            continue
        parts = voxels[columns].to_numpy()
        predicted = (voxels[f"{name}:q"] < Q).to_numpy() if f"{name}:q" in voxels else np.ones(len(voxels), bool)
        best = np.array([SHARED, *pair], object)[np.argmax(parts, 1)]
        classes = np.where((parts.sum(1) > 0) & predicted, best, NONE)
        voxels = voxels.assign(**{f"{name}:class": np.where(np.isnan(parts).any(1), None, classes)})
    return voxels


def region_table(scored: Mapping[str, SubjectScores], voxels: pd.DataFrame, languages: Sequence[str]) -> pd.DataFrame:
    """See `n2s.systems.cross_language.scored.CrossLanguageScores.regions`."""
    rows = []
    for subject, found in scored.items():
        own = voxels[voxels.subject == subject]
        for pair in combinations(languages, 2):
            name = pair_name(pair)
            if f"{name}:class" not in own or own[f"{name}:class"].isna().all():
                continue
            for region, mask in found.masks.items():
                part = own[mask]
                for band in (SHARED, *pair):
                    share = float((part[f"{name}:class"] == band).mean())
                    rows.append({"subject": subject, "pair": name, "region": region, "band": band, "explained": float(part[f"{name}:{band}"].mean()), "share": share, "n": len(part)})  # fmt: skip
    return pd.DataFrame(rows, columns=["subject", "pair", "region", "band", "explained", "share", "n"])


def known_table(
    scored: Mapping[str, SubjectScores], voxels: pd.DataFrame, languages: Sequence[str], known: Mapping[str, str]
) -> pd.DataFrame:
    """See `n2s.systems.cross_language.scored.CrossLanguageScores.known`. ``known``: band (``shared``, a language) -> region."""
    rows = []
    for subject, found in scored.items():
        own = voxels[voxels.subject == subject].reset_index(drop=True)
        for pair in combinations(languages, 2):
            name = pair_name(pair)
            bands = [band for band in (SHARED, *pair) if known.get(band) in found.masks]
            if f"{name}:class" not in own or own[f"{name}:class"].isna().all() or SHARED not in bands or len(bands) < 2:
                continue
            difference = own[f"{name}:{SHARED}"] - own[[f"{name}:{one}" for one in pair]].max(axis=1)
            shared = found.masks[known[SHARED]]
            specific = np.logical_or.reduce([found.masks[known[band]] for band in bands if band != SHARED])
            chosen = shared ^ specific
            area = auc(difference.to_numpy()[chosen], shared[chosen])
            for band in bands:
                classes = own[f"{name}:class"][found.masks[known[band]]].value_counts()
                rows += [
                    {
                        "subject": subject,
                        "pair": name,
                        "truth": band,
                        "class": one,
                        "n": int(classes.get(one, 0)),
                        "auc": area,
                    }
                    for one in (SHARED, *pair, NONE)
                ]
    return pd.DataFrame(rows, columns=["subject", "pair", "truth", "class", "n", "auc"])


def _everybody(
    scored: Mapping[str, SubjectScores], seed: int
) -> dict[str, dict[tuple, tuple[Compared, np.ndarray, int, str, int]]]:
    """Subject, and all subjects -> what -> value, values at other times, voxels or segments, what was resampled, and how many people have it."""
    found: dict[str, dict] = {}
    for subject, one in scored.items():
        found[subject] = {
            at: (compared, one.nulls[at], one.n[at], one.units, 1) for at, compared in one.compared.items()
        }
    keys = dict.fromkeys(at for one in scored.values() for at in one.compared)
    together = {}
    for at in keys:
        have = {name: one.compared[at] for name, one in scored.items() if at in one.compared}
        nulls = [scored[name].nulls[at] for name in have]
        n = sum(scored[name].n[at] for name in have)
        units = _units({name: scored[name] for name in have})
        together[at] = Compared.mean(have, seed), np.mean(nulls, axis=0), n, units, len(have)
    return {ALL: together} | found


def _units(scored: Mapping[str, SubjectScores]) -> str:
    """What intervals of one subject, or of several, resample."""
    units = " or ".join(dict.fromkeys(one.units for one in scored.values()))
    return f"subjects and {units}" if len(scored) > 1 else units


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
