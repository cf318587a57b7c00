"""The holdout of the PNPL competition of 2026: words that people heard, in sentences and alone, among 50."""

from pathlib import Path
from typing import Literal

import numpy as np

from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.paths import data_folder
from n2s.studies.holdout import Holdout, Part, Span, check_probabilities, needed, write_rows
from n2s.studies.public.libribrain_holdout import check_inside

SOURCE = "huggingface.co/datasets/pnpl/LibriBrain-Competition-2026"
#: The competition's vocabulary, in the order of the columns (pnpl 0.2.0, pnpl/competition/data/vocabulary.csv).
WORDS = tuple(
    [
        "is",
        "the",
        "a",
        "to",
        "it",
        "i",
        "not",
        "was",
        "we",
        "be",
        "he",
        "that",
        "have",
        "this",
        "they",
        "of",
        "there",
        "and",
        "are",
        "in",
        "but",
        "will",
        "so",
        "all",
        "my",
        "for",
        "she",
        "were",
        "any",
        "really",
        "at",
        "out",
        "our",
        "am",
        "it’s",
        "had",
        "him",
        "an",
        "very",
        "has",
        "do",
        "can",
        "time",
        "think",
        "good",
        "always",
        "new",
        "people",
        "as",
        "on",
    ]
)
#: Words of the vocabulary for patients of Moses et al. 2021 (moses-vocabulary.csv): columns that are not scored.
MOSES = tuple(
    [
        "am",
        "are",
        "bad",
        "bring",
        "clean",
        "closer",
        "comfortable",
        "coming",
        "computer",
        "do",
        "faith",
        "family",
        "feel",
        "glasses",
        "going",
        "good",
        "goodbye",
        "have",
        "hello",
        "help",
        "here",
        "hope",
        "how",
        "hungry",
        "i",
        "is",
        "it",
        "like",
        "music",
        "my",
        "need",
        "no",
        "not",
        "nurse",
        "okay",
        "outside",
        "please",
        "right",
        "success",
        "tell",
        "that",
        "they",
        "thirsty",
        "tired",
        "up",
        "very",
        "what",
        "where",
        "yes",
        "you",
    ]
)
#: Track -> its subjects, and its rows, as published (docs of pnpl; the organisers' baselines).
TRACKS = {"deep": (range(1), 960), "broad": (range(1, 40), 37439)}
FILES = {"sentence": "holdout01_sentence", "word": "holdout2_word"}
WINDOW_S = 1.0  # of a word: windows of words in sentences may be no longer than those of words alone


class LibriBrainWordHoldout(Holdout):
    """The holdout of the PNPL competition 2026: 1 s from the onset of each word, in sentences and alone.

    Each file is scaled by itself, as each recording is. Rows are those of the competition's own library: by subject, words in sentences before
    words alone, in the order of the files.

    Parameters
    ----------
    root
        The folder with ``COMPETITION_HOLDOUT``.
    track
        ``deep``: subject 0; ``broad``: subjects 1 to 39.
    moses
        Whether the file has the columns of the second vocabulary, too, which are not scored. The network then has the words of both, the 50 of
        the competition first; the probabilities of each vocabulary are brought to a sum of 1.

    References
    ----------
    `pnpl.competition`, version 0.2.0.

    Examples
    --------
    >>> from n2s.studies import LibriBrainWordHoldout
    >>> LibriBrainWordHoldout("data/libribrain", track="wide")
    Traceback (most recent call last):
    n2s.errors.UserError: track is 'wide'; expected deep or broad.
    >>> holdout = LibriBrainWordHoldout("data/libribrain", track="deep")  # doctest: +SKIP
    """

    def __init__(self, root: str, *, track: Literal["deep", "broad"] = "deep", moses: bool = False):
        if track not in TRACKS:
            raise UserError(f"track is {track!r}; expected deep or broad.")
        self.root, self.track, self.moses = data_folder(root), track, moses
        self.names = WORDS + (tuple(word for word in MOSES if word not in WORDS) if moses else ())
        self.n_logits, self.submission = len(self.names), f"submission_{track}.csv"
        self._paths = {
            (subject, source): needed(self.root, f"COMPETITION_HOLDOUT/subj{subject:02d}_{name}.npz", SOURCE)
            for subject in TRACKS[track][0]
            for source, name in FILES.items()
        }
        self._laid = [self._rows(path, source) for (_, source), path in self._paths.items()]
        self._kept: tuple[int, np.ndarray] | None = None
        rates = {sfreq for _, sfreq, _ in self._laid}
        if len(rates) > 1:
            raise UserError(
                f"{self.root}: files of different rates, {sorted(rates)} Hz. Download them again from {SOURCE}."
            )
        self.sfreq = rates.pop()
        n_rows = sum(len(rows) for rows, _, _ in self._laid)
        if n_rows != TRACKS[track][1]:
            tell(
                "odd",
                self.root,
                f"{n_rows} words in the track {track}, where {TRACKS[track][1]} were published. All are predicted.",
            )

    @staticmethod
    def _rows(path: Path, source: str) -> tuple[np.ndarray, float, np.ndarray]:
        """(n, 2) epoch and first sample of each word, the rate, and (epochs,) samples of each epoch of sentences."""
        with reading(path, "a whole file of arrays"), np.load(path, allow_pickle=False) as file:
            sfreq = float(file["sfreq"])
            if source == "word":
                n = len(file["meg"])
                return np.stack([np.arange(n), np.zeros(n, np.int64)], 1), sfreq, np.zeros(0, np.int64)
            epoch, word = np.nonzero(file["word_mask"])
            onset_s, n_times = (
                np.asarray(file["word_onsets_s"], float)[epoch, word],
                np.asarray(file["sentence_n_times"], np.int64),
            )
        if not np.isfinite(onset_s).all():
            raise UserError(
                f"{path}: {(~np.isfinite(onset_s)).sum()} words have no onset. Download it again from {SOURCE}."
            )
        return np.stack([epoch, np.round(onset_s * sfreq).astype(np.int64)], 1), sfreq, n_times

    @property
    def n_channels(self) -> int:
        """See `Holdout`."""
        return self._meg(0).shape[1]

    def parts(self, span: Span) -> list[Part]:
        """See `Holdout`: a file is a part."""
        found = []
        for ((subject, _), path), (rows, sfreq, n_times) in zip(self._paths.items(), self._laid, strict=True):
            check_inside(span, round(WINDOW_S * sfreq), sfreq, path)
            over = rows[:, 1] + span.start + span.n > n_times[rows[:, 0]] if len(n_times) else np.zeros(len(rows), bool)
            if over.any():
                raise UserError(
                    f"{path}: {over.sum()} words have less than a window until their sentence's end. Shorten data.window_s."
                )
            found.append(Part(str(subject), len(rows)))
        return found

    def windows(self, part: int, rows: np.ndarray, span: Span) -> np.ndarray:
        """See `Holdout`."""
        meg, laid = self._meg(part), self._laid[part][0][rows]
        return np.stack([meg[epoch, :, first + span.start : first + span.start + span.n] for epoch, first in laid])

    def write(self, path: Path, probabilities: np.ndarray, span: Span) -> None:
        """See `Holdout`: ``index``, the words, and the words of the second vocabulary with ``moses_`` before them."""
        found = check_probabilities(
            probabilities, sum(len(rows) for rows, _, _ in self._laid), len(self.names), str(path)
        )
        vocabularies = {"": WORDS} | ({"moses_": MOSES} if self.moses else {})
        number = {name: index for index, name in enumerate(self.names)}
        blocks = [found[:, [number[word] for word in words]] for words in vocabularies.values()]
        blocks = [block / np.maximum(block.sum(1, keepdims=True), np.finfo(float).tiny) for block in blocks]
        header = ("index", *(f"{before}{word}" for before, words in vocabularies.items() for word in words))
        rows = np.concatenate(blocks, 1)
        write_rows(path, header, ([index, *(f"{value:.6f}" for value in row)] for index, row in enumerate(rows)))

    def _meg(self, part: int) -> np.ndarray:
        """(epochs, c, t) of a file; the last one is kept."""
        if self._kept is None or self._kept[0] != part:
            path = list(self._paths.values())[part]
            with reading(path, "a whole file of arrays"), np.load(path, allow_pickle=False) as file:
                self._kept = part, np.asarray(file["meg"], np.float32)
        return self._kept[1]
