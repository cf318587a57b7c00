"""What the files of maps hold, in words; and their table for statistics."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from n2s.paths import written_whole
from n2s.systems.encoding.cortex.contrasts import LEAST_CEILING, OnCortex, Q, region_names
from n2s.systems.encoding.cortex.surfaces import DRAWN
from n2s.systems.encoding.results.regions import region_ratio
from n2s.systems.encoding.results.scored import BrainScores

TABLE, ABOUT = "scores_by_region.tsv", "README.md"
#: Part of a file's name -> what it holds, and its unit.
STATISTICS = {
    "r": ("Pearson correlation of prediction and response on held-out rows", "correlation"),
    "gain": ("R of a level minus R of the level before it", "difference of correlations"),
    "normCeiling": ("R divided by the correlation that a perfect model reaches, as repeats say", "ratio"),
    "normISC": ("R divided by the inter-subject correlation", "ratio"),
    "q": ("False discovery rate or corrected p of a target's R (see Test)", "probability"),
    "gainQ": (
        "False discovery rate or corrected p of a target's gain (see Test)",
        "probability",
    ),
}
NORMALISED = {"r": "normCeiling", "isc": "normISC"}


def write_sidecar(path: Path, statistic: str, names: list[str], about: Mapping) -> Path:
    """Write the JSON file beside a file of maps: what it holds, the unit, and the order of the maps."""
    description, unit = STATISTICS[statistic]
    content = {"Description": description, "Units": unit, **about, "Maps": names, "Absent": "NaN"}
    target = path.with_name(re.sub(r"\.(nii\.gz|func\.gii|dscalar\.nii)$", ".json", path.name))
    with written_whole(target) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return target


def write_table(result: BrainScores, path: Path) -> Path:
    """A line per subject, region and row, for mixed models and the like."""
    targets = result.targets
    with written_whole(path) as temporary:
        pd.DataFrame(_lines(result.rows, targets)).to_csv(temporary, sep="\t", index=False, na_rep="n/a")
    return path


def _lines(rows: pd.DataFrame, targets: pd.DataFrame) -> Iterator[dict]:
    for subject, table in targets.groupby("subject", sort=False):
        for region in ["", *region_names(targets)]:
            own = table[table[f"roi:{region}"].fillna(False).astype(bool)] if region else table
            for row in rows.itertuples() if len(own) else ():
                line = {
                    "subject": subject,
                    "region": region or "all",
                    "n_targets": len(own),
                    "row": row.row,
                    "role": row.role,
                }
                line |= {"network": row.network or None, "level": row.level, "n_features": row.n_features}
                line["r"] = own[f"r:{row.row}"].mean()
                line["gain"] = own[f"gain:{row.row}"].mean() if f"gain:{row.row}" in own else None
                for kind, name in NORMALISED.items():
                    if f"ceiling:{kind}" in own:
                        line[f"r_{name}"] = region_ratio(own, f"r:{row.row}", kind)
                yield line


def write_about(result: BrainScores, cortex: OnCortex, path: Path) -> Path:
    """What the files are, in words."""
    lines = [
        "# Brain scores",
        "",
        "Names follow BIDS: `<who>[_hemi-L|R][_space-...]_stat-<what>_statmap`. `group`: mean over subjects.",
    ]
    lines += [
        "A file holds the maps of all rows, in the order of `Maps` in its JSON file. What is not known is NaN.",
        "",
    ]
    lines += [f"- `stat-{name}`: {text} ({unit})." for name, (text, unit) in STATISTICS.items()]
    lines += [
        "",
        f"`norm...` is absent where the ceiling is below {LEAST_CEILING:g}; `q` below {Q:g} counts as significant.",
        "",
        "Rows:",
        "",
    ]
    lines += [f"- `{row.row}`: {row.label} ({row.role}; {row.spaces})" for row in result.rows.itertuples()]
    lines += [
        "",
        f"`{TABLE}`: means by subject, region and row (normalised scores: mean R by the ceiling, of the targets that have one). All targets: `../targets.parquet`.",
    ]
    lines += [
        f"`space-{DRAWN}` of voxels: read at five depths between white matter and pia of fsaverage5, nearest voxel."
    ] * cortex.from_volumes
    lines += [f"Not on fsaverage5: {', '.join(who)} ({why})." for why, who in cortex.left_out.items()]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")
    return path
