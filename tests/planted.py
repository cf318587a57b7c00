"""A test's result with a planted signal: scores computed from random vectors, one per segment and one per window."""

import json
from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import soundfile
from lightning.pytorch.loggers import CSVLogger
from run_folders import new_run

from n2s.metrics.result import record
from n2s.systems.contrastive.result import RetrievalResult
from n2s.training.results import saved

DURATION_S = 3.0


def planted_result(
    *,
    n_subjects: int = 4,
    n_per_story: int = 20,
    stories: tuple[str, ...] = ("kites", "harbour"),
    noise: float = 1.3,
    model_noise: float = 1.0,
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
    about_s = heard_s[target] + 60.0 * rng.standard_normal(len(target))
    return RetrievalResult(
        similarity=_log_likelihood(seen, speech),
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


def with_attention(result: RetrievalResult, n_permutations: int = 50) -> RetrievalResult:
    """The result with 40 virtual channels that look at places of the helmet, and fewer permutations."""
    positions = helmet_positions()
    centres = np.random.default_rng(1).random((40, 2))
    weights = np.exp(-((positions - centres[:, None]) ** 2).sum(-1) / 0.03)
    return replace(
        result,
        n_permutations=n_permutations,
        attention=weights / weights.sum(1, keepdims=True),
        sensor_positions=positions,
        sensors=np.arange(len(positions)).astype(str),
    )


def planted_run(run_dir: Path, **results: RetrievalResult) -> Path:
    """A tested run's folder, as fit and test leave it, with results by the name of their test set."""
    logger = CSVLogger(run_dir, name="", version="")
    for epoch in range(12):
        left = np.exp(-epoch / 4)
        logger.log_metrics({"train/loss": 1 + 3 * left, "epoch": epoch}, 10 * epoch + 9)
        logger.log_metrics(
            {"val/loss": 1.5 + 2.5 * left, "val/top10": 0.8 - 0.6 * left, "epoch": epoch}, 10 * epoch + 9
        )
    logger.save()
    RetrievalResult.settle(results)
    for name, result in results.items():
        result.save(saved(run_dir, "test", name))
    records = {name: record(result) for name, result in results.items()}
    (run_dir / "metrics.json").write_text(json.dumps(records))
    new_run(run_dir, "seed_everything: 0\nmodel:\n  note: <b>5 > 3 & 2</b>\n").update(
        results={"test": dict.fromkeys(results, "n2s.systems.contrastive.result:RetrievalResult")},
        versions={"n2s": "0.1.0", "torch": "2.11.0"},
        git={"commit": "0123abc", "dirty": False},
        data={f"sub-s{i}": f"9f8e{i}" for i in range(20)},
    )
    return run_dir


def helmet_positions() -> np.ndarray:
    """(306, 2) The Vectorview helmet's flat map, in [0, 1]."""
    boxes = mne.channels.read_layout("Vectorview-all").pos
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return (centres - centres.min(0)) / np.ptp(centres, axis=0)


def write_tones(folder: Path, stories: tuple[str, ...], duration_s: float = 60.0) -> dict[str, Path]:
    """One wav file a story: a tone whose pitch rises by 10 Hz every second, at 22.05 kHz."""
    folder.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(duration_s * 22_050)) / 22_050
    paths = {}
    for i, story in enumerate(stories):
        paths[story] = folder / f"{story}.wav"
        pitch_hz = 200 + 100 * i + 10 * np.floor(time_s)
        soundfile.write(paths[story], 0.5 * np.sin(2 * np.pi * pitch_hz * time_s), 22_050)
    return paths
