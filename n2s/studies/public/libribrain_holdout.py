"""The holdout of the LibriBrain competition of 2025: speech against silence at every sample, and averages of phones."""

from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from n2s.errors import UserError, reading
from n2s.options import check_number
from n2s.paths import data_folder
from n2s.studies.holdout import Holdout, Part, Span, check_count, check_probabilities, needed, write_rows
from n2s.studies.public.libribrain import listed_names

FOLDER = "COMPETITION_HOLDOUT/derivatives/serialised"
NAME = "sub-0_ses-2025_task-COMPETITION_HOLDOUT_run-{}_proc-bads+headpos+sss+notch+bp+ds_meg.{}"
SOURCE = "huggingface.co/datasets/pnpl/LibriBrain-Competition-2025"
SFREQ = 250.0
#: The competition's own constants: github.com/neural-processing-lab/2025-libribrain-competition, public/constants.json.
N_SAMPLES, N_PHONES = 560638, 2382
#: The competition's order of phones, by the alphabet; columns have their numbers alone.
PHONES = tuple(
    [
        "AA",
        "AE",
        "AH",
        "AO",
        "AW",
        "AY",
        "B",
        "CH",
        "D",
        "DH",
        "EH",
        "ER",
        "EY",
        "F",
        "G",
        "HH",
        "IH",
        "IY",
        "JH",
        "K",
        "L",
        "M",
        "N",
        "NG",
        "OW",
        "OY",
        "P",
        "R",
        "S",
        "SH",
        "T",
        "TH",
        "UH",
        "UW",
        "V",
        "W",
        "Y",
        "Z",
        "ZH",
    ]
)
N_PHONE_SAMPLES = 125


class LibriBrainSpeechHoldout(Holdout):
    """The holdout of speech detection, LibriBrain 2025: a recording of subject 0; each of its samples is speech or silence.

    A window says what its middle sample is. The samples at both ends, which are the middle of no window, are silence (probability 0), as in
    the published submission. The recording is scaled by itself, as each recording is.

    Parameters
    ----------
    root
        The folder with ``COMPETITION_HOLDOUT``.
    n_rows
        Samples that the competition asks for; the recording may go on after them. None: all that the recording has.

    References
    ----------
    `pnpl.datasets.LibriBrainCompetitionHoldout`; de Zuazo et al. 2025, MEGConformer.

    Examples
    --------
    >>> from n2s.studies import LibriBrainSpeechHoldout
    >>> LibriBrainSpeechHoldout.names
    ('silence', 'speech')
    >>> holdout = LibriBrainSpeechHoldout("data/libribrain")  # doctest: +SKIP
    """

    names = ("silence", "speech")
    n_logits = 1

    def __init__(self, root: str, *, n_rows: int | None = N_SAMPLES):
        check_number("LibriBrainSpeechHoldout: n_rows", n_rows, low=1, whole=True)
        self.path = needed(data_folder(root), f"{FOLDER}/{NAME.format(1, 'h5')}", SOURCE)
        with reading(self.path, "a whole LibriBrain file"), h5py.File(self.path, "r") as file:
            self.n_channels, n_there = file["data"].shape
            self.sfreq = float(file.attrs["sample_frequency"])
            self.ch_names = tuple(listed_names(file.attrs["channel_names"]))
        if n_rows is not None and n_there < n_rows:
            check_count(n_there, n_rows, self.path, "samples")
        self.n_rows = n_there if n_rows is None else n_rows

    def parts(self, span: Span) -> list[Part]:
        """See `Holdout`: a row for each window that lies in the recording."""
        if span.start:
            raise UserError(
                f"data.offset_s is {span.start / self.sfreq:g} s: in the holdout of speech a window says what its own middle is. Set it to 0."
            )
        if span.n > self.n_rows:
            raise UserError(
                f"{self.path}: {self.n_rows} samples, fewer than a window has ({span.n}). Shorten data.window_s."
            )
        return [Part("0", self.n_rows - span.n + 1)]

    def windows(self, part: int, rows: np.ndarray, span: Span) -> np.ndarray:
        """See `Holdout`."""
        first, last = int(rows.min()), int(rows.max()) + span.n
        with reading(self.path, "a whole LibriBrain file"), h5py.File(self.path, "r") as file:
            if last - first > 8 * len(rows) + span.n:  # rows far apart: each alone
                return np.stack([file["data"][:, row : row + span.n] for row in rows]).astype(np.float32)
            data = np.asarray(file["data"][:, first:last], np.float32)
        laid = np.lib.stride_tricks.sliding_window_view(data, span.n, axis=1)  # (c, windows, n)
        return laid[:, rows - first].swapaxes(0, 1)

    def write(self, path: Path, probabilities: np.ndarray, span: Span) -> None:
        """See `Holdout`: ``idx,speech_prob``, a row for each sample."""
        found = check_probabilities(probabilities, self.parts(span)[0].n_rows, 2, str(path))
        whole = np.zeros(self.n_rows)
        whole[span.n // 2 : span.n // 2 + len(found)] = found[:, 1]
        write_rows(path, ("idx", "speech_prob"), enumerate(whole.tolist()))


class LibriBrainPhoneHoldout(Holdout):
    """The holdout of phones, LibriBrain 2025: each row is the mean of some 100 windows of one phone (rare phones: of fewer), 0.5 s from its onset.

    They were z-scored before they were averaged, by the holdout's own mean and deviation, and are taken as they are: what lies beyond that,
    the scale of each sensor, is lost in a network with instance norm anyway.

    Parameters
    ----------
    root
        The folder with ``COMPETITION_HOLDOUT``.
    n_rows
        Rows that the competition asks for; None: as many as the file has.

    References
    ----------
    `pnpl.datasets.LibriBrainCompetitionHoldout`.

    Examples
    --------
    >>> from n2s.studies import LibriBrainPhoneHoldout
    >>> len(LibriBrainPhoneHoldout.names)
    39
    >>> holdout = LibriBrainPhoneHoldout("data/libribrain")  # doctest: +SKIP
    """

    names = PHONES
    n_logits = len(PHONES)
    sfreq = SFREQ
    standardised = True

    def __init__(self, root: str, *, n_rows: int | None = N_PHONES):
        check_number("LibriBrainPhoneHoldout: n_rows", n_rows, low=1, whole=True)
        self.path = needed(data_folder(root), f"{FOLDER}/{NAME.format(2, 'pt')}", SOURCE)
        self.n_rows = n_rows

    @cached_property
    def _samples(self) -> np.ndarray:
        """(n, c, t) of the file."""
        import torch

        with reading(self.path, "a file of tensors"):
            found = torch.load(self.path, map_location="cpu", weights_only=True)
            found = found if isinstance(found, torch.Tensor) else torch.stack(list(found))
            samples = found.float().numpy()
        if samples.ndim != 3 or samples.shape[2] != N_PHONE_SAMPLES:
            raise UserError(
                f"{self.path}: windows of shape {samples.shape}; expected (rows, sensors, {N_PHONE_SAMPLES})."
            )
        check_count(len(samples), self.n_rows, self.path, "windows")
        return samples

    @property
    def n_channels(self) -> int:
        """See `Holdout`."""
        return self._samples.shape[1]

    def parts(self, span: Span) -> list[Part]:
        """See `Holdout`."""
        check_inside(span, N_PHONE_SAMPLES, SFREQ, self.path)
        return [Part("0", len(self._samples))]

    def windows(self, part: int, rows: np.ndarray, span: Span) -> np.ndarray:
        """See `Holdout`."""
        return self._samples[rows, :, span.start : span.start + span.n]

    def write(self, path: Path, probabilities: np.ndarray, span: Span) -> None:
        """See `Holdout`: ``segment_idx``, ``phoneme_1`` to ``phoneme_39`` in the order of `names`."""
        found = check_probabilities(probabilities, len(self._samples), len(PHONES), str(path))
        header = ("segment_idx", *(f"phoneme_{number}" for number in range(1, len(PHONES) + 1)))
        write_rows(path, header, ([index, *row] for index, row in enumerate(found.tolist())))


def check_inside(span: Span, n: int, sfreq: float, path: Path) -> None:
    """Raise a UserError if windows do not lie in the n samples that a holdout has from the moment on."""
    if span.start < 0 or span.start + span.n > n:
        raise UserError(
            f"data.offset_s {span.start / sfreq:g} and data.window_s {span.n / sfreq:g}: windows of {path} have 0 to {n / sfreq:g} s after the "
            "moment. Set a window inside that, and fit with it."
        )
