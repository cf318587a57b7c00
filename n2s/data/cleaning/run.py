"""Runs the steps of one recording, and keeps what each removed: in findings, and as numbers for reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from n2s.data.channel_types import TYPES
from n2s.data.cleaning.bad_sensors import FindBadChannels
from n2s.data.cleaning.spared import Annotation, dropped, tell_covered
from n2s.data.edges import bad_spans
from n2s.data.spans import merged
from n2s.data.steps import ITSELF, Learned, LearnedStep, Step, note, noted, untold
from n2s.errors import UserError
from n2s.findings import kept, tell

RISES = 0.2  # of the variance: more than a cleaning step should add
NOTHING = 1e-6  # share of the variance: rounding
BLOCK = 2**15  # samples that are looked at together

#: One step's numbers: ``step``, ``variance`` (by type: before, after, unit), ``removed`` (share, by type), and what it noted itself.
Removed = dict


@dataclass
class Cleaning:
    """The steps of one recording, with what those that learn have learned.

    Parameters
    ----------
    steps
        In their order.
    learned
        Of each step, what it learned; None if it learns nothing, or from the recording itself.
    events
        The recording's events, if they are known.
    check
        Looks at the recording before channels are mixed, and gives (onset, duration), s, of what was not recorded.

    Attributes
    ----------
    removed
        What each step removed, once it ran.
    """

    steps: Sequence[Step]
    learned: Sequence[Learned | None]
    events: pd.DataFrame | None = None
    check: Callable[[mne.io.BaseRaw, str, list[list[float]]], list[list[float]]] | None = None
    removed: list[Removed] = field(default_factory=list)

    @classmethod
    def alone(cls, steps: Sequence[Step], check: Callable | None = None) -> "Cleaning":
        """Of a recording about which nothing else is known."""
        return cls(steps, [None] * len(steps), check=check)

    def run(
        self, raw: mne.io.BaseRaw, where: str, spans: list[list[float]]
    ) -> tuple[mne.io.BaseRaw, list[list[float]]]:
        """The cleaned recording, and what `check` found not recorded. ``spans`` grows by what steps mark as bad."""
        gaps, checked, before = [], self.check is None, None
        for step, learned in zip(self.steps, self.learned, strict=True):
            if not checked and not isinstance(step, FindBadChannels):  # a channel that is found dead first is no error
                gaps, checked = self.check(raw, where, spans), True
            good = [name for name in raw.ch_names if name not in raw.info["bads"]]
            if before is None or list(before.names) != good:
                before = Variances.of(raw.load_data(verbose="error"), good, spans)
            marked = bad_spans(raw)
            raw, numbers = run_step(step, raw, where, learned)
            after = before if isinstance(step, (Annotation, FindBadChannels)) else Variances.of(raw, good, spans)
            self._keep(step, numbers, before, after, where)
            before = after
            new = [span for span in bad_spans(raw) if span not in marked]
            if new:
                tell_covered(step, new, self.events, where)
                spans += dropped(step, new, self.events)
        return raw, gaps if checked else self.check(raw, where, spans)

    def _keep(self, step: Step, numbers: dict, before: "Variances", after: "Variances", where: str) -> None:
        variance = {
            kind: {"before": value, "after": after.by_kind[kind], "unit": f"{TYPES[kind][1]}^2"}
            for kind, value in before.by_kind.items()
            if kind in after.by_kind
        }
        shares = {kind: 1 - one["after"] / one["before"] for kind, one in variance.items() if one["before"] > 0}
        name = type(step).__name__
        self.removed.append({"step": name, "variance": variance, "removed": shares, **numbers})
        if isinstance(step, (Annotation, FindBadChannels)):
            return  # they tell what they marked
        risen = {kind: -share for kind, share in shares.items() if share < -RISES}
        if risen:
            told = ", ".join(f"{kind} by {100 * share:.0f}%" for kind, share in risen.items())
            text = f"{name} adds variance where it should remove some. Check what it needs (places of sensors, bad channels, references)."
            tell("odd", f"{where} ({told})", text)
        said = [f"{numbers['components_removed']} components"] if "components_removed" in numbers else []
        said += [f"{100 * share:.3g}% of the variance of {kind}" for kind, share in shares.items()]
        if said and (numbers.get("components_removed") or any(abs(share) > NOTHING for share in shares.values())):
            text = f"{name} removed what it took for artifacts: see cleaned in meta.json of each prepared recording."
            tell("corrected", f"{where} ({name}: {', '.join(said)})", text)


def run_step(
    step: Step, raw: mne.io.BaseRaw, where: str, learned: Learned | None = None
) -> tuple[mne.io.BaseRaw, dict]:
    """The recording after one step, and what it noted; its errors and findings name the recording.

    Raises
    ------
    UserError
        The step refuses the recording, learns from others and nothing was learned, gives something else than a recording, or changes
        its rate or length.
    """
    name, before = type(step).__name__, (raw.info["sfreq"], raw.n_times)
    with kept() as findings, noted() as numbers:
        try:
            if not isinstance(step, LearnedStep) or step.fit_on == ITSELF:
                raw = step(raw)
            elif learned is None:
                raise untold(step)
            else:
                note(**learned.notes)
                raw = step.apply(raw, learned)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    for one in findings:
        tell(one.kind, where, f"{one.where}: {one.text}")
    if not isinstance(raw, mne.io.BaseRaw):
        raise UserError(f"{where}: the step {name} gives {type(raw).__name__}, expected the recording that it cleaned.")
    if (raw.info["sfreq"], raw.n_times) != before:
        raise UserError(
            f"{where}: the step {name} changes rate and length from {before[0]:g} Hz, {before[1]} samples to "
            f"{raw.info['sfreq']:g} Hz, {raw.n_times}; events would not fit. Leave the rate to preprocessing.sfreq."
        )
    return raw, numbers


@dataclass(frozen=True)
class Variances:
    """Variance of channels over the time that is not bad, in our units squared: the mean over the good channels of each type."""

    names: tuple[str, ...]
    by_kind: dict[str, float]

    @classmethod
    def of(cls, raw: mne.io.BaseRaw, good: list[str], spans: list[list[float]]) -> "Variances":
        """Of these channels, if the recording has them."""
        kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
        names = [name for name in good if kinds.get(name) in TYPES]
        picks, use = [raw.ch_names.index(name) for name in names], good_samples(raw, spans)
        count, total, squares, origin = 0, np.zeros(len(picks)), np.zeros(len(picks)), None
        for first in range(0, raw.n_times if picks else 0, BLOCK):
            values = np.nan_to_num(raw[picks, first : first + BLOCK][0][:, use[first : first + BLOCK]])
            if not values.shape[1]:
                continue
            origin = values.mean(1, keepdims=True) if origin is None else origin  # offsets are larger than the signal
            values = values - origin
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + (values**2).sum(1)
        if not count:
            return cls(tuple(good), {})
        variance = np.maximum(squares / count - (total / count) ** 2, 0.0)
        found: dict[str, list[float]] = {}
        for name, value in zip(names, variance, strict=True):
            found.setdefault(kinds[name], []).append(float(value) * TYPES[kinds[name]][0] ** 2)
        return cls(tuple(good), {kind: float(np.mean(values)) for kind, values in found.items()})


def good_samples(raw: mne.io.BaseRaw, spans: list[list[float]]) -> np.ndarray:
    """(t,) Which samples lie in none of the (onset, duration), s."""
    use, sfreq = np.ones(raw.n_times, bool), raw.info["sfreq"]
    for start, stop in merged(
        np.array([[onset, onset + length] for onset, length in spans if length > 0]).reshape(-1, 2)
    ):
        use[round(start * sfreq) : round(stop * sfreq)] = False
    return use
