"""A trained run in Python: its model, scores and page, and a decoder of new recordings."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from n2s.api.bundle import Bundle
from n2s.api.export import export
from n2s.api.find import found
from n2s.api.hub import push
from n2s.api.tidy import tidy_scores
from n2s.decoding.decoded import Decoded
from n2s.decoding.decoder import Decoder, Predicted
from n2s.errors import UserError
from n2s.systems.system import System
from n2s.training.results import write_reports

if TYPE_CHECKING:
    import mne


class TrainedRun:
    """A run that has weights; `n2s.load` finds it.

    Attributes
    ----------
    folder
        Where it is.
    config
        Its complete config, in plain types.
    record
        What ``run.json`` says: versions, seed, commit, times.
    metrics
        What ``metrics.json`` says after a test; {} before it.

    Examples
    --------
    >>> run = n2s.load("checkpoints/meg_contrastive")                     # doctest: +SKIP
    >>> run.decode("x.fif", candidates=["a.wav", "b.wav"]).sounds          # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle):
        self._bundle = bundle
        self.folder, self.config, self.record, self.metrics = (
            bundle.folder,
            bundle.config,
            bundle.record,
            bundle.metrics,
        )

    @classmethod
    def from_pretrained(cls, what: str | Path, *, revision: str | None = None) -> Self:
        """The same as `n2s.load`: a folder that ``n2s export`` made, or its id on the Hugging Face Hub."""
        return cls(found(what, revision=revision))

    @property
    def name(self) -> str:
        """``experiment/run``."""
        return f"{self.record.get('experiment', self.folder.parent.name)}/{self.record.get('run', self.folder.name)}"

    @cached_property
    def model(self) -> System:
        """The system with its weights, in evaluation mode, on the CPU."""
        return self._bundle.system()

    @property
    def subjects(self) -> list[str]:
        """``study/subject`` of everybody in training, in the order of their numbers in the network."""
        return list(self._bundle.front.plain["subjects"])

    @property
    def scores(self) -> pd.DataFrame:
        """The scores of its test, one row each: ``test_set``, ``score``, ``row``, ``role``, ``subject``, ``mean``, ``low``, ``high``, ``interval``.

        Raises
        ------
        UserError
            It is not tested.
        """
        if not self.metrics and self._bundle.exported:
            raise UserError(
                f"{self.folder} has no metrics.json: the run was exported before its test. Test it, and export it again."
            )
        if not self.metrics:
            raise UserError(
                f"{self.folder} is not tested yet: n2s.test(run), or n2s test --config {self.folder / 'config.yaml'}."
            )
        return tidy_scores(self.metrics)

    @cached_property
    def decoder(self) -> Decoder:
        """What decodes new recordings; a UserError where its system does not."""
        return self.model.decoder(self._bundle.trained())

    def decode(
        self,
        recording: "Path | str | mne.io.BaseRaw",
        candidates: Sequence[Path | str] = (),
        *,
        subject: str | None = None,
        **options: Any,
    ) -> Decoded:
        """What was heard, said or imagined in a recording that is in no study: see `n2s.decoding.decoder.Decoder.decode`.

        Parameters
        ----------
        recording
            A file, or a raw recording of MNE; for decoders of BOLD a NIfTI image.
        candidates
            Sound files that may have been heard, for systems that compare.
        subject
            Who it is, if it is somebody of the training (`subjects`); None: somebody new.
        options
            Of the system's own decoder: ``step_s`` and others.
        """
        return self.decoder.decode(recording, candidates, subject=subject, **options)

    def predict(
        self, recording: "Path | str | mne.io.BaseRaw", *, subject: str | None = None, **options: Any
    ) -> Predicted:
        """What the network says of each window of a recording: see `n2s.decoding.decoder.Decoder.predict`."""
        return self.decoder.predict(recording, subject=subject, **options)

    def report(self) -> Path:
        """Write the pages of its test again; the path of the first.

        Raises
        ------
        UserError
            It is not tested, or it is an export, which has no page.
        """
        if self._bundle.exported:
            raise UserError(
                f"{self.folder} is an export: its README.md has the scores. The page is in the folder of the run."
            )
        return write_reports(self.folder)[0]

    def export(self, folder: Path | str | None = None, *, licence: str | None = None) -> Path:
        """Write weights, config and a model card into a folder that others load: see `n2s.api.export.export`."""
        return export(self._bundle, folder, licence=licence)

    def push_to_hub(self, repo_id: str, *, private: bool = True, licence: str | None = None) -> str:
        """Export it to the Hugging Face Hub: see `n2s.api.hub.push`."""
        return push(self._bundle, repo_id, private=private, licence=licence)

    def __repr__(self) -> str:
        system = (self.config.get("model") or {}).get("class_path", "")
        tested = f"tested on {', '.join(self.metrics)}" if self.metrics else "not tested"
        return f"<TrainedRun {self.name}: {system}, {tested}, in {self.folder}>"
