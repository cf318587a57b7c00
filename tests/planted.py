"""A test's result with a planted signal: scores computed from random vectors, one per segment and one per window."""

from pathlib import Path

import numpy as np
import pandas as pd

from n2s.metrics import RetrievalResult

DURATION_S = 3.0


def planted_result(
    *,
    n_subjects: int = 4,
    n_per_story: int = 20,
    stories: tuple[str, ...] = ("kites", "harbour"),
    noise: float = 2.5,
    model_noise: float = 1.5,
    with_ideal: bool = True,
    audio: dict[str, Path] | None = None,
    seed: int = 0,
) -> RetrievalResult:
    """Each candidate is a random vector; a brain window is the true one plus noise; the score is their product.

    The ideal observer sees ``noise`` of one, the model ``model_noise`` more. No-brain sees how far into the recording
    a window is, within a minute, and how long segments are.
    """
    rng = np.random.default_rng(seed)
    candidates = pd.DataFrame(
        [
            {
                "stimulus": f"{story}.wav",
                "start_s": DURATION_S * i,
                "duration_s": DURATION_S,
                "story": story,
                "text": f"words of {story} <{i}> & more",
                "audio": str((audio or {}).get(story, "")),
            }
            for story in stories
            for i in range(n_per_story)
        ]
    )
    k, f = len(candidates), 16
    speech = rng.standard_normal((k, f))
    target = np.tile(np.arange(k), n_subjects)
    subject = np.repeat([f"planted/s{i}" for i in range(n_subjects)], k)
    gain = np.repeat(rng.uniform(0.7, 1.3, n_subjects), k)[:, None]
    brain = gain * speech[target] + noise * rng.standard_normal((len(target), f))
    seen = brain + model_noise * rng.standard_normal(brain.shape)

    heard_s = candidates.start_s.to_numpy()
    about_s = heard_s[target] + 30.0 * rng.standard_normal(len(target))
    return RetrievalResult(
        scores=_log_likelihood(seen, speech),
        target=target,
        subject=subject,
        windows=pd.DataFrame(
            {
                "recording": [f"sub-{s.split('/')[1]}" for s in subject],
                "study": "planted",
                "start_s": heard_s[target] + 5.0,
                "stimulus": candidates.stimulus.to_numpy()[target],
                "stimulus_start_s": heard_s[target],
                "sequence": "",
            }
        ),
        candidates=candidates,
        no_brain=-np.abs(about_s[:, None] - heard_s),
        ideal=_log_likelihood(brain, speech) if with_ideal else None,
    )


def _log_likelihood(brain: np.ndarray, speech: np.ndarray) -> np.ndarray:
    return brain @ speech.T - 0.5 * (speech**2).sum(1)
