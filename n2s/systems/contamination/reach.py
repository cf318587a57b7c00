"""What of the side signals reaches the sensors: looked for where the brain has no reason to follow them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from n2s.data.event_folds import EveryWindow, Fold
from n2s.data.places import INSIDE
from n2s.data.recordings import prepare
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideSignals
from n2s.data.spans import merged
from n2s.data.steps import ITSELF, TRAINING, LearnedStep
from n2s.data.wide_band import WIDE_HZ, waveforms, wide_band
from n2s.metrics.acoustic_contamination import LEAST_BINS, acoustic_contamination, log_power, speech_frequencies
from n2s.metrics.same_moment import LEAST_PIECES, same_moment
from n2s.studies.study import Recording, Study
from n2s.systems.contamination.views import (
    FAST_SHIFT_S,
    LEAST_FAST_HZ,
    LEAST_REST_S,
    LOUD_HZ,
    PIECE_S,
    VIEWS,
    Wide,
    low_passed,
    own_electrodes,
)

ELECTRODES = ("emg", "eog", "ecg")
AROUND_S = 0.6  # a response, and what comes before a voice
MOST_SPEECH, MOST_REST = 4, 2  # recordings of a person that are looked at
MOST_FAST_S = 60.0  # of each, for waveforms: r of noise is below .01 then
FRAME_S, STEP_S = 0.2, 0.05
N_DRAWS = 599  # the smallest p, times three views and five groups, is .025
#: ``why``: there is no p; ``but``: another reason for one.
COLUMNS = ("subject", "group", "view", "p", "r", "sensor", "signal", "seconds", "why", "but")


@dataclass
class Reached:
    """What was found in one person.

    ``links``: see `COLUMNS`, a row a group and view; ``by_sensor``: largest r of each sensor, by group; ``hz (f,)``, ``matrix (f, f)``:
    powers of the sensor that follows the sound most, and of the sound; ``matrix_sensor``: its name.
    """

    links: pd.DataFrame
    by_sensor: dict[str, pd.Series] = field(default_factory=dict)
    hz: np.ndarray | None = None
    matrix: np.ndarray | None = None
    matrix_sensor: str = ""


def reached(
    every: EveryWindow, subject: str, side: SideSignals, folds: Sequence[Fold], *, condition: str, n_draws: int = N_DRAWS, seed: int = 0
) -> Reached:  # fmt: skip
    """Look for the side signals in a person's sensors, as the recipe cleans them, at a rate that holds voice and muscles.

    Parameters
    ----------
    every
        The windows, and the recordings of the recipe.
    subject
        ``study/subject``.
    side
        Which channels are side signals.
    folds
        Of this person: where a step of the cleaning learns, each recording is cleaned as in the fold that tests it.
    condition
        Whose speech is looked at.
    n_draws, seed
        Of the nulls.
    """
    study = every.data.studies[subject.split("/")[0]]
    mine = {key: item for key, item in every.recordings.items() if every.subject_of(key) == subject}
    with_windows = set(every.table.recording[every.table.condition == condition])
    speech = [item.recording for key, item in mine.items() if key in with_windows]
    others = [one for one in study.recordings() if one.subject == subject.split("/", 1)[1] and one not in speech]
    others = [one for one in others if one.task not in _learned_tasks(every)]
    quiet = [one for one in others if (study.events(one).condition == "rest").all()]  # gestures of the face, say
    chosen = [*_spread(speech, MOST_SPEECH), *_spread(quiet, MOST_REST)]
    sfreq = min(WIDE_HZ, min(item.meta["raw_sfreq"] for item in mine.values()))
    names, wide = _read(every, study, subject, chosen, side, folds, sfreq, condition)
    rows, found = [], Reached(pd.DataFrame(columns=list(COLUMNS)))
    kinds = set(next(iter(mine.values())).info.get_channel_types())
    for group in GROUPS:
        own = [one for one in wide if group in one.side]
        but = ""
        if own and group in ELECTRODES and kinds & ({"eeg"} | INSIDE) and not _referenced(every, sfreq):
            own, but = _apart(own, group)
        own = _alike(own, group)
        for view in VIEWS[group] if own else ():
            row = {"subject": subject, "group": group, "view": view, "p": np.nan, "r": np.nan, "sensor": "", "signal": "", "seconds": 0.0, "but": but}  # fmt: skip
            why = _unfit(view, own, inside=bool(kinds & INSIDE))
            rows.append(row | ({"why": why} if why else _look(view, group, own, names, found, n_draws, seed)))
    found.links = pd.DataFrame(rows, columns=list(COLUMNS))
    return found


def _learned_tasks(every: EveryWindow) -> set[str]:
    """Tasks that steps of the cleaning learn from: these recordings are cleaner than those that steps did not know."""
    steps = getattr(every.data.preprocessing, "steps", ())
    return {one.fit_on for one in steps if isinstance(one, LearnedStep)} - {TRAINING, ITSELF}


def _referenced(every: EveryWindow, sfreq: float) -> bool:
    """Whether sensors lose the reference that they were recorded with, where side signals are looked for."""
    how = wide_band(every.data.preprocessing, sfreq)
    return bool(getattr(how, "average_reference", False) or getattr(how, "reference", None) is not None)


def _apart(wide: list[Wide], group: str) -> tuple[list[Wide], str]:
    """With signals of a group that have no reference of the sensors; see `n2s.systems.contamination.views.own_electrodes`."""
    found, but = [], ""
    for one in wide:
        values, names, said = own_electrodes(*one.side[group], pairs=one.pairs)
        found.append(replace(one, side={**one.side, group: (values, names)}))
        but = but or said
    return found, but


def _alike(wide: list[Wide], group: str) -> list[Wide]:
    """The recordings that have the signal of a group that most of them have."""
    counts = Counter(name for one in wide for name in one.side[group][1])
    most = max(counts, key=counts.__getitem__, default="")
    return [one for one in wide if most in one.side[group][1]]


def _unfit(view: str, wide: list[Wide], *, inside: bool) -> str:
    """Why nobody can look for a signal in a view; "" if one can."""
    if view == "slow":
        return ""
    sfreq, lowpass_hz = wide[0].sfreq, min(one.lowpass_hz for one in wide)
    if sfreq < LEAST_FAST_HZ:
        return f"recorded at {sfreq:g} Hz, and voice and muscles lie above {LOUD_HZ:g} Hz"
    if 2 * lowpass_hz < LEAST_FAST_HZ:
        return f"low-passed at {lowpass_hz:g} Hz, and voice and muscles lie above {LOUD_HZ:g} Hz"
    if view == "loudness" and inside:
        return "how strong contacts in the brain are above 60 Hz is the brain's answer"
    return ""


def _living(view: str, group: str, wide: list[Wide]) -> tuple[list[str], str]:
    """The signals of a group that all of these recordings have and that can be seen in a view; why there is none."""
    common = sorted(set.intersection(*(set(one.side[group][1]) for one in wide)))
    fast = group in ("audio", "emg")
    flat, low = np.ones(len(common), bool), np.zeros(len(common), bool)
    for one in wide:
        values = one.side[group][0][:, [one.side[group][1].index(name) for name in common]]
        kept = one.rest if view == "slow" else one.speech
        flat &= ~(np.ptp(values[kept], axis=0) > 0) if kept.any() else True
        low |= low_passed(values, one.sfreq) if fast and one.sfreq >= LEAST_FAST_HZ else False
    names = [name for name, dead in zip(common, flat | low, strict=True) if not dead]
    return names, "" if names else "it never changes" if flat.all() else f"it has next to nothing above {LOUD_HZ:g} Hz"


def _look(view: str, group: str, wide: list[Wide], names: list[str], found: Reached, n_draws: int, seed: int) -> dict:
    """What a row of `Reached.links` says of a view; keeps what figures show in ``found``."""
    signals, why = _living(view, group, wide)
    if not signals:
        return {"why": why}
    if view == "spectrum":
        return _spectrum(wide, signals, names, found, n_draws, seed)
    brain, side, rate = [], [], wide[0].sfreq
    for one in wide:
        b, s, rate = one.viewed(view, group, signals)
        most = round(MOST_FAST_S * rate) if view == "waveform" else len(s)
        brain.append(b[:most])
        side.append(s[:most])
    slow = view == "slow"
    shift, piece = round(FAST_SHIFT_S * rate), round(PIECE_S * wide[0].sfreq) // round(wide[0].sfreq / rate)
    least_s = LEAST_PIECES * PIECE_S if slow else 4 * FAST_SHIFT_S
    seconds = sum(len(one) for one in side if len(one) >= least_s * rate - 1) / rate
    needed_s = LEAST_REST_S if slow else 10 * FAST_SHIFT_S
    if seconds < needed_s - 0.5:
        what = (
            f"without speech, in stretches of {PIECE_S:g} s or more"
            if slow
            else f"of speech, in runs with {least_s:g} s or more"
        )
        return {"seconds": seconds, "why": f"{seconds:.0f} s {what}; expected {needed_s:g} s"}
    how = {"piece": piece} if slow else {"least_shift": shift}
    link = same_moment(brain, side, **how, n_draws=n_draws, seed=seed)
    sensor, signal = np.unravel_index(np.argmax(np.abs(link.r)), link.r.shape)
    best = pd.Series(np.abs(link.r).max(1), names)
    found.by_sensor[group] = best if group not in found.by_sensor else np.maximum(found.by_sensor[group], best)
    return {
        "p": link.p_whole, "r": float(link.r[sensor, signal]), "sensor": names[sensor], "signal": signals[signal], "seconds": seconds, "why": "",
    }  # fmt: skip


def _spectrum(wide: list[Wide], signals: list[str], names: list[str], found: Reached, n_draws: int, seed: int) -> dict:
    """Roussel's test, of frames in which somebody speaks or sound plays: of each sound, corrected for their number."""
    sfreq = wide[0].sfreq
    hz, brain, audio = speech_frequencies(sfreq, window_s=FRAME_S), [], {name: [] for name in signals}
    step = max(1, round(STEP_S * sfreq))
    for one in wide:
        first = np.arange(0, len(one.speech) - round(FRAME_S * sfreq) + 1, step)
        kept = one.speech[first + round(FRAME_S * sfreq) // 2]
        values, own = one.side["audio"]
        for name in signals:
            sound = values[:, own.index(name)][None]
            audio[name].append(log_power(sound, sfreq, hz, window_s=FRAME_S, step_s=STEP_S)[0][:, kept])
        power = np.empty((one.brain.shape[1], len(hz), kept.sum()), np.float32)
        for at in range(0, len(power), 16):  # memory
            part = one.brain[:, at : at + 16].T
            power[at : at + 16] = log_power(part, sfreq, hz, window_s=FRAME_S, step_s=STEP_S)[:, :, kept]
        brain.append(power)
    shift = round(FAST_SHIFT_S / STEP_S)
    tests = {
        name: acoustic_contamination(brain, own, hz, least_shift=shift, n_permutations=n_draws, seed=seed)
        for name, own in audio.items()
    }
    seconds = float(sum(one.shape[-1] for one in brain) * STEP_S)
    tests = {name: one for name, one in tests.items() if np.isfinite(one.p_whole)}
    if not tests:
        return {
            "seconds": seconds,
            "why": f"{seconds:.0f} s of speech at {len(hz)} frequencies, expected {4 * FAST_SHIFT_S:.0f} s in a run at {LEAST_BINS} or more",
        }
    name = min(tests, key=lambda one: tests[one].p_whole)
    test = tests[name]
    worst = int(np.argmin(test.p_corrected + 1e-6 * test.p - 1e-9 * test.diagonal))
    found.hz, found.matrix, found.matrix_sensor = hz, test.matrix[worst], names[worst]
    best = pd.Series(np.maximum(test.diagonal, 0), names)
    found.by_sensor["audio"] = np.maximum(found.by_sensor["audio"], best) if "audio" in found.by_sensor else best
    return {
        "p": min(1.0, len(tests) * test.p_whole), "r": float(test.diagonal[worst]), "sensor": names[worst], "signal": name,
        "seconds": seconds, "why": "",
    }  # fmt: skip


def _read(
    every: EveryWindow, study: Study, subject: str, wanted: Sequence[Recording], side: SideSignals, folds: Sequence[Fold], sfreq: float,
    condition: str,
) -> tuple[list[str], list[Wide]]:  # fmt: skip
    """The good sensors that all of these recordings have, and the recordings."""
    preparation, items, parts = wide_band(every.data.preprocessing, sfreq), [], [(frozenset(), list(wanted))]
    if preparation.learns:
        parts = _by_fold(every, subject.split("/")[0], wanted, folds)
    for units, those in parts:
        how = preparation.fitted_on(*every.training_of(subject, units)) if preparation.learns else preparation
        items += [item for item in prepare(study, how, those) if item.recording in those]
    good = [{n for n, ok in zip(i.meta["ch_names"], i.meta["good"], strict=True) if ok} for i in items]
    names = [one for one in items[0].meta["ch_names"] if one in set.intersection(*good)]
    found = []
    for item in items:
        at = [item.meta["ch_names"].index(one) for one in names]
        waves = waveforms(study, item.recording, side, sfreq=sfreq, where=f"{study.name}, {item.recording.name}")
        brain = np.nan_to_num(np.array(item.brain[:, at], np.float32))
        n = min([len(brain), *(len(values) for values, _ in waves.groups.values())])
        rest, speech = _masks(item.events, n, item.meta["sfreq"], condition)
        own = {group: (np.nan_to_num(values[:n]), known) for group, (values, known) in waves.groups.items()}
        found.append(Wide(brain[:n], own, rest, speech, item.meta["sfreq"], waves.lowpass_hz, waves.pairs))
    return names, found


def _by_fold(
    every: EveryWindow, study: str, wanted: Sequence[Recording], folds: Sequence[Fold]
) -> list[tuple[frozenset[str], list[Recording]]]:
    """Recordings by the units that are held out where they are tested; those without windows with the first fold."""
    found: dict[frozenset[str], list[Recording]] = {}
    for one in wanted:
        mine = set(every.dealt.of(f"{study}/{one.name}").unit)
        units = next((fold.units for fold in folds if mine & fold.units), folds[0].units)
        found.setdefault(units, []).append(one)
    return list(found.items())


def _masks(events: pd.DataFrame, n: int, sfreq: float, condition: str) -> tuple[np.ndarray, np.ndarray]:
    """Samples far from anything said, heard or imagined, and samples in speech of a condition."""
    busy = events[(events.condition != "rest") & events.kind.isin(["sound", "sentence", "word", "phone"])]
    said = busy[(busy.condition == condition)]
    said = said[said.kind.isin(["word", "phone"])] if said.kind.isin(["word", "phone"]).any() else said
    rest, speech = np.ones(n, bool), np.zeros(n, bool)
    for rows, around, mask, value in ((busy, AROUND_S, rest, False), (said, 0.1, speech, True)):
        spans = np.stack([rows.onset - around, rows.onset + rows.duration + around], 1).astype(float).reshape(-1, 2)
        for start, stop in merged(spans):
            mask[max(0, round(start * sfreq)) : max(0, round(stop * sfreq))] = value
    return rest, speech


def _spread(keys: Sequence[Recording], most: int) -> list[Recording]:
    return (
        [keys[i] for i in np.unique(np.linspace(0, len(keys) - 1, min(most, len(keys))).round().astype(int))]
        if keys
        else []
    )
