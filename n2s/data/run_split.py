"""Hold out whole runs: for experiments that repeat the same items in every run, as those on production do."""

import re
from collections.abc import Mapping

import pandas as pd

from n2s.data.splits import Split, check_fractions, uniform
from n2s.errors import UserError, first_of, nearest
from n2s.options import check_number
from n2s.studies.labels import named

#: What `rows` gives of a recording: one stretch that holds all of its events.
_WHOLE = ("story", "language", "sequence", "text", "attended")


class SplitByRun(Split):
    """Whole runs (of a session and task), the same for every subject. Use it where each run has the same items in another order.

    Sounds and sentences that are in several runs are then in training and in test. That is how such experiments are, but a decoder
    may know a sound again: where stories are heard, use `SplitByStory`.

    Parameters
    ----------
    val, test
        Runs to hold out: ``4`` (of every session and task), or the whole name without the subject, as ``ses-1_task-speak_run-4``.
        A run named here is never drawn for another split.
    val_fraction, test_fraction
        If ``val`` or ``test`` is not given: the share of runs drawn for it, one or more, in the order of a hash of the runs' names.
    seed
        Seed for that draw.

    Examples
    --------
    >>> from n2s.data import SplitByRun
    >>> split = SplitByRun(test=["4"], val=["3"])
    >>> [split.of(f"task-speak_run-{run}") for run in range(1, 5)]
    ['train', 'train', 'val', 'test']
    """

    keeps_sounds = False

    def __init__(
        self,
        *,
        val: list[str | int] | None = None,
        test: list[str | int] | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        seed: int = 0,
    ):
        self.named = {"val": named(val, "data.split.val"), "test": named(test, "data.split.test")}
        both = sorted(set(self.named["val"] or []) & set(self.named["test"] or []))
        if both:
            raise UserError(f"split: the runs {both} are named both in val and in test. Name each once.")
        check_fractions(val_fraction, test_fraction)
        check_number("split: seed", seed, low=0, whole=True)
        self.fractions, self.seed = {"val": val_fraction, "test": test_fraction}, seed
        self._drawn: dict[str, str] = {}

    @property
    def validates(self) -> bool:
        """See `Split`."""
        return self.fractions["val"] > 0 if self.named["val"] is None else len(self.named["val"]) > 0

    def rows(self, events: pd.DataFrame) -> pd.DataFrame:
        """One stretch, from the first event to the end of the last; it stands for the whole recording."""
        first, last = events.onset.min(), (events.onset + events.duration).max()
        whole = {"onset": first, "duration": max(last - first, 1e-3), "stimulus": "run", "stimulus_onset": first}
        return pd.DataFrame([whole | dict.fromkeys(_WHOLE, "")])

    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """One unit a run.

        Raises
        ------
        UserError
            ``val`` or ``test`` names a run that is not there.
        """
        run = rows.recording.map(run_name)
        known = sorted(set(run))
        for split, runs in self.named.items():
            for one in runs or []:
                if not any(_is(one, name) for name in known):
                    raise UserError(
                        f"data.split.{split} names the run '{one}', which no recording is; there are {first_of(known, 8)}."
                        f"{nearest(one, known)}"
                    )
        free = [name for name in known if not self.names(name)]
        order, self._drawn = sorted(free, key=lambda name: uniform(name, self.seed)), {}
        for split in ("test", "val"):
            if self.named[split] is None and self.fractions[split] > 0:
                n = max(1, round(self.fractions[split] * len(known)))
                self._drawn |= dict.fromkeys(order[:n], split)
                order = order[n:]
        return rows.assign(unit=run, drawn=run)

    def names(self, drawn: str) -> bool:
        """See `Split`."""
        return any(_is(one, drawn) for runs in self.named.values() for one in runs or [])

    def of(self, drawn: str) -> str:
        """See `Split`."""
        for split, runs in self.named.items():
            if any(_is(one, drawn) for one in runs or []):
                return split
        return self._drawn.get(drawn, "train")


def run_name(recording: str) -> str:
    """``ses-1_task-speak_run-4`` of ``study/sub-03_ses-1_task-speak_run-4``: what the same run of another subject is called, too."""
    return re.sub(r"^sub-[^_]*_?", "", recording.rpartition("/")[2]) or "run"


def _is(asked: str, name: str) -> bool:
    label = asked.removeprefix("run-")
    found = re.search(r"run-([^_]+)", name)
    same = found is not None and (found[1] == label or found[1].lstrip("0") == label.lstrip("0") != "")
    return asked == name or same
