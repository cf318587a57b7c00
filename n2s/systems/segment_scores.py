"""What a retrieval test leaves for a later fusion: the scores of validation and test segments, in the run's folder."""

from pathlib import Path

import numpy as np
import torch

from n2s.data.meg import MEGDataModule
from n2s.data.paired import PairedDataModule
from n2s.errors import UserError
from n2s.findings import tell
from n2s.metrics.result import PLAIN
from n2s.metrics.segment_scores import SegmentScores
from n2s.systems.system import System
from n2s.training.run import Run
from n2s.training.trained_on import other_training, trained_stretches

FOLDER = "scores"  # in a run's folder


def segment_scores(
    data: MEGDataModule | PairedDataModule,
    split: str,
    similarity: torch.Tensor | np.ndarray,
    rows: torch.Tensor | np.ndarray,
) -> SegmentScores:
    """The scores of some rows of a split with all its unique segments.

    Parameters
    ----------
    data
        Pairs need ``data.modalities`` of one alone.
    split
        ``val`` or ``test``.
    similarity
        (n, k) in the order of ``rows`` and of the split's unique segments.
    rows
        (n,) rows of the split's windows, or of its table of pairs.
    """
    at, modality = np.asarray(rows), "meg"
    if isinstance(data, PairedDataModule):
        if len(data.modalities) > 1:
            raise ValueError("Scores of pairs are those of both modalities; a later fusion needs them apart.")
        modality = data.modalities[0]
        at = data.pairs[split][modality].to_numpy()[at]
    windows = data.windows[split]
    sound = windows.of_interval("audio")[windows.first].astype(str)
    candidates = data.candidate_table(split)[["stimulus", "start_s", "duration_s"]]
    return SegmentScores(
        split=split,
        modality=modality,
        similarity=np.asarray(similarity),
        target=windows.segment[at],
        windows=data.window_table(split)[["subject", "recording", "start_s"]].iloc[at],
        candidates=candidates.assign(sound=sound),
        trained=trained_stretches(data),
    )


def leaves(module: System) -> bool:
    """Whether a test leaves scores: it is that of a run, and its training stretches are those of the run's fit, if the run says.

    With others, scores of what the weights were fitted on would pass for held out.
    """
    run = Run(Path(module.trainer.default_root_dir))
    if not run.exists():
        return False
    if other_training(run, module.data):
        text = "it was fitted on other stretches of sound than this test's data have for training, so this test leaves no scores for a late fusion. Test it with its own config.yaml."
        tell("left out", str(run.folder), text)
        return False
    return True


def leave(module: System, scores: SegmentScores) -> None:
    """Keep the scores in the run's folder, ``scores/<split>``; a test outside of a run leaves nothing."""
    folder = Path(module.trainer.default_root_dir)
    if Run(folder).exists():
        scores.save(folder / FOLDER / scores.split)


def left(run: Path, split: str, key: str) -> SegmentScores:
    """What a run has left of a split.

    Raises
    ------
    UserError
        It has left nothing; ``key`` names the run in the message.
    """
    folder, weights = run / FOLDER, Run(run).weights
    if (folder / split).is_dir():
        found = SegmentScores.load(folder / split)
        if weights.is_file() and weights.stat().st_mtime > (folder / split / PLAIN).stat().st_mtime:
            tell(
                "odd",
                key,
                f"{run} has newer weights than scores. Test it again (n2s test), if it was fitted on since its test.",
            )
        return found
    if split == "val" and (folder / "test").is_dir():
        raise UserError(
            f"{key}: {run} was fitted without validation segments, and the weights of a fusion are found on these. Fit it again with a split that "
            "has some (data.split: val_fraction above 0, or an official split with validation)."
        )
    raise UserError(
        f"{key}: {run} has left no scores of its segments. First: n2s test --config {run / 'config.yaml'} --ckpt_path "
        f"{weights}. Tests of n2s.systems.Contrastive leave them, and of n2s.systems.JointContrastive with one of data.modalities."
    )
