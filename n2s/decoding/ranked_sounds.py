"""Sounds ranked over the time of a recording: the table, the figures, the sounds."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.decoding.decoded import Decoded
from n2s.decoding.figures import best_over_time, evidence_over_starts
from n2s.decoding.placed import Place
from n2s.errors import first_of
from n2s.metrics.result import Listening, Shown, Sound
from n2s.report.listen import RATE_HZ, read_clip

ALPHA = 0.05
N_HEARD = 5  # windows to listen to


@dataclass(eq=False, kw_only=True, repr=False)
class RankedSounds(Decoded):
    """Which stretch of which sound each window was recorded with.

    Attributes
    ----------
    table
        One row a window and rank: ``time_s``, ``rank`` (from 1), ``sound``, ``sound_s`` (where in it), ``z`` (of its score over all candidates of the
        window), ``share`` (of a softmax over all candidates).
    sounds
        One row a sound, the likeliest first: ``sound``, ``start_s`` (when it began, on the recording's clock), ``evidence``, ``p``, ``n_windows``,
        ``next_start_s``, ``next_evidence``: see `n2s.decoding.placed.Place`.
    scores
        (n, k) of windows with candidates.
    time_s
        (n,) When each window starts, s.
    candidates
        k rows: ``sound``, ``path``, ``start_s``.
    window_s
        Length of a window, s.
    """

    sounds: pd.DataFrame
    scores: np.ndarray
    time_s: np.ndarray
    candidates: pd.DataFrame
    window_s: float
    courses: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """See `Decoded`."""
        return {"ranking": self.table, "sounds": self.sounds}

    def headline(self) -> list[str]:
        """What is sure, in words."""
        best = self.sounds.iloc[0]
        among = f"{len(self.time_s)} windows of {self.window_s:g} s, {len(self.candidates)} candidates of {len(self.sounds)} {'sound' if len(self.sounds) == 1 else 'sounds'}"
        if not np.isfinite(best.p):
            return [f"Too few windows to tell which sound was heard ({among})."]
        short = list(self.sounds.sound[~np.isfinite(self.sounds.evidence)])
        more = [f"Too short to be placed, as too few windows speak for one start: {first_of(short)}."] if short else []
        sure = self.sounds[self.sounds.p < ALPHA]
        if not len(sure):
            return [
                f"No sound is found in this recording: the best start of any is no better than chance (p = {best.p:.2g}; {among}).",
                *more,
            ]
        found = [f"{row.sound} began at {row.start_s:.1f} s (p = {row.p:.2g})" for row in sure.itertuples()]
        return [f"Found: {'; '.join(found)} ({among}).", *more]

    def shown(self) -> Shown:
        """See `Decoded`."""
        cells = [
            [row.sound, _text(row.start_s, ".1f"), _text(row.evidence, ".1f"), _text(row.p, ".2g"), str(row.n_windows),
             "-" if not np.isfinite(row.next_evidence) else f"{row.next_evidence:.1f} (at {row.next_start_s:.1f} s)"]
            for row in self.sounds.itertuples()
        ]  # fmt: skip
        first = self.table[self.table["rank"] == 1]
        rows = [
            [f"{one.time_s:.1f}", one.sound, f"{one.sound_s:.1f}", f"{one.z:.1f}", f"{100 * one.share:.1f}"]
            for one in first.head(200).itertuples()
        ]
        return Shown(
            headline=self.headline(),
            notes=[*self.said, NOTE],
            tables={
                "Each sound": (["sound", "began at (s of the recording)", "evidence (z)", "p", "windows", "next best start"], cells),
                "First choice of each window" + (" (the first 200)" if len(first) > 200 else ""): (
                    ["window starts (s)", "sound", "at (s of the sound)", "z", "share (%)"], rows,
                ),
            },
            drawings=[
                evidence_over_starts(self.courses, self.sounds),
                best_over_time(self.scores, self.time_s, self.candidates.sound.to_numpy(), list(self.sounds.sound), self.window_s),
            ],
            listening=self._listening(),
        )  # fmt: skip

    def _listening(self) -> Listening:
        """The first choices of windows, the clearest of them first."""
        first = self.table[self.table["rank"] == 1].nlargest(N_HEARD, "z").sort_values("time_s")
        paths = dict(zip(self.candidates.sound, self.candidates.path, strict=True))
        groups = {}
        for one in first.itertuples():
            own = self.table[(self.table.time_s == one.time_s) & (self.table["rank"] <= 3)]
            groups[f"{one.time_s:.1f} s of the recording"] = [
                Sound(
                    f"choice {row.rank}", read_clip(paths[row.sound], row.sound_s, self.window_s), RATE_HZ, text=row.sound,
                    place=f"{row.sound_s:.1f} to {row.sound_s + self.window_s:.1f} s", value=f"{row.z:.1f}",
                )
                for row in own.itertuples()
            ]  # fmt: skip
        return Listening(
            "What was chosen",
            "The windows with the clearest first choices; nobody says that they are right.",
            groups,
            ("sound", "where", "z"),
        )


def _text(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "-"


NOTE = (
    "Evidence: scores of all windows that a start of the sound explains, as z-scores over candidates, summed and divided by the root of their number. p: "
    "how often the best start of any sound is as good when stretches of the recording change places."
)


def ranked_sounds(
    scores: np.ndarray,
    time_s: np.ndarray,
    candidates: pd.DataFrame,
    places: list[Place],
    courses: list[tuple[np.ndarray, np.ndarray]],
    *,
    recording: str,
    window_s: float,
    said: list[str],
    n_first: int = 10,
) -> RankedSounds:
    """Put scores and places into tables; ``candidates`` k rows with ``sound``, ``path`` and ``start_s``."""
    spread = scores.std(1, keepdims=True)
    z = (scores - scores.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    top = np.argsort(-scores, axis=1, kind="stable")[:, : min(n_first, scores.shape[1])]
    shifted = scores - scores.max(1, keepdims=True)
    share = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    n, m = top.shape
    rows = np.arange(n)[:, None]
    table = pd.DataFrame(
        {
            "time_s": np.repeat(time_s, m),
            "rank": np.tile(np.arange(1, m + 1), n),
            "sound": candidates.sound.to_numpy()[top].ravel(),
            "sound_s": candidates.start_s.to_numpy()[top].ravel(),
            "z": z[rows, top].ravel(),
            "share": share[rows, top].ravel(),
        }
    )
    names = list(dict.fromkeys(candidates.sound))
    found = pd.DataFrame(
        [
            {"sound": name, "start_s": one.start_s, "evidence": one.evidence, "p": np.nan if one.p is None else one.p, "n_windows": one.n_windows,
             "next_start_s": one.next_start_s, "next_evidence": one.next_evidence}
            for name, one in zip(names, places, strict=True)
        ]
    ).sort_values("evidence", ascending=False, ignore_index=True)  # fmt: skip
    return RankedSounds(
        table, recording, said, sounds=found, scores=scores, time_s=time_s, candidates=candidates, window_s=window_s,
        courses=dict(zip(names, courses, strict=True)),
    )  # fmt: skip
