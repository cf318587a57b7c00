"""Sources of one person: fitted to both scanners, to each alone, and how likely responses are under what candidates would evoke."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.paired import PairedDataModule
from n2s.models.source_space import SourceSpace
from n2s.models.source_sums import View
from n2s.models.story_likelihood import StoryLikelihood
from n2s.systems.contrastive.window_rows import lagged, lags
from n2s.systems.fusion.source_places import check_near, field_of, seen_by_voxels, silent_places, voxel_places
from n2s.systems.fusion.source_rows import (
    BOLD_MEMORY,
    MEG_MEMORY,
    BoldRows,
    Filter,
    Sounds,
    autocovariance,
    expected,
    meg_rows,
    read,
    rough_residual,
)

BOTH, APART = "both", "apart"  # one fit of sources to all scanners, or each scanner's own
AT_ONCE = 2**25  # numbers of candidates' columns in memory: 128 MB


@dataclass(frozen=True)
class Recipe:
    """How sources are fitted: see `n2s.systems.SourceFusion`."""

    forward: str | None
    reach_mm: float
    n_features: int
    fades_s: float

    def plain(self) -> dict:
        """For records."""
        return dict(vars(self))


@dataclass(frozen=True)
class Person:
    """Who it is: the name, and the subjects ``study/id`` in MEG and in fMRI; empty: none."""

    name: str
    meg: str
    fmri: str


def fit_person(data: PairedDataModule, sounds: Sounds, person: Person, recipe: Recipe) -> dict:
    """The plain fit of one person.

    Returns
    -------
    By scanner: ``weights (p or d, k)`` of ``both`` and ``apart``, ``noise (k, k)``, ``taps``, and what they took: ``axes``, ``level``. And
    ``explained``: by kind of fit and scanner, nats in training stories that were not fitted; ``gain``, of BOLD to MEG.
    """
    views, found = {}, {}
    rows = {
        "meg": _meg(data, sounds, person.meg) if person.meg else None,
        "fmri": _bold(BoldRows(data, sounds, person.fmri)) if person.fmri else None,
    }
    leads = _leads(data, person, recipe, rows)
    numbers = {
        one: at for at, one in enumerate(sorted({one for part in rows.values() if part for one, _, _ in part["rows"]}))
    }
    root = expected(data, sounds.axes.shape[1], recipe.fades_s)
    for name, part in rows.items():
        if part:
            own = ((numbers[one], x.double() @ root if name == "meg" else x, y) for one, x, y in part["rows"])
            spread = torch.eye(sounds.axes.shape[1], dtype=torch.float64).repeat(1, len(lags(data))) @ root
            views[name] = View.of(own, leads[name], spread if name == "fmri" else None)
            found[name] = {key: value for key, value in part.items() if key != "rows"}
    space = SourceSpace()
    apart = {name: space.fit({name: view}) for name, view in views.items()}
    both = space.fit(views) if len(views) > 1 else next(iter(apart.values()))
    for name, view in views.items():
        for kind, sources in ((BOTH, both), (APART, apart[name])):
            weights = sources.gains[name] * view.gathered(sources.weights) @ view.lead.T
            found[name][kind] = (root @ weights if name == "meg" else weights).float()
        found[name]["noise"] = view.noise.float()
    explained = {BOTH: both.explained, APART: {name: one.explained[name] for name, one in apart.items()}}
    return found | {"explained": explained, "n_sources": next(iter(leads.values())).shape[1]}


def _meg(data: PairedDataModule, sounds: Sounds, subject: str) -> dict:
    """Rows ``(story, x, y)`` of MEG, filtered so that what is left of the noise does not depend on the sample before."""
    rows = meg_rows(data, sounds, subject)
    left = rough_residual(rows.x.flatten(0, 1), rows.y.flatten(0, 1)).view(rows.y.shape)
    noise = Filter.of(autocovariance(list(left - left.mean(1, keepdim=True)), MEG_MEMORY))
    x, y = noise(rows.x), noise(rows.y)
    x, y = x - x.mean((0, 1)), y - y.mean((0, 1))
    parts = [
        (int(one), *(rearrange(value[rows.story == one], "n t d -> (n t) d") for value in (x, y)))
        for one in np.unique(rows.story)
    ]
    return {"rows": parts, "taps": torch.tensor(noise.taps), "axes": rows.axes, "level": rows.level}


def _bold(rows: BoldRows) -> dict:
    raw = rows.rows(Filter(np.ones(1)))
    left = rough_residual(torch.cat([x for _, x, _ in raw]), torch.cat([y for _, _, y in raw]))
    noise = Filter.of(autocovariance(list(left.split([len(x) for _, x, _ in raw])), BOLD_MEMORY))
    return {
        "rows": rows.rows(noise),
        "taps": torch.tensor(noise.taps),
        "voxels": torch.from_numpy(rows.voxels),
        "clear": torch.from_numpy(rows.clear),
    }


def _leads(data: PairedDataModule, person: Person, recipe: Recipe, rows: dict) -> dict[str, Tensor]:
    """(k, J) what components of sensors, and voxels, see of sources: of those in the cortex that MEG sees, then of silent ones."""
    places, patterns, found = np.zeros((0, 3)), None, {}
    if person.meg:
        name, own = person.meg.split("/", 1)
        field = field_of(data.studies[name], own, recipe.forward)
        keys = [
            key
            for key, one in data.recordings.items()
            if f"{key.split('/', 1)[0]}/{one.recording.subject}" == person.meg
        ]
        scale = np.median([data.scalers[key].scale for key in keys], axis=0)  # what sensors are divided by
        columns = data.layout.columns[list(data.recordings).index(keys[0])]
        patterns = torch.zeros(len(rows["meg"]["axes"]), len(field.places_mm), dtype=torch.float64)
        names = data.recordings[keys[0]].meta["ch_names"]
        patterns[columns] = torch.from_numpy(field.of(names, person.meg) / scale[:, None])
        found["meg"], places = rows["meg"]["axes"].double().T @ patterns, field.places_mm
    if person.fmri:
        voxels = voxel_places(data, person.fmri)[rows["fmri"]["voxels"].numpy()]
        if person.meg:
            check_near(voxels, places, person.fmri, recipe.reach_mm)
        silent = silent_places(voxels[rows["fmri"]["clear"].numpy()], places, recipe.reach_mm)
        if not len(places) and not len(silent):
            silent = voxels[:1]  # nothing follows the sound: one source, to go on with
        found["fmri"] = torch.from_numpy(seen_by_voxels(voxels, np.concatenate([places, silent]), recipe.reach_mm))
        if person.meg:
            found["meg"] = torch.nn.functional.pad(found["meg"], (0, len(silent)))
    return found


# -- scores ------------------------------------------------------------------------------------------------------------


def meg_scores(data: PairedDataModule, sounds: Sounds, fit: dict, kind: str, rows: np.ndarray) -> np.ndarray:
    """(n, k) log-likelihoods of test windows of MEG, by their numbers among those of MEG, under all test segments."""
    noise = Filter(fit["taps"].numpy())
    brain, _ = read(data, "test", rows)
    responses = noise((rearrange(brain, "n c t -> n t c") - fit["level"]) @ fit["axes"])
    likelihood = StoryLikelihood(fit[kind], fit["noise"], 0.0)
    n_segments, found = len(data.windows["test"].first), []
    step = max(1, AT_ONCE // (data.shape.n_times * len(fit[kind])))
    for first in range(0, n_segments, step):
        target = data.segment_targets("test", np.arange(first, min(first + step, n_segments)))
        found.append(likelihood.log_likelihoods(noise(lagged(sounds.windows(target), -lags(data))), responses))
    return torch.cat(found, 1).numpy()


def bold_scores(data: PairedDataModule, rows_of: BoldRows, fit: dict, kind: str, rows: np.ndarray) -> np.ndarray:
    """(n, k) log-likelihoods of test windows of BOLD, by their rows in the table of windows, under all test segments.

    A candidate says that its whole sound is played so that the candidate begins where the window does. What it evokes is cleaned as the run
    was, and compared in the window's volumes.
    """
    noise, windows = Filter(fit["taps"].numpy()), data.windows["test"]
    segments, begins_s = windows.segments, rows_of.begins_s("test")
    likelihood = StoryLikelihood(fit[kind].double(), fit["noise"].double(), 0.0)
    found, recording = np.empty((len(rows), len(segments))), windows.of_interval("recording")
    for at, row in enumerate(rows):
        key = recording[row]
        course, tr_s = rows_of.courses[key], rows_of.tr_s[key]
        bounds = data.bold_options.bounds(begins_s[[row]], tr_s)[0]
        seen = slice(bounds[0], bounds[-1])
        would = [rows_of.placed(key, one.stimulus, begins_s[row] - one.start_s)[seen] for one in segments.itertuples()]
        whiten = scipy.linalg.cholesky(noise.covariance(bounds[-1] - bounds[0]), lower=True)
        own = scipy.linalg.solve_triangular(whiten, np.asarray(course[seen], float), lower=True)
        columns = np.linalg.solve(whiten, np.array(would))
        found[at] = likelihood.log_likelihoods(torch.from_numpy(columns), torch.from_numpy(own)[None])[0].numpy()
    return found
