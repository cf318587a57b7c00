"""The test of one subject: every cell predicted, identified, and compared with chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.metrics.group_tests import benjamini_hochberg
from n2s.systems.cross_language import bands, probe
from n2s.systems.cross_language.bootstrap import Compared, resampled, unit_numbers
from n2s.systems.cross_language.cells import Cell, Training, cells_of
from n2s.systems.cross_language.encoded import Encoded, p_by_spread
from n2s.systems.cross_language.fit import Plan, key
from n2s.systems.cross_language.identification import fewest, galleries, heard_once, segments_of
from n2s.systems.cross_language.identified import Identified
from n2s.systems.cross_language.inputs import Inputs
from n2s.systems.cross_language.people import Examples, Trained
from n2s.systems.encoding.inputs import check_same, mark, rows_hash
from n2s.systems.encoding.weights import solved

#: The region of all voxels or sensors.
EVERY = "all"
R = "r"


@dataclass(frozen=True)
class Options:
    """How a test is made; see `n2s.systems.CrossLanguage`."""

    regions: tuple[str, ...] | None
    segment_s: float
    top_k: int
    n_shifts: int
    shift_s: float
    n_bootstrap: int
    block_s: float
    seed: int


@dataclass
class SubjectScores:
    """Of one subject: rows of tables, and values with their resampled ones.

    ``compared``: (space, cell, measure, region) -> `Compared`; ``nulls``: the same -> (moves,) values at other times; ``n``: voxels or segments.
    """

    compared: dict[tuple, Compared] = field(default_factory=dict)
    nulls: dict[tuple, np.ndarray] = field(default_factory=dict)
    n: dict[tuple, int] = field(default_factory=dict)
    voxels: pd.DataFrame = field(default_factory=pd.DataFrame)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    probe: list[dict] = field(default_factory=list)
    units: str = ""


class Scorer:
    """Tests subjects one by one.

    Parameters
    ----------
    data, plan, options
        What, and how it was fitted and is tested.
    languages
        Subject -> its languages.
    fits
        Subject -> fold -> `n2s.systems.cross_language.fit.fit_fold`.
    device
        Where equations are solved.
    """

    def __init__(self, data: EncodingData, plan: Plan, options: Options, languages: Mapping[str, Sequence[str]], fits: Mapping[str, Mapping[str, dict]],
                 *, device: torch.device | str = "cpu"):  # fmt: skip
        self.data, self.plan, self.options, self.languages, self.fits, self.device = (
            data,
            plan,
            options,
            languages,
            fits,
            device,
        )
        self.cells = cells_of(plan.languages, matched=plan.matched)
        #: Fold -> segments of its galleries; rows of trainings; other people that each language is learned from.
        self.sizes = self._gallery_sizes() if plan.decode else {}
        self.n_rows: list[int] = []
        self.n_people: list[int] = []

    def subject(self, subject: str) -> SubjectScores:
        """Score all folds of a subject."""
        plan, options, data = self.plan, self.options, self.data
        rate_hz = data.rate_hz[subject]
        least = max(1, int(np.ceil(options.shift_s * rate_hz - 1e-6)))
        encoded: dict[tuple[str, Cell], Encoded] = {}
        identified: dict[tuple[str, Cell], Identified] = {}
        banded: dict[str, list] = {}
        probes: dict[tuple[str, str], list] = {}
        stories = self._fewest_stories(subject)
        units = ""
        for number, fold in enumerate(data.folds(subject)):
            trained, fitted = self._trained(subject, fold)
            tested = trained.tested
            run = tested.rows.table.recording.cat.codes.to_numpy()
            story = tested.rows.table.unit.astype(str).to_numpy()
            unit, units = unit_numbers(story, run, max(1, round(options.block_s * rate_hz)), n_stories=stories)
            shelves, later = self._galleries(tested, fold, plan.spaces[0]) if plan.decode else ({}, {})
            for space in plan.spaces:
                features = tested.features(space)
                check_same(fitted["marks"], tested.marks, tested.where)
                target = tested.decoded(space) if shelves else None
                for training in plan.trainings(
                    [name for name in self.languages[subject] if len(tested.rows.test(name))]
                ):
                    if key(space, training) not in fitted["encoding"]:
                        continue
                    examples = trained.encoding(training, space)
                    self.n_rows.append(len(examples.groups))
                    weights, mean_x, _ = self._solved(examples, fitted["encoding"][key(space, training)])
                    decoder = self._decoder(trained, training, space, fitted) if shelves else None
                    for cell in (one for one in self.cells if one.training == training):
                        places = tested.rows.test(cell.test)
                        if not len(places):
                            continue
                        predicted = (torch.from_numpy(features[places]).to(self.device) - mean_x) @ weights
                        own = encoded.setdefault((space, cell), Encoded(options.n_shifts, least, options.seed))
                        local = np.unique(unit[places], return_inverse=True)[1]
                        own.add(predicted.cpu().numpy(), tested.brain[places], run[places], local, number)
                        if decoder is not None and cell.test in shelves:
                            other = identified.setdefault(
                                (space, cell), Identified(options.top_k, options.n_shifts, least, options.seed)
                            )
                            other.add(
                                decoder(tested, *later[cell.test]),
                                target,
                                shelves[cell.test],
                                run,
                                unit,
                                number,
                                decoder.size,
                            )
            for pair, penalties in fitted["bands"].items():
                banded.setdefault(pair, []).append(
                    bands.explained(trained, plan.banded, pair.split("+"), penalties, self.device)
                )
            if plan.decode:
                n_rows = self._segment_rows(subject)
                for what, one in probe.probe_fold(trained, plan.spaces[0], n_rows).items():
                    probes.setdefault((plan.spaces[0], what), []).append(one)
        return self._gathered(subject, encoded, identified, banded, probes, units)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _trained(self, subject: str, fold: Fold) -> tuple[Trained, dict]:
        """Where rows come from, and the fit; a UserError if it was of other data."""
        if fold.name not in self.fits[subject]:
            raise UserError(
                f"{subject}: the run has no fit of {fold.name}. Take the run's own config.yaml, or fit again."
            )
        fitted = self.fits[subject][fold.name]
        trained = self.plan.trained(self.data, subject, fold, self.languages)
        tested = trained.tested
        self.n_people.append(trained.n_people)
        found = {"rows": rows_hash(self.data, subject, fold), "brain": mark(tested.brain[: tested.rows.n_train])}
        check_same(fitted["marks"], found, tested.where)
        return trained, fitted

    def _solved(self, examples: Examples, penalties: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, y = examples.x.to(self.device), examples.y.to(self.device)
        return solved(x, y, penalties.to(self.device), [x.shape[1]]), x.mean(0), y.mean(0)

    def _decoder(self, trained: Trained, training: Training, space: str, fitted: dict) -> "Decoder":
        kept = fitted["decoding"][key(space, training)]
        examples = trained.decoding(training, space, kept["voxels"].numpy())
        weights, mean_x, mean_y = self._solved(examples, kept["alpha"])
        size = examples.y.double().std(0, correction=0).numpy()
        return Decoder(kept["voxels"].numpy(), weights, mean_x, mean_y, np.where(size > 1e-9, size, np.inf))

    def _fewest_stories(self, subject: str) -> int:
        """Stories that are held out, over all folds, of the language that has the fewest: every cell's interval resamples those of its language."""
        rows = self.data.rows(subject)
        tested = rows.iloc[np.unique(np.concatenate([fold.test for fold in self.data.folds(subject)]))]
        language = tested.stimulus.astype(str).map(self.data.languages)
        counts = tested.unit.astype(str).groupby(language.to_numpy()).nunique()
        return min((int(counts.get(name, 0)) for name in self.languages[subject]), default=0)

    def _segment_rows(self, subject: str) -> int:
        return max(1, round(self.options.segment_s * self.data.rate_hz[subject]))

    def _segments(self, tested: Inputs, space: str) -> tuple[dict[str, np.ndarray], dict[str, tuple]]:
        n_rows, delays = self._segment_rows(tested.subject), tested.delays(space)
        later = {name: tested.later(tested.rows.test(name), delays) for name in self.languages[tested.subject]}
        return {name: heard_once(tested, segments_of(tested, kept, n_rows)) for name, (kept, _) in later.items()}, later

    def _galleries(self, tested: Inputs, fold: Fold, space: str) -> tuple[dict, dict]:
        found, later = self._segments(tested, space)
        return galleries(found, tested.rows.table.recording.cat.codes.to_numpy(), self.sizes.get(fold.name, 0)), later

    def _gallery_sizes(self) -> dict[str, int]:
        """Fold -> segments of each gallery: as many as every language has, for everybody."""
        counts: dict[str, list] = {}
        for subject in self.fits:
            for fold in self.data.folds(subject):
                found, _ = self._segments(Inputs(self.data, subject, fold), self.plan.spaces[0])
                counts.setdefault(fold.name, []).append({name: len(one) for name, one in found.items()})
        sizes = {name: fewest(one) for name, one in counts.items()}
        if max(sizes.values(), default=0) < 2:
            raise UserError(
                f"no fold holds two segments of {self.options.segment_s:g} s (model.segment_s) in every language: there is nothing to tell apart. Take shorter "
                "segments, hold out longer stories (fewer data.n_folds), or set model.decode to false."
            )
        return sizes

    def _gathered(
        self, subject: str, encoded: dict, identified: dict, banded: dict, probes: dict, units: str
    ) -> SubjectScores:
        measured = self.data.measured(subject)
        v = len(measured.names)
        names = list(measured.rois) if self.options.regions is None else list(self.options.regions)
        own = {region_name(name): np.asarray(measured.rois[name], bool) for name in names if name in measured.rois}
        masks = {EVERY: np.ones(v, bool)} | {name: one for name, one in own.items() if not one.all()}
        found = SubjectScores(masks={name: one for name, one in masks.items() if one.any()}, units=units)
        weights: dict[int, np.ndarray] = {}
        columns: dict[str, np.ndarray] = {}
        found_p: dict[str, np.ndarray] = {}
        for (space, cell), one in encoded.items():
            sums, null = one.sums, one.null()
            draws = weights.setdefault(
                len(sums.xy), resampled(len(sums.xy), self.options.n_bootstrap, self.options.seed)
            )
            r, moved = sums.r(), sums.r(draws)
            if space == self.plan.spaces[0]:
                columns[f"r:{cell.key}"] = r
                if cell.kind == "within" and len(null) > 1:
                    found_p[cell.test] = p_by_spread(r, null)
            for region, mask in found.masks.items():
                at = (space, cell.key, R, region)
                chance = null[:, mask].mean(1)
                found.compared[at] = Compared(
                    float(r[mask].mean()), moved[:, mask].mean(1), float(chance.mean()) if len(chance) else 0.0
                )
                found.nulls[at], found.n[at] = chance, int(mask.sum())
        for (space, cell), one in identified.items():
            for measure, (compared, null, n) in one.measures(self.options.n_bootstrap).items():
                at = (space, cell.key, measure, "")
                found.compared[at], found.nulls[at], found.n[at] = compared, null, n
        for pair, parts in banded.items():
            for band, row in zip((bands.SHARED, *pair.split("+")), bands.parts_of_r2(parts), strict=True):
                columns[f"{pair}:{band}"] = row
        for pair in banded:
            own_p = [found_p[one] for one in pair.split("+") if one in found_p]
            if own_p:
                columns[f"{pair}:q"] = q_of_any(own_p)
        if found_p:
            columns["q"] = q_of_any(list(found_p.values()))
        places = measured.contacts_mm if measured.contacts_mm is not None else measured.places
        xyz = (
            np.full((v, 3), np.nan)
            if places is None
            else np.pad(np.asarray(places, float), ((0, 0), (0, 3 - np.shape(places)[1])))
        )
        table = {"subject": subject, "name": measured.names.astype(str), "x": xyz[:, 0], "y": xyz[:, 1], "z": xyz[:, 2]}
        found.voxels = pd.DataFrame(table | columns)
        for (space, what), parts in probes.items():
            true, said = (np.concatenate([one[i] for one in parts]) for i in (0, 1))
            found.probe += probe.table_of(subject, space, {what: (true, said)})
        return found


def region_name(name: str) -> str:
    """What results call a study's region: one that is called as all voxels are has another name."""
    return f"{name} (region)" if name == EVERY else name


def q_of_any(p: Sequence[np.ndarray]) -> np.ndarray:
    """(v,) Benjamini-Hochberg over voxels of the smallest of several p of each, corrected for their number."""
    return benjamini_hochberg(np.minimum(np.min(p, axis=0) * len(p), 1.0))


@dataclass(frozen=True)
class Decoder:
    """A fitted decoder. ``size (f,)``: deviations of its training targets, by which dimensions come on one scale."""

    voxels: np.ndarray
    weights: torch.Tensor
    mean_x: torch.Tensor
    mean_y: torch.Tensor
    size: np.ndarray

    def __call__(self, tested: Inputs, kept: np.ndarray, later: np.ndarray) -> np.ndarray:
        """``(n, f)`` of all places; 0 where nothing is decoded."""
        brain = torch.from_numpy(tested.brain[:, self.voxels][later].reshape(len(kept), -1)).to(self.mean_x)
        found = np.zeros((len(tested.rows.table), len(self.size)))
        found[kept] = ((brain - self.mean_x) @ self.weights + self.mean_y).cpu().numpy()
        return found
