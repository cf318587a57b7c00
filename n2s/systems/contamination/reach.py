"""What of the side signals reaches the sensors: looked for where the brain has no reason to follow them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.event_folds import EveryWindow
from n2s.data.places import INSIDE
from n2s.data.recordings import prepare
from n2s.data.side_channels import GROUPS
from n2s.data.side_signals import SideSignals
from n2s.data.spans import merged
from n2s.data.wide_band import WIDE_HZ, waveforms, wide_band
from n2s.metrics.acoustic_contamination import acoustic_contamination, log_power, speech_frequencies
from n2s.metrics.same_moment import band_limited, same_moment
from n2s.studies.study import Recording, Study

#: How each group is looked for. ``waveform``: the same course, above `FAST_HZ`; ``loudness``: how strong both are above `LOUD_HZ`;
#: ``spectrum``: the same frequencies; ``slow``: the same course below `SLOW_HZ`, while nobody speaks, listens or imagines.
VIEWS = {
    "audio": ("waveform", "loudness", "spectrum"),
    "emg": ("waveform", "loudness", "slow"),
    "eog": ("slow",),
    "ecg": ("slow",),
    "head": ("slow",),
}
FAST_HZ, LOUD_HZ, SLOW_HZ = 40.0, 60.0, (0.5, 8.0)
LEAST_FAST_HZ = 130.0  # rate below which nothing of a voice is left
SLOW_RATE_HZ, LOUD_RATE_HZ = 25.0, 50.0
FAST_SHIFT_S, SLOW_SHIFT_S = 2.0, 4.0  # longer than either side is like itself; ten times as much is needed
AROUND_S = 0.6  # a response, and what comes before a voice
MOST_SPEECH, MOST_REST = 4, 2  # recordings of a person that are looked at
MOST_FAST_S = 60.0  # of each, for waveforms: r of noise is below .01 then
FRAME_S, STEP_S = 0.2, 0.05
N_DRAWS = 599  # the smallest p, times three views and five groups, is .025
COLUMNS = ("subject", "group", "view", "p", "r", "sensor", "signal", "seconds", "why")


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


@dataclass(frozen=True)
class _Wide:
    """One recording: ``brain (t, c)``, side waveforms, where nobody speaks ``rest (t,)``, and where somebody does ``speech (t,)``."""

    brain: np.ndarray
    side: Mapping[str, tuple[np.ndarray, list[str]]]
    rest: np.ndarray
    speech: np.ndarray
    sfreq: float


def reached(
    every: EveryWindow, subject: str, side: SideSignals, *, condition: str, n_draws: int = N_DRAWS, seed: int = 0
) -> Reached:
    """Look for the side signals in a person's sensors, as the recipe cleans them, at a rate that holds voice and muscles.

    Parameters
    ----------
    every
        The windows, and the recordings of the recipe.
    subject
        ``study/subject``.
    side
        Which channels are side signals.
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
    quiet = [one for one in others if (study.events(one).condition == "rest").all()]  # gestures of the face, say
    chosen = [*_spread(speech, MOST_SPEECH), *_spread(quiet, MOST_REST)]
    sfreq = min(WIDE_HZ, min(item.meta["raw_sfreq"] for item in mine.values()))
    names, wide = _read(every, study, subject, chosen, side, sfreq, condition)
    rows, found = [], Reached(pd.DataFrame(columns=list(COLUMNS)))
    inside = bool(set(next(iter(mine.values())).info.get_channel_types()) & INSIDE)
    for group in GROUPS:
        own = [one for one in wide if group in one.side]
        if not own:
            continue
        for view in VIEWS[group]:
            row = {
                "subject": subject,
                "group": group,
                "view": view,
                "p": np.nan,
                "r": np.nan,
                "sensor": "",
                "signal": "",
            }
            if view != "slow" and sfreq < LEAST_FAST_HZ:
                rows.append(
                    row
                    | {
                        "seconds": 0.0,
                        "why": f"recorded at {sfreq:g} Hz, and voice and muscles lie above {LOUD_HZ:g} Hz",
                    }
                )
                continue
            if view == "loudness" and inside:
                rows.append(
                    row
                    | {"seconds": 0.0, "why": "how strong contacts in the brain are above 60 Hz is the brain's answer"}
                )
                continue
            rows.append(row | _look(view, group, own, names, found, n_draws, seed))
    found.links = pd.DataFrame(rows, columns=list(COLUMNS))
    return found


def by_group(links: pd.DataFrame) -> pd.DataFrame:
    """One row a group: ``p`` over its views (Bonferroni), and what was found most clearly; p is NaN where no view could be tested."""
    rows = []
    for group, own in links.groupby("group", sort=False):
        known = own[own.p.notna()]
        if known.empty:
            rows.append(own.iloc[0].to_dict() | {"group": group})
        else:
            rows.append(
                known.iloc[int(known.p.to_numpy().argmin())].to_dict()
                | {"p": min(1.0, float(known.p.min()) * len(known))}
            )
    return pd.DataFrame(rows, columns=list(links.columns))


def _look(view: str, group: str, wide: list[_Wide], names: list[str], found: Reached, n_draws: int, seed: int) -> dict:
    """A row of `Reached.links` without its first entries; keeps what figures show in ``found``."""
    if view == "spectrum":
        return _spectrum(wide, names, found, n_draws, seed)
    keep = [one.rest if view == "slow" else one.speech for one in wide]
    common = sorted(set.intersection(*(set(one.side[group][1]) for one in wide)))
    brain, side, rate = [], [], wide[0].sfreq
    for one, kept in zip(wide, keep, strict=True):
        values = one.side[group][0][:, [one.side[group][1].index(name) for name in common]]
        b, s, step = _viewed(view, group, one.brain, values, one.sfreq)
        kept, rate = kept[::step], one.sfreq / step
        most = round(MOST_FAST_S * rate) if view == "waveform" else len(kept)
        at = np.flatnonzero(kept)[:most]
        brain.append(b[::step][at])
        side.append(s[::step][at])
    seconds = float(sum(map(len, side)) / rate)
    shift = round((SLOW_SHIFT_S if view == "slow" else FAST_SHIFT_S) * rate)
    if not common or seconds < 10 * shift / rate:
        return {
            "seconds": seconds,
            "why": f"{seconds:.0f} s {'without speech' if view == 'slow' else 'of speech'}, expected {10 * shift / rate:.0f} s or more",
        }
    link = same_moment(brain, side, least_shift=shift, n_draws=n_draws, seed=seed)
    sensor, signal = np.unravel_index(np.argmax(np.abs(link.r)), link.r.shape)
    best = pd.Series(np.abs(link.r).max(1), names)
    found.by_sensor[group] = best if group not in found.by_sensor else np.maximum(found.by_sensor[group], best)
    return {
        "p": link.p_whole, "r": float(link.r[sensor, signal]), "sensor": names[sensor], "signal": common[signal], "seconds": seconds, "why": "",
    }  # fmt: skip


def _viewed(
    view: str, group: str, brain: np.ndarray, side: np.ndarray, sfreq: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Both sides in a view, and how many samples one of it lasts."""
    if view == "waveform":
        return *(band_limited(one, sfreq, FAST_HZ, 0.45 * sfreq, mains=True) for one in (brain, side)), 1
    if view == "loudness":
        found = [_loudness(one, sfreq) for one in (brain, side)]
        return *found, max(1, round(sfreq / LOUD_RATE_HZ))
    if group == "emg":  # how hard a muscle works: its current changes sign all the time
        side = np.abs(band_limited(side, sfreq, 20.0, 0.45 * sfreq, mains=True))
    return *(band_limited(one, sfreq, *SLOW_HZ) for one in (brain, side)), max(1, round(sfreq / SLOW_RATE_HZ))


def _loudness(signal: np.ndarray, sfreq: float) -> np.ndarray:
    strength = np.abs(band_limited(signal, sfreq, LOUD_HZ, 0.45 * sfreq, mains=True))
    return band_limited(strength, sfreq, 0.5, 20.0)


def _spectrum(wide: list[_Wide], names: list[str], found: Reached, n_draws: int, seed: int) -> dict:
    """Roussel's test, of frames in which somebody speaks or sound plays."""
    sfreq = wide[0].sfreq
    hz, brain, audio = speech_frequencies(sfreq, window_s=FRAME_S), [], []
    step = max(1, round(STEP_S * sfreq))
    for one in wide:
        first = np.arange(0, len(one.speech) - round(FRAME_S * sfreq) + 1, step)
        kept = one.speech[first + round(FRAME_S * sfreq) // 2]
        sound = log_power(one.side["audio"][0][:, :1].T, sfreq, hz, window_s=FRAME_S, step_s=STEP_S)[0]
        power = np.empty((one.brain.shape[1], len(hz), kept.sum()), np.float32)
        for at in range(0, len(power), 16):  # memory
            part = one.brain[:, at : at + 16].T
            power[at : at + 16] = log_power(part, sfreq, hz, window_s=FRAME_S, step_s=STEP_S)[:, :, kept]
        brain.append(power)
        audio.append(sound[:, kept])
    shift = round(FAST_SHIFT_S / STEP_S)
    test = acoustic_contamination(brain, audio, hz, least_shift=shift, n_permutations=n_draws, seed=seed)
    seconds = float(sum(one.shape[-1] for one in audio) * STEP_S)
    if not np.isfinite(test.p_whole):
        return {
            "seconds": seconds,
            "why": f"{seconds:.0f} s of speech at {len(hz)} frequencies, expected {4 * FAST_SHIFT_S:.0f} s in a run",
        }
    worst = int(np.argmin(test.p_corrected + 1e-6 * test.p - 1e-9 * test.diagonal))
    found.hz, found.matrix, found.matrix_sensor = hz, test.matrix[worst], names[worst]
    best = pd.Series(np.maximum(test.diagonal, 0), names)
    found.by_sensor["audio"] = np.maximum(found.by_sensor["audio"], best) if "audio" in found.by_sensor else best
    return {
        "p": test.p_whole, "r": float(test.diagonal[worst]), "sensor": names[worst], "signal": wide[0].side["audio"][1][0],
        "seconds": seconds, "why": "",
    }  # fmt: skip


def _read(
    every: EveryWindow,
    study: Study,
    subject: str,
    wanted: Sequence[Recording],
    side: SideSignals,
    sfreq: float,
    condition: str,
) -> tuple[list[str], list[_Wide]]:
    """The good sensors that all of these recordings have, and the recordings."""
    preparation = wide_band(every.data.preprocessing, sfreq)
    if preparation.learns:
        preparation = preparation.fitted_on(*every.training_of(subject))
    items = [item for item in prepare(study, preparation, wanted) if item.recording in wanted]
    good = [{n for n, ok in zip(i.meta["ch_names"], i.meta["good"], strict=True) if ok} for i in items]
    names = [one for one in items[0].meta["ch_names"] if one in set.intersection(*good)]
    found = []
    for item in items:
        at = [item.meta["ch_names"].index(one) for one in names]
        waves = waveforms(study, item.recording, side, sfreq=sfreq, where=f"{study.name}, {item.recording.name}")
        brain = np.nan_to_num(np.array(item.brain[:, at], np.float32))
        n = min([len(brain), *(len(values) for values, _ in waves.values())])
        rest, speech = _masks(item.events, n, item.meta["sfreq"], condition)
        waves = {group: (np.nan_to_num(values[:n]), known) for group, (values, known) in waves.items()}
        found.append(_Wide(brain[:n], waves, rest, speech, item.meta["sfreq"]))
    return names, found


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
