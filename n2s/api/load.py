"""`n2s.load`: a trained run, ready to decode."""

from pathlib import Path

from n2s.api.find import found
from n2s.api.trained_run import TrainedRun


def load(what: str | Path, *, revision: str | None = None) -> TrainedRun:
    """A trained run, ready to decode.

    Parameters
    ----------
    what
        A run's folder, an experiment's folder or name (its newest run with weights), a checkpoint in a run's folder, a folder that ``n2s export``
        made, or the id of one on the Hugging Face Hub (``lab/decoder``). ``demo/meg_contrastive`` and its like come with n2s.
    revision
        Branch, tag or commit on the Hub.

    Raises
    ------
    UserError
        There is no such run, or it has no weights.

    Examples
    --------
    >>> run = load("demo/meg_contrastive")
    >>> run.subjects
    ['simulated/01', 'simulated/02', 'simulated/03']
    """
    return TrainedRun(found(what, revision=revision))
