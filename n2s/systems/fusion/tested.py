"""From the two parts of a fusion's scores to its results: test sets, candidates, baseline and ideal observers."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from n2s.data.paired import PairedDataModule
from n2s.data.paired_rows import MODALITIES
from n2s.errors import first_of
from n2s.findings import tell
from n2s.losses import ClipLoss
from n2s.models.timing import TimingBaseline
from n2s.systems.fusion.result import FusionResult

N_TIMING = 2000  # training segments that the baseline is fitted on, at most
ALONE = {"meg": "MEG only", "fmri": "fMRI only"}
USUAL = "listen"  # the condition whose test set has no name of its own
IDEAL = {"meg": "ideal_meg", "fmri": "ideal_fmri"}


def fusion_results(
    data: PairedDataModule,
    method: str,
    meg: np.ndarray,
    fmri: np.ndarray,
    *,
    seed: int,
    weights: Mapping | None = None,
    said: Sequence[str] = (),
    meg_to_fmri: np.ndarray | None = None,
    fmri_to_meg: np.ndarray | None = None,
    has: np.ndarray | None = None,
) -> dict[str, FusionResult]:
    """The results of a test by name: of the pairs with both modalities, and of those with one.

    A person's candidates are the segments that this person heard in the modalities of the result.

    Parameters
    ----------
    data
        Set up; its test split gives the n pairs (``pairs["test"]``) and the k unique segments, in their order.
    method
        What made the scores: see `FusionResult`.
    meg, fmri
        (n, k) Parts of the score; of a pair without the modality they are not looked at.
    seed
        For ties and draws.
    weights, said
        See `FusionResult`; sentences of the data are added.
    meg_to_fmri, fmri_to_meg
        (n, k) See `FusionResult`.
    has
        (n, 2) bool: whether a pair has a score of MEG, and of fMRI; by default of what was recorded. A pair with one of them is among those
        with that modality alone; one with none is left out.

    Returns
    -------
    ``test``: pairs with both; ``test, MEG only``, ``test, fMRI only``: the rest; ``test, overt`` and so on: other conditions than
    listening. Where a condition has pairs of one kind alone, its name does not say which.
    """
    table, candidates = with_scores(data.pair_table("test"), has), data.candidate_table("test")
    parts = {"meg": meg, "fmri": fmri}
    fields = {
        "no_brain": timing_scores(data)[table.segment],
        "meg_to_fmri": meg_to_fmri,
        "fmri_to_meg": fmri_to_meg,
    } | {IDEAL[modality]: ideal_scores(data, table, modality) for modality in MODALITIES}
    told = [*said, *_sentences(data)]
    found = {}
    for name, used, rows in test_sets(table):
        rows = with_choice(name, table, rows, used)
        if not len(rows):
            continue
        sets, own = heard(table, rows, used)
        kept = np.flatnonzero(sets.any(0))
        scored = {key: None if value is None else value[np.ix_(rows, kept)] for key, value in fields.items()}
        for modality in MODALITIES:
            scored[modality] = parts[modality][np.ix_(rows, kept)] if modality in used else None
            if modality not in used:
                scored |= {IDEAL[modality]: None, "meg_to_fmri": None, "fmri_to_meg": None}
        everything = bool(sets[:, kept].all())
        found[name] = FusionResult(
            method=method,
            target=np.searchsorted(kept, table.segment.to_numpy()[rows]),
            subject=table.person.to_numpy()[rows],
            windows=_windows(table.iloc[rows]),
            candidates=candidates.iloc[kept],
            candidate_sets=None if everything else sets[:, kept],
            candidate_set=None if everything else own,
            seed=seed,
            weights=dict(weights or {}),
            said=told,
            reach_s=data.bold_options.apart_s,
            **scored,
        )
    return found


def with_scores(table: pd.DataFrame, has: np.ndarray | None) -> pd.DataFrame:
    """A table of pairs in which a modality without a score counts as not recorded; ``has (n, 2)``."""
    if has is None:
        return table
    found = table.copy()
    for modality, prefix, own in zip(MODALITIES, ("", "fmri_"), np.asarray(has, bool).T, strict=True):
        for name, none in ((modality, -1), (f"{prefix}recording", ""), (f"{prefix}start_s", np.nan)):
            found[name] = found[name].where(own, none)
    return found


def test_sets(table: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """The test sets among pairs (`PairedDataModule.pair_table`): name, modalities, and rows (m,) of each."""
    has = {modality: (table[modality] >= 0).to_numpy() for modality in MODALITIES}
    patterns = {name: has[name] & ~has[other] for name, other in zip(MODALITIES, MODALITIES[::-1], strict=True)}
    conditions = sorted(table.condition.unique(), key=lambda one: (one != USUAL, one))
    for condition in conditions:
        own = (table.condition == condition).to_numpy()
        name = "test" if condition == USUAL or len(conditions) == 1 else f"test, {condition}"
        kinds = [(name, MODALITIES, has["meg"] & has["fmri"])]
        kinds += [(f"{name}, {ALONE[modality]}", (modality,), rows) for modality, rows in patterns.items()]
        kinds = [(label, used, rows) for label, used, whose in kinds if len(rows := np.flatnonzero(whose & own))]
        for label, used, rows in kinds:
            yield name if len(kinds) == 1 else label, used, rows


def heard(table: pd.DataFrame, rows: np.ndarray, used: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(s, k) which segments each person of some rows heard in all modalities ``used``, and (m,) the person of each row."""
    enough = (table[list(used)] >= 0).all(axis=1).to_numpy()
    names, number = np.unique(table.person.to_numpy()[rows].astype(str), return_inverse=True)
    sets = np.zeros((len(names), int(table.segment.max()) + 1), bool)
    known = enough & table.person.isin(names).to_numpy()
    sets[np.searchsorted(names, table.person.to_numpy()[known].astype(str)), table.segment.to_numpy()[known]] = True
    return sets, number


def with_choice(name: str, table: pd.DataFrame, rows: np.ndarray, used: Sequence[str]) -> np.ndarray:
    """The rows of people who have two candidates or more; the rest is told: a single candidate is always found."""
    sets, own = heard(table, rows, used)
    enough = (sets.sum(1) >= 2)[own]
    if not enough.all():
        people = sorted(set(table.person.to_numpy()[rows[~enough]].astype(str)))
        text = f"{int((~enough).sum())} of {len(rows)} rows have one candidate, those of {first_of(people)}: nothing can be found there."
        tell("left out", f"test set '{name}'", text)
    return rows[enough]


def timing_scores(data: PairedDataModule) -> np.ndarray:
    """(k, k) scores of each test segment with each, from a target that is predicted from its timing alone, without a brain."""
    n = len(data.windows["train"].first)
    chosen = np.unique(np.linspace(0, n - 1, min(n, N_TIMING)).astype(int))
    baseline = TimingBaseline().fit(data.segment_timing("train", chosen), data.segment_targets("train", chosen))
    estimate = baseline.predict(data.segment_timing("test"))
    return ClipLoss().scores(estimate, data.segment_targets("test")).numpy()


def ideal_scores(data: PairedDataModule, table: pd.DataFrame, modality: str) -> np.ndarray | None:
    """(n, k) log-likelihood ratios of the best possible decoder of one modality; None where a study has none, or no pair has it.

    Pairs without the modality, and segments that nobody heard in the pair's study, have 0.
    """
    prefix, offset_s, duration_s = "", data.shape.offset_s, data.shape.duration_s
    if modality == "fmri":
        prefix, offset_s, duration_s = "fmri_", data.bold_options.lags_s[0], data.bold_options.lasts_s
    rows_of = table.reset_index(drop=True).groupby(f"{prefix}recording").indices
    scores, any_row = np.zeros((len(table), len(data.windows["test"].first)), np.float32), False
    prepared = data.runs if modality == "fmri" else data.recordings
    for key, rows in rows_of.items():
        if not key:
            continue
        study = key.split("/", 1)[0]
        named = data.named_in(study, "test")
        known = np.array([at for at, one in enumerate(named) if one is not None])
        found = data.studies[study].ideal_scores(
            prepared[key].recording,
            table[f"{prefix}start_s"].to_numpy()[rows],
            [named[at] for at in known],
            offset_s=offset_s,
            duration_s=duration_s,
        )
        if found is None:
            return None
        scores[np.ix_(rows, known)] = found
        any_row = True
    return scores if any_row else None


def _windows(table: pd.DataFrame) -> pd.DataFrame:
    recording = table.recording.where(table.recording != "", table.fmri_recording)
    columns = [
        "recording",
        "fmri_recording",
        "start_s",
        "fmri_start_s",
        "stimulus",
        "stimulus_start_s",
        "story",
        "condition",
        "sequence",
    ]
    return table[columns].assign(study=recording.str.split("/", n=1).str[0]).reset_index(drop=True)


def _sentences(data: PairedDataModule) -> list[str]:
    used, bold = data.modalities, data.bold_options
    found = [f"A segment lasts {bold.segment_s:g} s."]
    if "meg" in used:
        found.append(
            f"Its MEG is seen from {data.shape.offset_s:g} to {data.shape.offset_s + data.shape.duration_s:g} s after its start, at "
            f"{data.shape.sfreq:g} Hz."
        )
    if "fmri" in used:
        found.append(
            f"Its BOLD is that of volumes from {bold.lags_s[0]:g} to {bold.lags_s[0] + bold.lasts_s:g} s after its start."
        )
    for modality in MODALITIES:
        if modality not in used:
            found.append(f"This run was trained and tested without {ALONE[modality].split()[0]}.")
    scaled = sorted({scaler.source for scaler in data.scalers.values()}) if "meg" in used else []
    found += [f"Sensors are scaled by: {', '.join(scaled)}."] if scaled else []
    return [*found, *map(str, data.lost), *data.notes]
