"""What is shown and written of brain scores beside the table: sentences, tables of regions and tests, flat files."""

import math
from pathlib import Path

import pandas as pd

from n2s.metrics.cross_fitted import TOLD
from n2s.metrics.result import write_tables
from n2s.metrics.score import ALL, Measure, Score, Scores, cell
from n2s.systems.encoding.cortex.maps import write_maps
from n2s.systems.encoding.results.group import Q
from n2s.systems.encoding.results.regions import LEAST_CEILING, WHOLE, inside, shown_region
from n2s.systems.encoding.results.scored import BrainScores
from n2s.systems.encoding.results.segment_table import segment_notes, segment_table
from n2s.systems.encoding.results.summary import NORMALISED, over_subjects

R = Measure("R")
MOST_SUBJECTS = 30  # in a table
CEILINGS = {
    "ceiling:ev": "explainable variance of a single response, biased",
    "ceiling:ev_corrected": "explainable variance of a single response, corrected for the number of repeats",
    "ceiling:r": "correlation that a perfect model reaches with the held-out responses, by the corrected explainable variance",
    "ceiling:isc": "correlation with the mean of the other subjects (leave one out)",
}

#: Ceiling column -> what a score divided by it is.
RATIOS = {
    "ceiling:r": "mean R by the correlation that a perfect model reaches (the root of the mean corrected explainable variance, for the "
    "number of presentations whose mean is tested).",
    "ceiling:isc": "mean R by mean inter-subject correlation; a model fitted to its subject can exceed 1.",
}


def headline(result: BrainScores) -> list[str]:
    """How many subjects and targets, and what R is."""
    settings, counts = result.settings, result.targets.groupby("subject").size()
    n = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    told = [f"{len(counts)} {'subject' if len(counts) == 1 else 'subjects'}, {n} {result.what} each."]
    if "n_rows" in settings:
        told.append(
            f"R: Pearson correlation of prediction and response on {_range(settings['n_rows'])} held-out rows of "
            f"{_range(settings['n_folds'])} {'fold' if settings['n_folds'] == [1, 1] else 'folds'} a subject, all folds joined, each "
            "fold's part of a run without its mean, predictions of each fold on one scale."
        )
    return told


def notes(result: BrainScores, scores: Scores) -> list[str]:
    """Ceilings, controls, significance, penalties."""
    settings, targets, told = result.settings, result.targets, []
    if settings.get("n_folds", [1, 1])[1] > 1:
        told.append(
            "The mean over all targets can be near 0 although some targets are predicted: see how many are significant, and which, in the maps."
        )
    for name, text in CEILINGS.items():
        if name in targets and targets[name].notna().any():
            reached = over_subjects(result.regions.mean(name, result.regions.names[0]))[ALL]
            told.append(f"Ceiling, {text}: {cell(reached, R)} on average over {_targets(result.regions.names[0])}.")
    if not result.regions.ceilings:
        told.append(
            "No ceiling: no stimulus was repeated, and subjects do not share targets and held-out stimuli. Scores are not normalised."
        )
    for name, text in RATIOS.items():
        if name in result.regions.ceilings:
            ratio = NORMALISED[name]
            known = any(measure.startswith(f"{ratio}, ") for measure in scores.measures)
            told.append(
                f"{ratio}: {text}"
                if known
                else f"No {ratio}: in each region some subject's ceiling is below {LEAST_CEILING:g}, or not known."
            )
    if settings.get("n_permutations"):
        length = " to ".join(dict.fromkeys(f"{one:g}" for one in settings.get("blocks_s", [settings["block_s"]])))
        how = f"permuted blocks of {length} s" if settings["null"] == "block" else "random phases"
        told.append(
            f"p within a subject: {settings['n_permutations']} draws of {how}, one-sided, (1 + n) / (1 + N); significant: q < {Q} "
            f"(Benjamini-Hochberg over the subject's targets). {TOLD}"
        )
        n_targets, draws = int(targets.groupby("subject").size().max()), 1 + settings["n_permutations"]
        least = math.ceil(n_targets / draws / Q)
        if least > 1:
            told.append(
                f"No p is below 1 / {draws}: of {n_targets} targets at least {least} have to reach it before any is significant. More draws "
                "(model.n_permutations) or a region (data.roi) show fewer."
            )
        if not any(targets[name].notna().any() for name in targets if name.startswith("p:")):
            told.append("There are no p: too few rows are held out.")
    rule = result.group.rule
    if result.group.shared is None:
        told.append(f"No tests over subjects: they need {rule.fewest} subjects with the same targets.")
    else:
        told.append(
            f"Over subjects, {len(result.group.shared)} shared targets: {rule}; significant: {rule.measure} < {Q}."
        )
    if any(one.get("grayordinates") for one in result.images.values()):
        meshes = sorted({one.get("mesh") or "a mesh that is not known" for one in result.images.values()})
        told.append(
            f"Maps of grayordinates (CIFTI) have their cortex on {' and '.join(meshes)} and are not drawn here: open maps/*.dscalar.nii "
            "in Connectome Workbench (wb_view) with surfaces of that mesh."
        )
    told += segment_notes(settings)
    if "shift_s" in settings:
        told.append(
            f"Shifted in time: in a circle within each run, by {settings['shift_s']:g} s or more, and fitted again."
        )
    if "at_largest_penalty" in settings:
        told.append(
            f"Penalties at the largest of the grid: {100 * settings['at_largest_penalty']:.0f}% of targets and fits. Predictions of these hardly "
            "vary: of a target that the features do not predict, the largest is right."
        )
    return told


def tables(result: BrainScores, scores: Scores) -> dict[str, tuple[list[str], list[list]]]:
    """R by region, significant targets by region, each subject. Intervals of all regions are in ``regions.csv``."""
    regions, rows = result.regions.names, list(result.rows.itertuples())
    found = {}
    if len(regions) > 1:
        lines = [[row.label, *(_mean(scores.get(f"R, {one}", row.row)) for one in regions)] for row in rows]
        found["R by region, mean over subjects"] = (["", *map(shown_region, regions)], lines)
    for title, counts in _significant(result).items():
        lines = [[row.label, *(counts.get(row.row, {}).get(one, "") for one in regions)] for row in rows]
        if any(any(line[1:]) for line in lines):
            found[title] = (["", *map(shown_region, regions)], [line for line in lines if any(line[1:])])
    subjects = scores.subjects
    if 1 < len(subjects) <= MOST_SUBJECTS:
        lines = [
            [row.label, *(_mean(scores.get(f"R, {regions[0]}", row.row, one)) for one in subjects)] for row in rows
        ]
        found[f"R of each subject, {shown_region(regions[0])}"] = (["", *subjects], lines)
    return found | segment_table(result.settings)


def facts(result: BrainScores) -> dict:
    """Entries of ``metrics.json``: counts, ceilings, tests within and over subjects, settings."""
    regions = result.regions
    ceilings = {
        name[8:]: {one: _plain(over_subjects(regions.mean(name, one), (-1e9, 1e9))) for one in regions.names}
        for name in regions.ceilings
    }
    best = {row: {one: regions.best(f"r:{row}", one) for one in regions.names} for row in result.rows.row}
    return {
        "n_subjects": len(result.group.subjects),
        "n_targets": result.targets.groupby("subject", sort=False).size().to_dict(),
        "n_targets_of_regions": {
            one: {name: int(n) for name, n in _sizes(result, one).items()} for one in regions.names
        },
        "rows": result.rows.to_dict("records"),
        "ceilings": ceilings,
        "best_target": best,
        "significant_within_subjects": result.significant,
        "over_subjects": result.group.counts(regions.names),
        "test_over_subjects": _rule(result),
        "settings": result.settings,
        "seed": result.seed,
    }


def write(result: BrainScores, folder: Path) -> None:
    """``regions.csv``, ``over_subjects.csv`` and the maps."""
    lines = [
        {"measure": name, "row": row, "subject": subject, **one._asdict()}
        for name, rows in result.scores().values.items()
        for row, by_subject in rows.items()
        for subject, one in by_subject.items()
    ]
    write_tables(folder, {"regions": pd.DataFrame(lines)})
    if result.group.tested:
        every = [table.assign(score=column) for column, table in result.group.tested.items()]
        write_tables(folder, {"over_subjects": pd.concat(every, ignore_index=True)})
    write_maps(result, folder)


def _targets(region: str) -> str:
    return "all targets" if region == WHOLE else f"the targets in {region}"


def _significant(result: BrainScores) -> dict[str, dict[str, dict[str, str]]]:
    """Title -> row -> region -> ``41 of 300``."""
    rule = result.group.rule
    within = {
        row: {region: _mean_count(own) for region, own in by_region.items()}
        for row, by_region in result.significant.items()
    }
    over = {
        column[2:]: {region: f"{one['significant']} of {one['n']}" for region, one in by_region.items()}
        for column, by_region in result.group.counts(result.regions.names).items()
        if column.startswith("r:")
    }
    return {
        f"Significant targets within a subject (q < {Q}), mean over subjects": within,
        f"Significant targets over {rule.n_subjects} subjects ({rule.measure} < {Q}: {rule})": over,
    }


def _rule(result: BrainScores) -> dict | None:
    """The test of every target over subjects; None if there is none."""
    rule = result.group.rule
    if result.group.shared is None:
        return None
    return {"test": str(rule), "n_subjects": rule.n_subjects, "measure": rule.measure, "least_p": rule.least_p}


def _mean_count(own: dict[str, dict[str, int]]) -> str:
    significant, n = (sum(one[key] for one in own.values()) / len(own) for key in ("significant", "n"))
    return f"{round(significant, 1):g} of {round(n, 1):g}"


def _mean(score: Score | None) -> str:
    return cell(None if score is None else Score(score.mean), R)


def _sizes(result: BrainScores, region: str) -> pd.Series:
    return result.targets[inside(result.targets, region)].groupby("subject", sort=False).size()


def _plain(found: dict[str, Score]) -> dict:
    return {name: dict(one._asdict()) for name, one in found.items()}


def _range(ends: list[int]) -> str:
    return f"{ends[0]}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
