"""What is heard around a row, as far as the response reaches: presentations after other sounds are no repeats."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from n2s.data.runs import Run


def surroundings(runs: Sequence[Run], rows: pd.DataFrame, reach_s: tuple[float, float]) -> np.ndarray:
    """(n,) A number for what is heard within reach of each row, on the clock of its own sound; equal where all is the same.

    To half a row over all presentations: they lie differently on the clock of the rows.

    Parameters
    ----------
    runs
        Of a subject.
    rows
        Of all these runs, with ``sound``, ``time_s``, ``clock_s``.
    reach_s
        See `n2s.data.response_model.ResponseModel.reach_s`.
    """
    sound = rows["sound"].cat.codes.to_numpy()
    began_s = (rows.time_s - rows.clock_s).to_numpy()  # when the own sound's clock was 0
    named = dict(zip(rows.stimulus, sound.tolist(), strict=True))  # stimuli of one sound are one
    stimuli = {
        name: named.get(name, -1 - at)
        for at, name in enumerate(dict.fromkeys(n for run in runs for n in run.played.stimulus))
    }
    near, which, apart_s = [], [], []
    for run in runs:
        for play in run.played.itertuples():
            ends_s = np.array([play.onset - reach_s[1], play.onset + play.duration + reach_s[0]])
            first, stop = np.ceil(ends_s / run.step_s - 0.5).astype(int).clip(0, run.n_rows)
            own = np.arange(run.first + first, run.first + stop)
            own = own[np.isfinite(began_s[own])]
            near.append(own)
            which.append(sound[own].astype(np.int64) * 2**31 + stimuli[play.stimulus])
            apart_s.append(play.onset - play.stimulus_onset - began_s[own])
    near, which, apart_s = (np.concatenate(one) for one in (near, which, apart_s))
    pair = _to_half_a_row(which, apart_s, runs[0].step_s / 2 + 1e-6)
    names = np.random.default_rng(0).integers(2**63, size=pair.max(initial=-1) + 1, dtype=np.uint64)
    found = np.zeros(len(rows), np.uint64)
    np.add.at(found, near, names[pair])
    return found


def _to_half_a_row(which: np.ndarray, apart_s: np.ndarray, half_s: float) -> np.ndarray:
    """(n,) A number for each pair of sounds: that of others of its kind, ``which``, that lie at most half a row further apart."""
    order = np.lexsort((apart_s.round(6), which))
    which, apart_s = which[order], apart_s[order].round(6)
    begins, first = np.zeros(len(order), bool), 0
    changes = (np.diff(which, prepend=-1) != 0) | (np.diff(apart_s, prepend=np.inf) != 0)
    for at in np.flatnonzero(changes):
        if not at or which[at] != which[first] or apart_s[at] - apart_s[first] > half_s:
            begins[at], first = True, at
    found = np.empty(len(order), int)
    found[order] = np.cumsum(begins) - 1
    return found


def side_by_side(
    tested: np.ndarray, alike: np.ndarray, stimulus: np.ndarray, around: np.ndarray
) -> tuple[dict[str, np.ndarray], int]:
    """Stimulus -> (r, m) rows of its r > 1 presentations, at the m moments that most share; and how many moments are left out.

    These are the moments at which the brain still responds to what was heard before, if that was not the same in all presentations.

    Parameters
    ----------
    tested
        Held-out rows.
    alike, stimulus, around
        (n,) Of all rows: the first row at the same moment of the same sound, the stimulus, and `surroundings`.
    """
    order = tested[np.argsort(alike[tested], kind="stable")]
    names, count = np.unique(alike[order], return_counts=True)
    first = np.cumsum(count) - count
    stimulus, found, n_other = stimulus[names], {}, 0
    for name in dict.fromkeys(stimulus):
        own = stimulus == name
        r = int(count[own].max())
        if r > 1:
            rows = order[first[own & (count == r)] + np.arange(r)[:, None]]
            same = (around[rows] == around[rows[0]]).all(0)
            n_other += int((~same).sum())
            if same.any():
                found[name] = rows[:, same]
    return found, n_other
