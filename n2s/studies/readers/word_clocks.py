"""Two clocks in one table: the triggers of words, and the rows of the sounds that they are heard in.

A word's ``onset`` is on the recording's clock and its ``stimulus_onset`` on the sound's; so are those of its sound's row. A sound
card that runs at another rate than the recorder, a wrong rate of playback, a pause or a late trigger make them differ.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.file_lengths import rates

OFFSET_S = 0.02  # the distance of all words of a sound, below which it is the rounding and jitter of triggers
APART_S = 0.5  # above it words and sound are not of one presentation
DRIFT_S = 0.04  # the drift between a sound's first word and its last, below which one clock serves for both
RATE = 0.005  # clocks of one laboratory differ by less than 5 ms a second
JUMP_S = 0.05  # from one word to the next: less is a rounded time, no pause of the sound
SURE = 4.0  # standard errors of a drift that is no chance
MANY, FEW = 31, 5  # words: triggers jitter one by one, clocks drift together; jumps are seen among few


def covered(rows: pd.DataFrame, where: str, *, in_pieces: bool = False) -> pd.DataFrame:
    """The stretches of sounds that rows without a sound's row cover.

    A stretch ends where the stimulus changes, starts again, or pauses for more than 50 ms, whatever single triggers do. If
    its clocks drift, they agree at its start, or in each of its pieces (``in_pieces``).

    Raises
    ------
    UserError
        A row does not say its place in a stimulus; or the clocks differ by more than 0.5 %.
    """
    unplaced = (rows.stimulus == "") | rows.stimulus_onset.isna()
    if unplaced.any():
        first = rows[unplaced].iloc[0]
        raise UserError(
            f"{where}, line {first.line}: a {first.kind} '{first.text[:40]}' without stimulus and stimulus_onset, and "
            "no row says when a sound starts. Add a row of trial_type sound with the audio file in stim_file, or both "
            "columns."
        )
    rows = rows.sort_values("onset", kind="stable", ignore_index=True)
    new = (rows.stimulus != rows.stimulus.shift()) | (rows.stimulus_onset.diff() < -JUMP_S)
    runs = []
    for _, run in rows.groupby(new.cumsum(), sort=True):
        run = run.sort_values("stimulus_onset", kind="stable")
        clock = (run.onset - run.stimulus_onset).to_numpy()
        runs += [(run.iloc[part], clock[part]) for part in _between_jumps(run.stimulus_onset.to_numpy(), clock)]
    _check_rate([_Told(run.stimulus_onset.to_numpy(), clock, int(run.line.iloc[0])) for run, clock in runs], where)
    made, followed_s = [], []
    for run, clock in runs:
        start_s, stop_s = run.stimulus_onset.min(), (run.stimulus_onset + run.duration.fillna(0)).max()
        drifts = _drift(run.stimulus_onset.to_numpy(), clock) != 0
        onset = start_s + np.median(clock[:FEW] if drifts else clock)
        row = {"kind": "sound", "onset": onset, "duration": stop_s - start_s, "stimulus_onset": start_s}
        pieces, drift_s = [{**run.iloc[0], **row}], 0.0
        if in_pieces:
            pieces, drift_s = _followed(pieces[0], stop_s, run.stimulus_onset.to_numpy(), clock)
        made += pieces
        followed_s += [drift_s] * bool(drift_s)
    _tell_drifts(followed_s, len(runs), where)
    return pd.DataFrame(made, columns=rows.columns)


def compared(sounds: pd.DataFrame, parts: pd.DataFrame, where: str, duration_s: float) -> pd.DataFrame:
    """The sounds, on the clock of their words where that drifts or jumps; words that are all early or late are told.

    Parameters
    ----------
    sounds
        The presentations; their index is the ``home`` of their parts.
    parts
        The parts with a ``stimulus_onset`` of their own.
    where
        The table.
    duration_s
        Length of the recording.

    Raises
    ------
    UserError
        Words lie more than 0.5 s from where their sound's row puts them, or their clock is more than 0.5 % faster or slower.
    """
    kind = next((one for one in ("word", "phone", "sentence") if (parts.kind == one).any()), "")
    homes = {home: part.sort_values("stimulus_onset") for home, part in parts[parts.kind == kind].groupby("home")}
    told = {}
    for home, part in homes.items():
        sound = sounds.loc[home]
        away_s = (part.onset - part.stimulus_onset - (sound.onset - sound.stimulus_onset)).to_numpy()
        told[home] = _Told(part.stimulus_onset.to_numpy(), away_s, int(part.line.iloc[0]))
    runs = {home: _between_jumps(one.at_s, one.away_s) for home, one in told.items()}
    _check_rate(
        [
            _Told(told[home].at_s[part], told[home].away_s[part], told[home].line)
            for home in told
            for part in runs[home]
        ],
        where,
    )
    made, drifts, late, single = [], [], [], 0
    for home, sound in sounds.iterrows():
        pieces = [dict(sound)]
        if home in told:
            one = told[home]
            _check_near(one, sound, kind, where)
            near_s = median_filter(one.away_s, size=min(FEW, len(one.away_s)), mode="mirror")
            single += int((np.abs(one.away_s - near_s) > APART_S).sum())
            clock = one.away_s + sound.onset - sound.stimulus_onset
            start_s, stop_s = sound.stimulus_onset, sound.stimulus_onset + sound.duration
            borders = [start_s, *(one.at_s[part[0]] for part in runs[home][1:]), stop_s]
            found, moved = [], 0.0
            for part, begin, end in zip(runs[home], borders, borders[1:], strict=False):
                some, drift_s = _followed(dict(sound) | {"stimulus_onset": begin}, end, one.at_s[part], clock[part])
                found, moved = found + some, max(moved, drift_s, key=abs)
            if len(found) > 1:
                pieces = found
                drifts.append(moved or float(np.ptp([np.median(one.away_s[part]) for part in runs[home]])))
            elif abs(np.median(one.away_s)) > OFFSET_S:
                late.append(float(np.median(one.away_s)))
        made += _inside(pieces, duration_s)
    _tell_drifts(drifts, len(sounds), where)
    if late:
        n, most = f"{len(late)} of {len(sounds)} sounds", max(late, key=abs)
        tell(
            "odd",
            f"{where} ({n}, up to {1000 * most:+.0f} ms)",
            "words are all later (+) or earlier (-) than the rows of their sounds say by stimulus_onset. Windows follow the sounds' "
            "rows: check which trigger is at the sound itself.",
        )
    if single:
        text = "single words lie more than 0.5 s from their place in the sound; windows follow the others."
        tell("odd", f"{where} ({single} words)", text)
    return pd.DataFrame(made, columns=sounds.columns).astype(sounds.dtypes)


def placed(parts: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
    """The parts, those that do not say their place in the sound at the one that the piece of the sound that plays then has.

    A sentence that begins before its sound's file begins with the file.
    """
    parts = parts.copy()
    for home, own in parts[~parts.timed].groupby("home"):
        played = pieces[pieces.home == home].sort_values("onset", kind="stable")
        last = (np.searchsorted(played.onset, own.onset, "right") - 1).clip(0)
        place = own.onset - played.onset.to_numpy()[last] + played.stimulus_onset.to_numpy()[last]
        parts.loc[own.index, "stimulus_onset"] = place.clip(lower=0.0)
        early_s = (-place[own.kind == "sentence"]).clip(lower=0.0, upper=own.duration)
        parts.loc[early_s.index, "onset"] += early_s
        parts.loc[early_s.index, "duration"] -= early_s
    return parts


@dataclass
class _Told:
    """The words of one presentation: ``at_s`` in the sound, ``away_s`` between both clocks, the first one's line."""

    at_s: np.ndarray
    away_s: np.ndarray
    line: int


def _between_jumps(at_s: np.ndarray, clock: np.ndarray) -> list[np.ndarray]:
    """The words between jumps of the clock: large ones, or such as several words on both sides agree on."""
    if len(clock) < 2:
        return [np.arange(len(clock))]
    level = clock - _pace(at_s, clock) * at_s  # without a steady drift, which is no jump
    step = np.diff(level)
    jumps = np.abs(step) > APART_S
    noise = 0.886 * np.minimum(np.abs(step), 4 * JUMP_S).mean()  # of a normal distribution
    rounded = next((unit for unit in (0.1, 0.05) if np.allclose(at_s / unit, np.rint(at_s / unit), atol=1e-6)), 0.0)
    least = max(JUMP_S, SURE * 0.8 * noise, 1.5 * rounded)  # 0.8: standard error between two medians of five words
    for i in range(3, len(clock) - 2):
        near = np.median(level[i : i + FEW]) - np.median(level[max(i - FEW, 0) : i])
        if (
            abs(near) > least
            and step[i - 1] * near > 0
            and abs(step[i - 1]) >= np.abs(step[max(i - 4, 0) : i + 3]).max()
        ):
            jumps[i - 1] = True
    return np.split(np.arange(len(clock)), np.flatnonzero(jumps) + 1)


def _pace(at_s: np.ndarray, clock: np.ndarray) -> float:
    """A steady drift from word to word, which pauses do not change; 0 if there is none for sure."""
    apart = np.diff(at_s)
    slopes = np.diff(clock)[apart > 0.02] / apart[apart > 0.02]
    if len(slopes) < 3:
        return 0.0
    pace = float(np.median(slopes))
    error = 1.2533 * 1.4826 * np.median(np.abs(slopes - pace)) / np.sqrt(len(slopes))
    return pace if abs(pace) > SURE * error else 0.0


def _followed(row: dict, stop_s: float, at_s: np.ndarray, clock: np.ndarray) -> tuple[list[dict], float]:
    """The sound row from its stimulus_onset to ``stop_s`` in pieces with one clock each, and the drift if there are several."""
    drift_s = _drift(at_s, clock)
    steps, level = np.zeros(len(clock), int), clock
    if drift_s:
        level = median_filter(clock, size=min(MANY, len(clock)), mode="nearest")
        steps = _steps(level)
    firsts = np.flatnonzero(np.diff(steps, prepend=-1))
    begin = np.r_[row["stimulus_onset"], at_s[firsts[1:]]]
    shift = np.array([np.median(level[steps == step]) for step in range(steps[-1] + 1)])
    onset, stop = begin + shift, np.r_[begin[1:], stop_s] + shift
    stop[:-1] = np.minimum(stop[:-1], onset[1:])
    pieces = [
        row | {"onset": a, "duration": b - a, "stimulus_onset": c} for a, b, c in zip(onset, stop, begin, strict=True)
    ]
    return pieces, drift_s if len(pieces) > 1 else 0.0


def _drift(at_s: np.ndarray, clock: np.ndarray) -> float:
    """The drift from the first word to the last, s; 0 if it is small or not sure."""
    slope, error = _slope([(at_s, clock)])
    drift_s = slope * (at_s[-1] - at_s[0])
    return drift_s if abs(drift_s) > DRIFT_S and abs(slope) > SURE * error else 0.0


def _steps(level: np.ndarray) -> np.ndarray:
    """The number of each word's piece: in a piece the clock changes by 40 ms at most."""
    steps, low, high = np.zeros(len(level), int), level[0], level[0]
    for i, value in enumerate(level[1:], 1):
        low, high = min(low, value), max(high, value)
        steps[i] = steps[i - 1]
        if high - low > DRIFT_S:
            steps[i] += 1
            low = high = value
    return steps


def _slope(told: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """How much later words come for each second of the sound (median of slopes), and its standard error; inf for few words."""
    at, away = [], []
    for at_s, away_s in told:
        at.append(at_s - np.median(at_s))
        away.append(away_s - np.median(away_s))
    at_s, away_s = np.concatenate(at), np.concatenate(away)
    if len(at_s) < FEW or np.ptp(at_s) < 0.1:
        return 0.0, np.inf
    order = np.argsort(at_s, kind="stable")
    groups = np.array_split(order, min(len(order), 200))
    x, y = (np.array([np.median(values[group]) for group in groups]) for values in (at_s, away_s))
    one, other = np.triu_indices(len(x), 1)
    apart = np.abs(x[other] - x[one]) > 1e-6
    slope = float(np.median((y[other] - y[one])[apart] / (x[other] - x[one])[apart]))
    rest = away_s - slope * at_s
    spread = 1.4826 * np.median(np.abs(rest - np.median(rest)))  # of a normal distribution
    return slope, float(spread / (np.std(at_s) * np.sqrt(len(at_s))))


def _check_rate(told: list[_Told], where: str) -> None:
    slope, error = _slope([(one.at_s, one.away_s) for one in told]) if told else (0.0, np.inf)
    if abs(slope) <= max(RATE, SURE * error):
        return
    longest = max(told, key=lambda one: np.ptp(one.at_s))
    length_s = float(np.ptp(longest.at_s))
    raise UserError(
        f"{where}, from line {longest.line}: by their onset, words drift from their sound by {slope * length_s:+.2f} s in "
        f"{length_s:.1f} s of stimulus_onset ({100 * slope:+.2f} %{rates(1 + slope)}; up to {100 * RATE:g} % is followed). Was the "
        "sound played at another rate? Then put the file as it was heard into the stimuli, with times to match. If onset or "
        "stimulus_onset of the words is wrong, correct it, or make stimulus_onset n/a in the words."
    )


def _check_near(one: _Told, sound: pd.Series, kind: str, where: str) -> None:
    away_s = float(np.median(one.away_s[:FEW]))  # later ones may have drifted
    if abs(away_s) > APART_S:
        raise UserError(
            f"{where}, line {one.line}: by stimulus_onset, the {kind}s of '{sound.stimulus}' lie {away_s:+.3f} s from where the "
            f"sound's row (line {sound.line}, from {sound.stimulus_onset:.3f} s of the file) puts them. Check stimulus_onset of "
            "both: seconds in the file."
        )


def _inside(pieces: list[dict], duration_s: float) -> list[dict]:
    """Pieces that were moved, cut at the ends of the recording."""
    if len(pieces) == 1:
        return pieces
    kept = []
    for piece in pieces:
        start, stop = max(piece["onset"], 0.0), min(piece["onset"] + piece["duration"], duration_s)
        if stop > start:
            later = start - piece["onset"]
            kept.append(
                piece | {"onset": start, "duration": stop - start, "stimulus_onset": piece["stimulus_onset"] + later}
            )
    return kept


def _tell_drifts(drifts: list[float], n: int, where: str) -> None:
    if drifts:
        tell(
            "corrected",
            f"{where} ({len(drifts)} of {n} sounds, up to {max(drifts, key=abs):+.3f} s)",
            "words, by onset and stimulus_onset, drift or jump against their sounds. Windows follow the words: the sounds are cut "
            "into pieces with one clock each.",
        )
