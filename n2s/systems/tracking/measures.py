"""The measures of one person, by region: each above its chance, with laterality; numbers for a table or a classifier."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.systems.tracking.sensor_measures import MeasureOptions, SensorMeasures, sensor_measures

__all__ = ["ALL_SENSORS", "MeasureOptions", "by_region", "subject_measures", "wide"]

#: The region of all sensors.
ALL_SENSORS = "all"
DELAY_STEP_S = 0.002
LATERALITY = "laterality"


def subject_measures(
    brain: Tensor | np.ndarray | Sequence[Tensor | np.ndarray],
    envelope: Tensor | np.ndarray | Sequence[Tensor | np.ndarray],
    sfreq: float,
    options: MeasureOptions | None = None,
    *,
    regions: Mapping[str, np.ndarray] | None = None,
) -> dict[str, float]:
    """Measures of tracking of one person.

    Parameters
    ----------
    brain
        (t, c), or stretches of it without a gap.
    envelope
        (t,), or of each stretch.
    sfreq
        Hz.
    options
        What is measured; None: everything in delta and theta.
    regions
        Name -> (c,) bool or column numbers; all sensors are a region always. With ``left`` and ``right`` each measure has a laterality.

    Returns
    -------
    Name -> value; NaN where it cannot be computed.

    - ``coherence_delta``, ``plv_theta``, ``information_..``, ``edges_..``, ``coupling_delta_theta``: mean over sensors, minus the mean
      over circular shifts of the envelope (of the fast band's amplitude for coupling).
    - ``delay_delta``: how long the brain is behind, s: the delay at which the coherency of the band adds up best, summed over sensors
      without regard to polarity.
    - ``phase_cos_delta``, ``phase_sin_delta``: cosine and sine of twice the phase lag. Sensors have either polarity, so a lag is
      known up to half a cycle.
    - each with ``_left`` (of a region) after it, and ``coherence_delta_laterality`` = (right - left) / (|right| + |left|).
    """
    stretches = [brain] if hasattr(brain, "ndim") else list(brain)
    heard = [envelope] if hasattr(envelope, "ndim") else list(envelope)
    own, other = [torch.as_tensor(one) for one in stretches], [torch.as_tensor(one) for one in heard]
    options = options or MeasureOptions()
    return wide(by_region(sensor_measures(own, other, sfreq, options), options, regions or {}))


def by_region(found: SensorMeasures, options: MeasureOptions, regions: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row for each measure and region: ``measure``, ``region``, ``value``, ``chance`` (mean over shifts), ``spread`` (their deviation), ``p``.

    What has no chance level (delays, phases) has NaN there. Lateralities are of values above chance.
    """
    n = found.coherency.shape[1]
    places = {ALL_SENSORS: np.arange(n)} | {
        name: np.flatnonzero(one) if np.asarray(one).dtype == bool else np.asarray(one, int)
        for name, one in regions.items()
    }
    rows = []
    for region, at in places.items():
        for name, values in found.values.items():
            rows.append({"measure": name, "region": region} | _against(values[at], found.shifted[name][:, at]))
        for band, (low, high) in options.bands.items():
            bins = (found.frequencies >= low) & (found.frequencies < high)
            own = np.nan_to_num(found.coherency[bins][:, at])
            for name, value in _lag(own, found.frequencies[bins], options.delays_s).items():
                rows.append({"measure": f"{name}_{band}", "region": region, "value": value})
    table = pd.DataFrame(rows, columns=["measure", "region", "value", "chance", "spread", "p"])
    controlled = sorted(name for name, null in found.shifted.items() if len(null))
    return pd.concat([table, _laterality(table, controlled)], ignore_index=True)


def wide(table: pd.DataFrame) -> dict[str, float]:
    """The rows of `by_region` as numbers: those with a chance level above it."""
    above = table.value - table.chance.fillna(0.0)
    names = [
        measure if region == ALL_SENSORS else f"{measure}_{region}"
        for measure, region in zip(table.measure, table.region, strict=True)
    ]
    return dict(zip(names, above.astype(float).tolist(), strict=True))


def _against(values: np.ndarray, shifted: np.ndarray) -> dict[str, float]:
    """Mean over sensors that have a value, and where it lies among those of shifts."""
    known = np.isfinite(values)
    if not known.any():
        return {"value": np.nan}
    value, null = float(values[known].mean()), shifted[:, known].mean(1)
    if not len(null):
        return {"value": value}
    p = (1 + int((null >= value).sum())) / (1 + len(null))  # never 0: Phipson and Smyth 2010
    return {
        "value": value,
        "chance": float(null.mean()),
        "spread": float(null.std(ddof=1)) if len(null) > 1 else np.nan,
        "p": p,
    }


def _lag(coherency: np.ndarray, frequencies: np.ndarray, delays_s: tuple[float, float]) -> dict[str, float]:
    """Delay and phase of (k, c) coherency; NaN without any."""
    if not np.abs(coherency).any():
        return dict.fromkeys(("delay", "phase_cos", "phase_sin"), np.nan)
    delays = np.arange(delays_s[0], delays_s[1] + DELAY_STEP_S / 2, DELAY_STEP_S)
    turned = np.exp(2j * np.pi * delays[:, None] * frequencies) @ coherency
    delay = float(delays[(np.abs(turned) ** 2).sum(1).argmax()]) if len(frequencies) > 1 else np.nan
    twice = (coherency.sum(0).conj() ** 2).sum()  # the brain behind is positive
    twice = twice / abs(twice) if abs(twice) else np.nan
    return {"delay": delay, "phase_cos": float(np.real(twice)), "phase_sin": float(np.imag(twice))}


def _laterality(table: pd.DataFrame, controlled: Sequence[str]) -> pd.DataFrame:
    """A row for each measure that has a chance level, NaN where a side has no value: the same rows for everybody."""
    above = table.assign(value=table.value - table.chance).pivot(index="measure", columns="region", values="value")
    if not {"left", "right"} <= set(above.columns) or not controlled:
        return table.iloc[:0]
    sides = above.loc[controlled]
    total = sides.left.abs() + sides.right.abs()
    index = (sides.right - sides.left) / total.where(total > 0)
    return pd.DataFrame({"measure": index.index, "region": LATERALITY, "value": index.to_numpy()})
