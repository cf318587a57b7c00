"""One run of the simulated production study: which trial is when, and what the events tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.studies.simulated.production_material import Utterance

LEAD_S = 2.5  # before the first trial, and after the last
GAP_S, GAP_SPREAD_S = 1.8, 0.8  # silence between two utterances: shortest, and how much longer it may be
REACH_S = 0.7  # no activity starts earlier before an utterance, or lasts longer after it
STEP_S = 0.01  # imagined speech begins so many steps earlier or later than the events say

#: What its events are called in the gesture block, how lips, jaw and tongue work, how far the jaw opens, and how far the head nods.
GESTURES = {
    "smile": (1.0, 0.3, 0.1, 0.1, 0.1),
    "pout": (0.8, 0.1, 0.3, 0.2, 0.1),
    "chew": (0.2, 1.0, 0.4, 0.6, 0.3),
    "open": (0.2, 0.6, 0.2, 1.0, 0.5),
    "tongue": (0.1, 0.3, 1.0, 0.4, 0.1),
    "nod": (0.0, 0.1, 0.1, 0.0, 3.0),
}
GESTURE_S, GESTURE_EVERY_S, N_EACH = 1.2, 2.5, 4


@dataclass(frozen=True)
class Trial:
    """One utterance in a run. ``onset`` is the sample that the events tell, ``true`` that of the brain."""

    condition: str
    text: str
    rendition: int
    onset: int
    true: int


def jitter_steps(jitter_s: float, sfreq: float) -> np.ndarray:
    """By how many samples imagined speech may begin later than the events say; all equally likely."""
    step = max(1, round(STEP_S * sfreq))
    most = int(jitter_s * sfreq / step + 1e-9)
    return np.arange(-most, most + 1) * step


def draw_trials(
    texts: tuple[str, ...],
    conditions: tuple[str, ...],
    durations_s: Mapping[tuple[str, str, int], float],
    *,
    n_trials: int,
    n_renditions: int,
    jitter_s: float,
    sfreq: float,
    rng: np.random.Generator,
) -> tuple[list[Trial], int]:
    """The trials in order of time, and the length of the run in samples.

    Each condition has ``n_trials``, of all texts as often as can be; all are shuffled together.

    Parameters
    ----------
    texts, conditions
        Of the run.
    durations_s
        (condition, text, rendition) -> how long it takes, s.
    n_trials, n_renditions
        Of each condition; of each text.
    jitter_s
        Of imagined speech.
    sfreq
        Rate of samples, Hz.
    rng
        Draws orders, renditions, gaps and jitter.
    """
    planned = []
    for condition in conditions:
        rounds = [rng.permutation(len(texts)) for _ in range(-(-n_trials // len(texts)))]
        planned += [(condition, texts[one]) for one in np.concatenate(rounds)[:n_trials]]
    steps, at_s, trials = jitter_steps(jitter_s, sfreq), LEAD_S, []
    for one in rng.permutation(len(planned)):
        condition, text = planned[one]
        rendition = int(rng.integers(n_renditions))
        onset = round(at_s * sfreq)
        moved = int(rng.choice(steps)) if condition == "imagined" else 0
        trials.append(Trial(condition, text, rendition, onset, onset + moved))
        at_s = onset / sfreq + durations_s[condition, text, rendition] + GAP_S + rng.uniform(0, GAP_SPREAD_S)
    return trials, round((at_s - GAP_S + LEAD_S) * sfreq)


def trial_rows(
    trial: Trial, utterance: Utterance, *, sfreq: float, story: str, stimulus: str, speaker: str
) -> list[dict]:
    """The sentence, the words and the phones of a trial, where the events put them. What is not heard has no stimulus."""
    start_s = trial.onset / sfreq
    whole = pd.DataFrame({"text": [utterance.text], "onset": [0.0], "duration": [utterance.duration_s]})
    rows = []
    for kind, table in (("sentence", whole), ("word", utterance.words), ("phone", utterance.phones)):
        for text, onset, duration in zip(table.text, table.onset, table.duration, strict=True):
            rows.append(
                {"kind": kind, "text": text, "onset": start_s + onset, "duration": duration, "story": story, "stimulus": stimulus}
                | {"stimulus_onset": start_s + onset if stimulus else 0.0, "sequence": utterance.sequence, "language": "en"}
                | {"condition": trial.condition, "speaker": speaker}
            )  # fmt: skip
    return rows


def gesture_order(rng: np.random.Generator) -> list[str]:
    """The gestures of a block, shuffled."""
    names = list(GESTURES) * N_EACH
    return [names[one] for one in rng.permutation(len(names))]


def gesture_rows(order: list[str]) -> list[dict]:
    """Events of a gesture block: rows of kind ``sentence`` in condition ``rest``, without words."""
    return [
        {"kind": "sentence", "text": name, "onset": LEAD_S + i * GESTURE_EVERY_S, "duration": GESTURE_S, "story": "gestures"}
        | {"stimulus": "", "stimulus_onset": 0.0, "condition": "rest"}
        for i, name in enumerate(order)
    ]  # fmt: skip
