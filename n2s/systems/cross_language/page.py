"""Sentences and tables of the page."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.encoding_designs import BEYOND
from n2s.metrics.score import ALL
from n2s.systems.cross_language.cells import HELD_OUT, MATCHED, MATCHED_LABEL
from n2s.systems.cross_language.scored import CrossLanguageScores
from n2s.systems.cross_language.scoring import R

MOST_RATIOS = 40  # rows of the table
OF = {R: "r", "rank": "percentile rank"}


def headline(result: CrossLanguageScores) -> list[str]:
    """Who, which languages, whose rows models are learned from."""
    settings, n = result.settings, result.cells[result.cells.subject != ALL].subject.nunique()
    told = [
        f"{n} {'subject' if n == 1 else 'subjects'}, languages {', '.join(settings['languages'])}; main features: '{settings['spaces'][0]}'."
    ]
    if settings["people"] == "own":
        told.append(
            "Models are of single people who heard several languages: trained on rows of one language (or of two), tested on held-out rows of another."
        )
    else:
        few, most = settings["n_people"], settings["most_people"]
        told.append(
            ("Every cell" if settings["n_several"] else "Nobody heard two languages, so every cell")
            + ", within a language too, is learned from other people: from the mean response of "
            f"{few if few == most else f'{few} to {most}'} of them, as many in each language, tested on one who is not among them. Within and across languages differ in the language alone."
        )
    told += unlike_people(result.cells)
    told.append("Content is held out: a story and its translations are never on both sides." + (
        f" Beside it, named '{MATCHED_LABEL}': what such a leak is worth." if settings["content"] == MATCHED else ""))  # fmt: skip
    return told


def unlike_people(cells: pd.DataFrame) -> list[str]:
    """Of how many people the mean of each cell is, where not all are of the same ones."""
    own = cells[(cells.subject != ALL) & (cells.role == "model") & (cells.design == HELD_OUT)]
    people = own.groupby("label", sort=False).subject.agg(lambda names: tuple(sorted(set(names))))
    if people.nunique() < 2:
        return []
    counts = ", ".join(f"{label}: {len(names)}" for label, names in people.items())
    return [
        f"Not everybody heard every language: means over subjects are of other people in other cells ({counts}), so that two cells differ in people, too; a transfer ratio "
        "is of those who have both of its cells."
    ]


def notes(result: CrossLanguageScores) -> list[str]:
    """How it is trained, what chance is, how p and intervals are found."""
    settings = result.settings
    told = []
    rows = settings["n_train_rows"]
    if settings["equal_rows"]:
        told.append(
            f"Every training has equally many rows ({rows[0]} to {rows[1]} a fold); both: half of each language."
        )
    else:
        told.append(
            "Trainings are of unlike length (model.equal_rows is false): cells differ in the amount of data, too."
        )
    told += features_of(settings)
    if settings["word_rate"]:
        told.append(
            f"Features at words are without what '{settings['word_rate']}' tells of them (in the training rows of each language): a row sums over words, and "
            "would count them."
        )
    told.append(
        "r: Pearson correlation of predicted and recorded responses over held-out rows, without the mean of each run, predictions of each fold on one scale; mean over the voxels of a region."
    )
    if settings["decode"]:
        told.append(
            f"Identification: segments of {settings['segment_s']:g} s are decoded from the brain, and compared with all held-out segments of the fold in their language "
            f"({settings['gallery'][0]} to {settings['gallery'][1]}, equally many in each language; what was heard again is there once). Percentile rank: 50% is chance."
        )
    n_shifts = settings["n_shifts"]
    told.append(
        f"Alignment shifted: predictions against the brain (decoded rows against segments) at other times of the same run, {settings['shift_s']:g} s or more away (segments of runs that hold one alone: of each other's), "
        f"{n_shifts} times; p is one-sided, (1 + n) / (1 + N); q: Benjamini-Hochberg over the regions of a cell, and over cells for identification."
        if n_shifts
        else "Nothing was moved in time (model.n_shifts is 0): there is no p and no q, and chance of r is 0."
    )
    chance = "from shifted alignment" if n_shifts else "0"
    told.append(
        f"Transfer ratio: (cross - chance) / (within - chance), chance {chance} (of identification: the expected one). Intervals resample the same stories (or parts "
        "of them) in both cells. It is undefined where the interval of within reaches chance."
    )
    if settings["controls"]:
        told.append(
            f"Controls ({', '.join(settings['controls'])}) are fitted as the main features are. Acoustic features and word rate should transfer less where meaning is, or explain less there."
        )
    if len(result.regions):
        told.append(
            f"Shared and specific: one ridge with three bands ({' + '.join(settings['banded'])}: in all rows, in the rows of one language, in those of the other), a penalty each for every "
            "voxel. R2 on held-out rows, the mean of both languages' own, is divided among bands by the product measure; a voxel is of the class of its largest part; of none if they sum to 0 or less"
            + (
                ", or if it is not predicted within either language (q < .05 over voxels, from the spread of its r at other times)."
                if n_shifts > 1
                else ", and of some class if they sum to more, predicted or not."
            )
        )
    elif settings["people"] == "others":
        told.append(
            f"No split into shared and specific parts: {'models are of other people' if settings['n_several'] else 'nobody heard two languages'}, and parts of a "
            "voxel's variance need one brain."
        )
    if len(result.probe):
        told.append("Language probe: a ridge classifier of the language of held-out stories' segments; mean over languages of the share that is right. The brain is z-scored per run: what differs between runs of two languages in their mean is not seen.")  # fmt: skip
    return told


def features_of(settings: Mapping) -> list[str]:
    """How features are centred and scaled."""
    told = ["Features are centred per language by its training rows, test rows by the training mean of their language."]
    if settings["people"] == "others":
        told.append(
            "Of each listener, columns have a deviation of 1 in the training rows: where somebody heard one language alone, in that language, so that columns may be on "
            "another scale in each language."
        )
    if settings["clean_features"]:
        told.append(
            "Features of each run also lose what its responses lost, their mean in the run too (data.clean_features)."
        )
    told.append(
        f"Of test rows' features, one thing alone is looked at: a column that goes {BEYOND:g} times as far in some test row as in all of training (an event that training hardly had) is 0 "
        "in the fold's test rows."
    )
    return [" ".join(told)]


def tables(result: CrossLanguageScores) -> dict[str, tuple[list[str], list[list]]]:
    """Transfer ratios, shared and specific parts by region, known voxels, probes."""
    found = {}
    ratios = result.transfer[result.transfer.subject == ALL]
    if len(ratios):
        ordered = (
            ratios.assign(main=(ratios.role != "model").astype(int))
            .sort_values(["main"], kind="stable")
            .head(MOST_RATIOS)
        )
        lines = [
            [
                f"{one.space}: {one.train} → {one.test}" + ("" if one.design == HELD_OUT else f" ({MATCHED_LABEL})"),
                one.region or "segments",
                OF[one.measure],
                ratio(one),
            ]
            for one in ordered.itertuples()
        ]
        found["Transfer ratios, all subjects"] = (["", "region", "of", "ratio"], lines)
    own = result.transfer[
        (result.transfer.subject != ALL) & (result.transfer.role == "model") & (result.transfer.design == HELD_OUT)
    ]
    own = own[own.region.isin(["", "all"])]
    if 1 < own.subject.nunique() <= 30:
        lines = [[one.subject, f"{one.train} → {one.test}", OF[one.measure], ratio(one)] for one in own.itertuples()]
        found["Transfer ratios, each subject"] = (["", "cell", "of", "ratio"], lines)
    if len(result.regions):
        by = result.regions.groupby(["pair", "region", "band"], sort=False)[["explained", "share"]].mean().reset_index()
        lines = [
            [f"{one.region}, {one.pair}", one.band, f"{one.explained:.4f}", f"{100 * one.share:.0f}"]
            for one in by.itertuples()
        ]
        found["Explained variance by band, mean over subjects"] = (
            ["region", "band", "mean part of R2", "voxels of this class (%)"],
            lines,
        )
    if len(result.known):
        found |= known_lines(result.known)
    if len(result.probe):
        by = (
            result.probe.groupby(["space", "what"], sort=False)[["accuracy", "chance", "n"]]
            .agg({"accuracy": "mean", "chance": "mean", "n": "sum"})
            .reset_index()
        )
        lines = [
            [f"{one.what} ('{one.space}')", f"{100 * one.accuracy:.1f}", f"{100 * one.chance:.1f}", int(one.n)]
            for one in by.itertuples()
        ]
        found["Language probe"] = (["", "accuracy (%)", "chance (%)", "segments"], lines)
    return found


def known_lines(known: pd.DataFrame) -> dict[str, tuple[list[str], list[list]]]:
    """How often voxels whose answer is known are of each class; empty where a pair has no such class."""
    by = known.groupby(["pair", "truth", "class"], sort=False).n.sum().unstack("class")
    areas = known.groupby(["subject", "pair"]).auc.first()
    lines = [
        [f"{truth} ({pair})", *("" if pd.isna(one) else int(one) for one in row)]
        for (pair, truth), row in zip(by.index, by.to_numpy(), strict=True)
    ]
    title = f"Voxels whose answer is known, and their class; AUC of shared against specific: {_range(areas)}"
    return {title: (["truth", *by.columns], lines)}


def ratio(one: tuple) -> str:
    """``0.83 (0.61 to 1.04)``, or why there is none."""
    if pd.isna(one.ratio):
        return f"undefined: {one.told}"
    return f"{one.ratio:.2f}" + ("" if pd.isna(one.low) else f" ({one.low:.2f} to {one.high:.2f})")


def _range(values: pd.Series) -> str:
    return f"{values.min():.2f}" if len(values) == 1 else f"{values.min():.2f} to {values.max():.2f}"
