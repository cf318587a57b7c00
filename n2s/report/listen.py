"""Retrieved segments to listen to: some windows, what was heard in them, and the model's choices."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.metrics.result import Listening, Sound

RATE_HZ = 16_000  # sufficient for speech, and the report stays small
_PICKS = {"best": 0.0, "better quarter": 0.25, "median": 0.5, "worse quarter": 0.75, "worst": 1.0}


@dataclass(frozen=True)
class Segment:
    """A candidate to see and hear.

    ``audio`` is (n,) at 16 kHz, or None if the study has none or its file is missing; ``z`` is its score, z-scored
    over all candidates of the window; ``true``: whether it is what was heard.
    """

    place: str
    text: str
    audio: np.ndarray | None
    z: float
    true: bool


@dataclass(frozen=True)
class Retrieved:
    """One window: its place among all by rank, what was heard, and the model's first choices."""

    pick: str
    subject: str
    rank: int
    n_candidates: int
    heard: Segment
    first: list[Segment]

    def segments(self) -> list[tuple[str, Segment]]:
        """What was heard, then the choices, each with its name."""
        return [("heard", self.heard), *((f"choice {i + 1}", one) for i, one in enumerate(self.first))]


def retrieved_segments(
    scores: np.ndarray,
    target: np.ndarray,
    *,
    ranks: np.ndarray,
    subject: np.ndarray,
    candidates: pd.DataFrame,
    allowed: np.ndarray | None = None,
    n_first: int = 3,
) -> list[Retrieved]:
    """Choose windows at fixed quantiles of rank, from best to worst, so that none is hand-picked.

    Parameters
    ----------
    scores
        (n, k) Scores of the model.
    target, ranks, subject
        (n,) Index of the true candidate, its rank, and its subject. Windows of equal rank are ordered by the margin of
        the true candidate over the best other.
    candidates
        k rows: ``start_s``, ``duration_s``, ``story``, ``text`` and ``audio`` (path).
    allowed
        (n, k) The candidates that each window is ranked among; by default all.
    n_first
        Number of the model's first candidates to return.
    """
    scores = scores.astype(np.float64) if allowed is None else np.where(allowed, scores, np.nan)
    spread = np.nanstd(scores, 1, keepdims=True)
    z = np.nan_to_num((scores - np.nanmean(scores, 1, keepdims=True)) / np.where(spread > 0, spread, 1))
    n_among = np.full(len(z), z.shape[1]) if allowed is None else allowed.sum(1)
    rows = np.arange(len(z))
    if allowed is not None:
        z[~allowed] = -np.inf
    others = z.copy()
    others[rows, target] = -np.inf
    order = np.lexsort((others.max(1) - z[rows, target], ranks))
    chosen = {pick: int(order[round(share * (len(order) - 1))]) for pick, share in _PICKS.items()}
    clips: dict[int, np.ndarray | None] = {}

    def segment(row: int, candidate: int) -> Segment:
        described = candidates.iloc[candidate]
        if candidate not in clips:
            clips[candidate] = read_clip(described.audio, float(described.start_s), float(described.duration_s))
        start_s = max(float(described.start_s), 0.0)  # -1e-17 s would be shown as -0.0
        return Segment(
            place=f"{described.story}, {start_s:.1f} to {start_s + described.duration_s:.1f} s",
            text=str(described.text),
            audio=clips[candidate],
            z=float(z[row, candidate]),
            true=candidate == int(target[row]),
        )

    return [
        Retrieved(
            pick=pick,
            subject=str(subject[row]),
            rank=int(ranks[row]),
            n_candidates=int(n_among[row]),
            heard=segment(row, int(target[row])),
            first=[segment(row, int(c)) for c in np.argsort(-z[row], kind="stable")[: min(n_first, n_among[row])]],
        )
        for pick, row in chosen.items()
    ]


def retrieved_listening(windows: Sequence[Retrieved], *, text: str = "words") -> Listening:
    """Retrieved windows as sounds to listen to; ``text`` is the heading of the segments' texts."""
    groups = {
        f"{window.pick[0].upper()}{window.pick[1:]}: rank {window.rank + 1} of {window.n_candidates}, "
        f"subject {window.subject}": [
            Sound(label, one.audio, RATE_HZ, text=one.text, place=one.place, value=f"{one.z:.1f}", true=one.true)
            for label, one in window.segments()
        ]
        for window in windows
    }
    note = (
        "Windows at fixed places in the order of all, from the best rank to the worst. Similarity is the model's score, "
        "z-scored over all candidates of the window. Bold: the segment that was heard."
    )
    return Listening("Segments to listen to", note, groups, (text, "where", "similarity"))


def read_clip(path: str, start_s: float, duration_s: float) -> np.ndarray | None:
    """Mono audio (n,) at 16 kHz from a stretch of a file; None if there is no such file."""
    if not path or not Path(path).is_file():
        return None
    with soundfile.SoundFile(path) as file:
        file.seek(min(round(start_s * file.samplerate), file.frames))
        samples = file.read(round(duration_s * file.samplerate), dtype="float32", always_2d=True).mean(1)
        rate = file.samplerate
    common = gcd(rate, RATE_HZ)
    return np.clip(resample_poly(samples, RATE_HZ // common, rate // common), -1, 1).astype(np.float32)


def player(audio: np.ndarray | None, rate: int = RATE_HZ) -> str:
    """HTML of an audio player with the sound in it (Ogg Vorbis, a tenth of a WAV)."""
    if audio is None or not len(audio):
        return "<em>no audio</em>"
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", rate, 1, format="OGG", subtype="VORBIS") as file:
        for second in range(0, len(audio), rate):  # libsndfile overflows its stack on long pieces
            file.write(audio[second : second + rate])
    sound = base64.b64encode(memory.getvalue()).decode("ascii")
    return f'<audio controls preload="metadata" src="data:audio/ogg;base64,{sound}"></audio>'
