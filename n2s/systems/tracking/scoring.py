"""The measures of all people, one after the other: over whole recordings, and on held-out rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.findings import tell
from n2s.metrics.cross_fitted import widened
from n2s.systems.encoding.fit import Recipe, checked_brain
from n2s.systems.encoding.inputs import check_same, mark, rows_hash
from n2s.systems.tracking.lengths import Length
from n2s.systems.tracking.measures import ALL_SENSORS, by_region, wide
from n2s.systems.tracking.reconstruction import Backward, FoldReconstruction, correlation
from n2s.systems.tracking.regions import regions_of
from n2s.systems.tracking.result import TrackingResult
from n2s.systems.tracking.segments import matched
from n2s.systems.tracking.sensor_measures import MeasureOptions, SensorMeasures, sensor_measures
from n2s.systems.tracking.trf import FoldTRF, kernels, peaks

EXCERPT_S = 20.0  # of a reconstruction that the page shows


@dataclass(frozen=True)
class Plan:
    """What is measured; see `n2s.systems.Tracking`."""

    envelope: str
    options: MeasureOptions
    trf: tuple[str, ...] = ()
    recipe: Recipe | None = None
    backward: Backward | None = None
    regions: Mapping[str, Sequence[str]] | None = None
    peaks_s: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether anything is fitted to training rows and tested on others."""
        return bool(self.trf) or self.backward is not None


def marks_of(data: EncodingData, subject: str, fold: Fold, brain: np.ndarray) -> dict[str, Tensor | str]:
    """By what a test knows the data of the fit."""
    return {"rows": rows_hash(data, subject, fold), "brain": torch.from_numpy(mark(brain))}


def features_marks(trf: FoldTRF | None, back: FoldReconstruction | None) -> dict[str, Tensor]:
    """By what a test knows the features of a fit, once they were read."""
    found = dict(trf.inputs.marks) if trf else {}
    if back:
        found[f"heard {back.envelope}@0"] = mark(back.heard[0])
    return {name: torch.from_numpy(one) for name, one in found.items()}


class Scorer:
    """Measures people one after the other.

    Parameters
    ----------
    data
        Where recordings and features come from.
    fits
        Subject -> fold -> ``trf``, ``backward``, ``marks``.
    plan
        What is measured.
    length
        How much of each person.
    """

    def __init__(self, data: EncodingData, fits: Mapping[str, Mapping[str, Mapping]], plan: Plan, length: Length):
        self.data, self.fits, self.plan, self.length = data, fits, plan, length
        self._tables: dict[str, pd.DataFrame] = {}
        self._sensors: list[pd.DataFrame] = []
        self._spectra: list[pd.DataFrame] = []
        self._kernels: list[pd.DataFrame] = []
        self._excerpt: dict[str, np.ndarray] = {}
        self._excerpt_of: str | None = None
        self._counts: list[dict] = []

    def add(self, subject: str) -> None:
        """Measure a person; nothing is done for one who is measured, or left out for the length."""
        if subject in self._tables or subject not in self.length.subjects:
            return
        data, plan = self.data, self.plan
        measured = data.measured(subject)
        regions = regions_of(measured, plan.regions, subject)
        found = self._whole(subject)
        more = self._held_out(subject, found, regions) if plan.fits else []
        table = pd.concat([by_region(found, plan.options, regions), pd.DataFrame(more)], ignore_index=True)
        self._tables[subject] = table.assign(subject=subject)
        self._keep(subject, found)

    def result(self) -> TrackingResult:
        """The measures of all people so far."""
        table = pd.concat(self._tables.values(), ignore_index=True)
        rows = [{"subject": name} | wide(one) for name, one in self._tables.items()]
        seconds, segments = ([one[key] for one in self._counts] for key in ("seconds", "segments"))
        folds = [len(self.data.folds(name)) for name in self._tables] if self.plan.fits else [0]
        return TrackingResult(
            measures=pd.DataFrame(rows),
            table=table[["subject", "measure", "region", "value", "chance", "spread", "p"]],
            sensors=pd.concat(self._sensors, ignore_index=True),
            spectra=pd.concat(self._spectra, ignore_index=True),
            kernels=pd.concat(self._kernels, ignore_index=True) if self._kernels else None,
            excerpt=pd.DataFrame(self._excerpt) if self._excerpt else None,
            settings={
                "envelope": self.plan.envelope,
                "bands": {name: list(ends) for name, ends in self.plan.options.bands.items()},
                "segment_s": self.plan.options.segment_s,
                "n_shifts": self.plan.options.n_shifts,
                "min_shift_s": self.plan.options.min_shift_s,
                "seconds": [float(min(seconds)), float(max(seconds))],
                "n_segments": [int(min(segments)), int(max(segments))],
                "trf": list(self.plan.trf),
                "peaks_s": {name: list(ends) for name, ends in self.plan.peaks_s.items()},
                "n_folds": [min(folds), max(folds)],
                "match_s": self.plan.backward.segment_s if self.plan.backward else None,
                "seed": self.plan.options.seed,
                "excerpt_of": self._excerpt_of,
            },
        )

    def _whole(self, subject: str) -> SensorMeasures:
        stretches = self.length.stretches(self.data, subject, self.plan.envelope)
        for brain, heard in stretches:
            if not (np.isfinite(brain).all() and np.isfinite(heard).all()):
                raise UserError(f"{subject}: the brain or '{self.plan.envelope}' holds values that are not finite.")
        brain, heard = zip(*stretches, strict=True)
        self._counts.append({"seconds": sum(map(len, brain)) / self.data.rate_hz[subject]})
        try:
            found = sensor_measures(
                [torch.from_numpy(one) for one in brain],
                [torch.from_numpy(np.ascontiguousarray(one[:, 0])) for one in heard],
                self.data.rate_hz[subject],
                self.plan.options,
            )
        except UserError as error:
            raise UserError(f"{subject}: {error}") from error
        if found.absent:
            text = (
                f"{', '.join(found.absent)}: none of {len(brain)} stretches of sound is long enough for a phase of the band, or for a whole window "
                "after an edge of the sound."
            )
            tell("left out", subject, text)
        self._counts[-1]["segments"] = found.n_segments
        return found

    def _held_out(self, subject: str, found: SensorMeasures, regions: Mapping[str, np.ndarray]) -> list[dict]:
        """Add prediction and gain of response functions to the sensors, and give rows of what is no sensor's."""
        data, plan, options = self.data, self.plan, self.plan.options
        kept, scores, weights, functions, rebuilt = self.length.rows(data, subject), {}, [], [], []
        for fold in data.folds(subject):
            fit = self.fits[subject].get(fold.name)
            if fit is None or not kept[fold.test].any():
                continue
            train, test = checked_brain(data, subject, fold)
            check_same(fit["marks"], marks_of(data, subject, fold, train), f"{subject}, {fold.name}")
            weights.append(int(kept[fold.test].sum()))
            if plan.trf:
                one = FoldTRF(data, subject, fold, kept, plan.trf, plan.recipe)
                r = one.score(fit["trf"], test, n_shifts=options.n_shifts, min_shift_s=options.min_shift_s)
                check_same(fit["marks"], features_marks(one, None), f"{subject}, {fold.name}")
                for name, values in r.items():
                    scores.setdefault(name, []).append(values)
                functions.append(fit["trf"])
            if plan.backward and fit["backward"] is not None:
                part = FoldReconstruction(data, subject, fold, kept, plan.envelope, plan.backward)
                check_same(fit["marks"], features_marks(None, part), f"{subject}, {fold.name}")
                rebuilt.append(part.predict(fit["backward"], test))
        if not weights:
            raise UserError(
                f"{subject}: the run has no fit of its folds. Take the run's own config.yaml, or fit again."
            )
        rows = []
        if plan.trf:
            share = torch.tensor(weights, dtype=torch.float64)[:, None, None] / sum(weights)
            means = {name: (torch.stack(parts) * share).sum(0) for name, parts in scores.items()}
            for before, name in zip((None, *plan.trf), plan.trf, strict=False):
                r = means[name] - (0 if before is None else means[before])
                wider = torch.from_numpy(widened(r[1:].cpu().numpy(), len(weights)))
                found.add(f"trf_{name}" if before is None else f"gain_{name}", torch.cat([r[:1].cpu(), wider]))
            rows += self._peaks(subject, functions, regions)
        return rows + self._rebuilt(subject, [one for one in rebuilt if one[0]])

    def _peaks(self, subject: str, functions: Sequence[Mapping], regions: Mapping[str, np.ndarray]) -> list[dict]:
        """Rows of heights and latencies of the peaks of each response function; keeps their size over lags."""
        rows = []
        places = {ALL_SENSORS: slice(None)} | dict(regions)
        for number, space in enumerate(self.plan.trf):
            coef = torch.stack([one[space]["coef"] for one in functions]).mean(0)
            lags_s, own = kernels(self.data, subject, coef, self.plan.trf[: number + 1])[space]
            for region, at in places.items():
                size = np.sqrt((own[:, at] ** 2).mean(1))
                self._kernels.append(
                    pd.DataFrame({"subject": subject, "space": space, "region": region, "lag_s": lags_s, "size": size})
                )
                for name, (height, latency) in peaks(lags_s, size, self.plan.peaks_s).items():
                    rows.append({"measure": f"peak_{space}_{name}", "region": region, "value": height})
                    rows.append({"measure": f"latency_{space}_{name}", "region": region, "value": latency})
        return rows

    def _rebuilt(self, subject: str, folds: Sequence[tuple[list[Tensor], list[Tensor], float]]) -> list[dict]:
        """Rows of the reconstruction; keeps an excerpt of the first person who has one."""
        if not folds:
            return []
        options, backward = self.plan.options, self.plan.backward
        rate_hz = folds[0][2]
        n_rows = torch.tensor([float(sum(map(len, true))) for _, true, _ in folds], dtype=torch.float64)
        r = torch.stack(
            [
                correlation(
                    predicted,
                    true,
                    n_shifts=options.n_shifts,
                    min_rows=round(options.min_shift_s * rate_hz),
                    seed=options.seed + number,
                )
                for number, (predicted, true, _) in enumerate(folds)
            ]
        )
        r = (r * n_rows[:, None] / n_rows.sum()).sum(0).numpy()
        rows = [
            {"measure": "reconstruction", "region": ALL_SENSORS}
            | _against(r[0], widened(r[1:], len(folds), bounds=(-1.0, 1.0)))
        ]
        stretches = [pair for predicted, true, _ in folds for pair in zip(predicted, true, strict=True)]
        moves = {"n_shifts": options.n_shifts, "min_shift": round(options.min_shift_s * rate_hz), "seed": options.seed}
        match = matched(stretches, round(backward.segment_s * rate_hz), **moves)
        if match is not None:
            match = match[0], widened(match[1], len(folds), bounds=(0.0, 1.0))
            rows.append({"measure": "match_mismatch", "region": ALL_SENSORS} | _against(*match))
        if not self._excerpt:
            predicted, true = max(stretches, key=lambda pair: len(pair[0]))
            n = round(EXCERPT_S * rate_hz)
            both = ((one[:n] - one[:n].mean()) / one[:n].std() for one in (true, predicted))
            heard, found = (one.numpy() for one in both)
            self._excerpt_of = subject
            self._excerpt = {"time_s": np.arange(len(heard)) / rate_hz, "heard": heard, "reconstructed": found}
        return rows

    def _keep(self, subject: str, found: SensorMeasures) -> None:
        measured = self.data.measured(subject)
        n = len(measured.names)
        where = (
            np.full((n, 2), np.nan)
            if measured.places is None or measured.own_names
            else np.asarray(measured.places)[:, :2]
        )
        columns = {
            "subject": subject,
            "name": np.asarray(measured.names).astype(str),
            "x": where[:, 0],
            "y": where[:, 1],
        }
        for name, values in found.values.items():
            columns[name] = values
            if len(found.shifted[name]):
                columns[f"chance:{name}"] = found.shifted[name].mean(0)
        self._sensors.append(pd.DataFrame(columns))
        chance = found.shifted_coherence
        self._spectra.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "frequency_hz": found.frequencies,
                    "coherence": np.nanmean(np.abs(found.coherency) ** 2, 1),
                    "chance": np.nan if chance is None else np.nanmean(chance, 1),
                }
            )
        )


def _against(value: float, null: np.ndarray) -> dict[str, float]:
    if not len(null):
        return {"value": float(value)}
    spread = float(np.std(null, ddof=1)) if len(null) > 1 else np.nan
    p = (1 + int((null >= value).sum())) / (1 + len(null))
    return {"value": float(value), "chance": float(np.mean(null)), "spread": spread, "p": p}
