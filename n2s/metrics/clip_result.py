"""What a test of an fMRI decoder leaves behind, and every score made from it, beside its controls."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.metrics.clip_scores import summarize_clips, with_controls
from n2s.metrics.feature_correlation import feature_correlations, summarize_correlations
from n2s.metrics.identification import N_WAYS, correlations, identification_ranks, summarize_identification
from n2s.metrics.retrieval import ranks
from n2s.metrics.semantic import ahead, fold_groups, semantic_hits
from n2s.metrics.spectrogram import mel_pcc, mel_psnr
from n2s.paths import written_whole

N_EXCHANGES = 20
LARGE = 10_000  # numbers a clip, above which arrays are kept as float16


@dataclass
class ClipResult:
    """Decoded clips of one test set.

    Attributes
    ----------
    predicted
        (n, d) Decoded feature, z-scored by the training clips' mean and deviation: 0 is the mean of the training clips.
    candidates
        (k, d) True feature of each unique test clip, on the same scale.
    target
        (n,) Index of the true candidate.
    subject
        (n,) ``study/id``.
    clips
        k rows: ``stimulus``, ``start_s``, ``duration_s``, ``group``, ``label``, ``audio`` (path).
    ideal
        (n, k) Scores of the ideal observer, where the generator of the data is known.
    fine_only
        (n, d) Decoded feature of the ablation that knows no coarse one, scaled alike.
    prompts, prompt_names
        (m, d) The same feature of prompts, scaled alike, and (m,) what they are.
    mel_predicted, mel_candidates, mel_mean, mel_ceiling
        (n, f, t), (k, f, t), (f, t) of the training clips, (n, f, t) the true feature through the decoder's last steps:
        spectrograms on the scale of `n2s.metrics.spectrogram.unit_decibels`. None without a spectrogram.
    """

    predicted: np.ndarray
    candidates: np.ndarray
    target: np.ndarray
    subject: np.ndarray
    clips: pd.DataFrame
    ideal: np.ndarray | None = None
    fine_only: np.ndarray | None = None
    prompts: np.ndarray | None = None
    prompt_names: np.ndarray | None = None
    mel_predicted: np.ndarray | None = None
    mel_candidates: np.ndarray | None = None
    mel_mean: np.ndarray | None = None
    mel_ceiling: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, k = len(self.target), len(self.clips)
        for name, rows in (("predicted", n), ("subject", n), ("candidates", k), ("ideal", n), ("fine_only", n), ("mel_predicted", n),
                           ("mel_candidates", k), ("mel_ceiling", n)):  # fmt: skip
            value = getattr(self, name)
            if value is not None and len(value) != rows:
                raise ValueError(f"{name} has {len(value)} rows; {n} decoded clips of {k} need {rows}.")

    @property
    def exchange(self) -> np.ndarray:
        """(n,) What responses are exchanged between: groups, or clips where one group has more than half of them."""
        group = self.clips.group.to_numpy()[self.target].astype(str)
        shares = [
            np.unique(group[self.subject == name], return_counts=True)[1].max() for name in np.unique(self.subject)
        ]
        own = [int((self.subject == name).sum()) for name in np.unique(self.subject)]
        small = all(2 * share <= n for share, n in zip(shares, own, strict=True))
        return group if small else self.target.astype(str)

    def save(self, path: Path) -> None:
        """As ``<path>.npz`` and ``<path>.clips.parquet``."""
        arrays = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "clips" and value is not None:
                large = value.dtype == np.float32 and value[:1].size > LARGE
                arrays[field.name] = value.astype(np.float16) if large else value
        with written_whole(path.with_name(path.name + ".npz")) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        with written_whole(path.with_name(path.name + ".clips.parquet")) as temporary:
            self.clips.to_parquet(temporary)

    @classmethod
    def load(cls, path: Path) -> "ClipResult":
        """What `save` wrote; a UserError where it is not there."""
        files = [path.with_name(path.name + end) for end in (".npz", ".clips.parquet")]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise UserError(f"{path.parent}: no {', '.join(missing)}. Run `n2s test` on this run again.")
        with reading(path, "a test's result", "Run `n2s test` again."):
            with np.load(files[0], allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files}
            return cls(clips=pd.read_parquet(files[1]), **values)


class ClipScores:
    """Scores of a `ClipResult`, each computed once: `summary` for the record, the rest for figures.

    Parameters
    ----------
    result
        Of the test.
    seed
        Of the exchanged responses and of folds.
    """

    def __init__(self, result: ClipResult, *, seed: int = 0):
        self.result, self.seed = result, seed

    @cached_property
    def ranks(self) -> dict[str, np.ndarray]:
        """Of identification: ``model``, ``shuffled``, ``mean_prediction``, ``ceiling`` (the true feature); some have more.

        ``fine_only``, where the ablation was tested beside it, and ``ideal_observer``, where there is one.
        """
        result = self.result
        found = identification_ranks(
            result.predicted,
            result.candidates,
            result.target,
            result.subject,
            train_mean=np.zeros(result.predicted.shape[1]),
            ceiling=result.candidates[result.target],
            seed=self.seed,
        )
        if result.fine_only is not None:
            found["fine_only"] = ranks(correlations(result.fine_only, result.candidates), result.target)
        return found if result.ideal is None else found | {"ideal_observer": ranks(result.ideal, result.target)}

    @cached_property
    def correlations(self) -> dict[str, dict[str, np.ndarray]]:
        """Of each dimension over a subject's clips, by subject: ``model``, ``shuffled``, and where there is one ``fine_only``."""
        result = self.result
        true, options = result.candidates[result.target], {"stimulus": result.exchange, "subject": result.subject}
        found = feature_correlations(result.predicted, true, n_permutations=N_EXCHANGES, seed=self.seed, **options)
        if result.fine_only is not None:
            found["fine_only"] = feature_correlations(result.fine_only, true, n_permutations=0, **options)["model"]
        return found

    @property
    def labels(self) -> np.ndarray:
        """(n,) semantic class of each decoded clip."""
        return self.result.clips.label.to_numpy()[self.result.target].astype(str)

    @cached_property
    def folds(self) -> tuple[np.ndarray, bool]:
        """(n,) groups of clips that semantic classification keeps together; whether they are whole stimuli."""
        rows = self.result.clips.iloc[self.result.target]
        return fold_groups(self.labels, rows.group.to_numpy(), rows.start_s.to_numpy())

    @cached_property
    def semantic(self) -> dict[str, np.ndarray] | str:
        """Hits of the linear classifier; or why there are none."""
        result = self.result
        if len(set(self.labels)) < 2:
            return f"the test clips have no two labels (found: {', '.join(sorted(set(self.labels))) or 'none'})"
        try:
            return semantic_hits(
                result.predicted,
                self.labels,
                stimulus=self.folds[0],
                subject=result.subject,
                ceiling=result.candidates[result.target],
                others={} if result.fine_only is None else {"fine_only": result.fine_only},
                n_permutations=N_EXCHANGES,
                seed=self.seed,
            )
        except UserError as error:
            return str(error)

    @cached_property
    def mel(self) -> dict[str, dict[str, np.ndarray]]:
        """Of each clip's spectrogram: ``mel_pcc`` and ``mel_psnr``; empty without one."""
        result = self.result
        if result.mel_predicted is None:
            return {}
        scores: dict[str, Callable] = {"mel_pcc": mel_pcc, "mel_psnr": lambda p, t: mel_psnr(p, t, data_range=1.0)}
        return {
            name: with_controls(
                score,
                result.mel_predicted.astype(np.float32),
                result.mel_candidates[result.target].astype(np.float32),
                stimulus=result.exchange,
                subject=result.subject,
                train_mean=result.mel_mean.astype(np.float32),
                ceiling=None if result.mel_ceiling is None else result.mel_ceiling.astype(np.float32),
                n_permutations=N_EXCHANGES,
                seed=self.seed,
            )
            for name, score in scores.items()
        }

    def summary(self) -> dict:
        """Every score with its controls, over subjects and for each, as plain JSON types."""
        result, k = self.result, len(self.result.clips)
        names, counts = np.unique(result.subject, return_counts=True)
        ways = sorted({n for n in (*N_WAYS, k) if n <= k})
        found = {
            "n_clips": len(result.target),
            "n_candidates": k,
            "n_subjects": len(names),
            "subjects": {str(name): int(n) for name, n in zip(names, counts, strict=True)},
            "seed": self.seed,
            "ceilings": {
                "ceiling": "the true feature of each clip"
                + ("; of spectrograms, its sound through the same decoder" if result.mel_ceiling is not None else ""),
                "ideal_observer": "the exact likelihood of the simulated data" if result.ideal is not None else None,
            },
            "correlation": summarize_correlations(self.correlations)
            | {"mean_prediction": {"mean": 0.0}, "ceiling": {"mean": 1.0}},
            "identification": {
                str(n): one for n, one in summarize_identification(self.ranks, result.subject, k, n_ways=ways).items()
            },
            "semantic": None,
        }
        if isinstance(self.semantic, str):
            found["semantic_left_out"] = self.semantic
        else:
            found["semantic"] = self._semantic_summary(self.semantic)
        for name, bounds in (("mel_pcc", (-1.0, 1.0)), ("mel_psnr", (0.0, np.inf))):
            if name in self.mel:
                found[name] = summarize_clips(self.mel[name], result.subject, bounds=bounds)
        return found

    def _semantic_summary(self, hits: dict[str, np.ndarray]) -> dict:
        groups, whole = self.folds
        found = summarize_clips(hits, self.result.subject, bounds=(0.0, 1.0))
        found |= {"chance": 1 / len(set(self.labels)), "folds": "stimuli" if whole else "stretches of stimuli"}
        if "fine_only" in hits:
            options = {"stimulus": groups, "subject": self.result.subject, "seed": self.seed}
            found["ahead_of_fine_only"] = ahead(hits["model"], hits["fine_only"], **options)
        return found
