"""Every held-out passage of a subject and fold, decoded; what is decoded is kept until the test ends."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.features.story_words.rules import TextRules
from n2s.findings import tell
from n2s.progress import reported
from n2s.systems.encoding.inputs import check_same, mark, rows_hash
from n2s.systems.kept_fits import keep, kept
from n2s.systems.story_text.decode import (
    NOISELESS,
    OTHER,
    PERMUTED,
    DecodeOptions,
    Decoder,
    fitted_to,
    permuted_responses,
    word_table,
)
from n2s.systems.story_text.evidence import EncodingModel
from n2s.systems.story_text.fit import WORDS, FitOptions, Learned
from n2s.systems.story_text.rows import NULL, NULL_BESIDE
from n2s.systems.story_text.search import Beam, Search, SearchOptions
from n2s.systems.story_text.transcripts import Passage, Transcripts, WordsInContext, named, training_stories
from n2s.systems.story_text.word_features import WordFeatures
from n2s.systems.story_text.word_times import later_responses

LEAST_WORDS = 2  # of a passage that is decoded
SAVE_WORDS = 50  # after so many words, the search is saved


@dataclass(frozen=True)
class Beside:
    """Another decoder that reads the same held-out stories.

    Parameters
    ----------
    row
        Of its text.
    fitted
        What `n2s.systems.story_text.fit.fit_fold` left, with the language model of these stories.
    brain
        (m, all voxels) held-out responses -> (m, v + r): as its voxels would have them, then those of its word rate.
    permuted
        Whether it reads the permuted brain, too.
    """

    row: str
    fitted: dict
    brain: Callable[[Tensor], Tensor]
    permuted: bool = False


@dataclass
class HeldOut:
    """The held-out passages of a subject and fold.

    Parameters
    ----------
    data, subject, fold
        Whose.
    fitted
        What `n2s.systems.story_text.fit.fit_fold` left.
    learned
        The language models.
    transcripts, passages
        Of the stimuli, and the fold's part of `held_out_passages`.
    fit_options, search_options, options
        How it was fitted, is searched, and what is decoded.
    beside
        Another decoder of these stories; None: there is none.
    """

    data: EncodingData
    subject: str
    fold: Fold
    fitted: dict
    learned: Learned
    transcripts: Transcripts
    passages: Sequence[Passage]
    fit_options: FitOptions
    search_options: SearchOptions
    options: DecodeOptions
    beside: Beside | None = None

    def __post_init__(self) -> None:
        data, fitted = self.data, self.fitted
        self.where, step_s = f"{self.subject}, {self.fold.name}", 1 / data.rate_hz[self.subject]
        train, test = (np.asarray(one, np.float32) for one in data.responses(self.subject, self.fold))
        marks = {"rows": rows_hash(data, self.subject, self.fold), "brain": torch.from_numpy(mark(train))}
        rows = data.rows(self.subject)
        training = self.transcripts.passages(rows, self.fold.train, step_s)
        self.stories = training_stories(training, self.where)
        self.language = self.learned[fitted["language"]]
        self._test = torch.from_numpy(test)
        self._brain = self._test[:, fitted["voxels"]]
        longest = max(training, key=lambda one: one.n_rows)
        self._other = torch.from_numpy(train[longest.rows][:, fitted["voxels"].numpy()])
        rate = fitted["rate"]
        self._later = later_responses(rows, self.fold.test, self._test[:, rate["voxels"]], rate["shifts"].numpy())
        columns = data.columns(self.subject, WordsInContext(self.language, self.fit_options.at))
        marks[WORDS] = torch.from_numpy(mark(columns[self.fold.train]))
        check_same(fitted["marks"], marks, self.where)
        self._columns = columns[self.fold.test]
        self.decoder = self._decoder(fitted)
        if self.beside is not None:
            other = self.beside.fitted
            found, n = self.beside.brain(self._test), len(other["voxels"])
            self._beside = self._decoder(other)
            self._beside_brain, self._beside_later = found[:, :n], self._later_of(other, found[:, n:])

    def _decoder(self, fitted: dict) -> Decoder:
        language = self.learned[fitted["language"]]
        rules = TextRules.of(
            self.fit_options.language, stories=self.stories, first_words=[one[0] for one in self.stories]
        )
        search = Search(language, rules, self.search_options, WordFeatures(language))
        encoding = EncodingModel(**fitted["encoding"])
        return Decoder(encoding, fitted["rate"], self.data.response, search, self.options)

    def _later_of(self, fitted: dict, responses: Tensor) -> Tensor:
        """Responses of the word rate's voxels -> those of the later rows of each."""
        return later_responses(
            self.data.rows(self.subject), self.fold.test, responses, fitted["rate"]["shifts"].numpy()
        )

    def _beside_responses(self, passage: Passage) -> dict[str, Tensor]:
        own, row, options = self._beside_brain[passage.rows], self.beside.row, self.options
        n, seed = options.n_permuted if self.beside.permuted else 0, self._seed(passage)
        permuted = permuted_responses(own, passage.step_s, options.block_s, n, seed)
        return {row: own} | {f"{row}_{PERMUTED} {draw}": one for draw, one in enumerate(permuted)}

    def _seed(self, passage: Passage) -> int:
        return zlib.crc32(f"{self.options.seed} {self.subject} {passage.name}".encode())

    def responses(self, passage: Passage) -> dict[str, Tensor]:
        """The response of a passage, and those that are decoded beside it."""
        own, options = self._brain[passage.rows], self.options
        found, seed = {"model": own}, self._seed(passage)
        for draw, one in enumerate(permuted_responses(own, passage.step_s, options.block_s, options.n_permuted, seed)):
            found[f"{PERMUTED} {draw}"] = one
        others = [one for one in self.passages if one.story != passage.story]
        other = self._brain[others[0].rows] if others else self._other
        found[OTHER] = fitted_to(other, passage.n_rows)
        if passage.words:
            found[NOISELESS] = self.decoder.noiseless(torch.from_numpy(self._columns[passage.rows]))
        return found

    def words(self, passage: Passage, folder: Path, progress: Callable[[int, int], None]) -> pd.DataFrame:
        """All texts of a passage; an interrupted search goes on from ``folder``."""
        decoder, table = self.decoder, []
        times_s = decoder.times(self._later[passage.rows], passage)

        def put(row: str, draw: int, at_s: np.ndarray, words: list[str]) -> None:
            table.append(word_table(self.subject, passage, row, draw, at_s, words))

        put("true", 0, passage.times_s, passage.words)
        if len(times_s) < LEAST_WORDS:
            tell(
                "odd",
                f"{self.where}, {passage.name}",
                f"the brain's word rate gives {len(times_s)} words in {passage.n_rows} rows: nothing is decoded.",
            )
            times_s = times_s[:0]
        found = self._searched(passage, times_s, folder, progress)
        for name, words in found.items():
            row, _, draw = name.partition(" ")
            put(row, int(draw or 0), times_s, words)
        put("word_rate", 0, times_s, decoder.language_text(times_s))
        mean_s = decoder.mean_times(passage)
        put("no_brain", 0, mean_s, decoder.language_text(mean_s))
        if self.beside is not None:
            other_s = self._beside.times(self._beside_later[passage.rows], passage)
            for name, words in self._beside.texts(passage, other_s, self._beside_responses(passage)).items():
                row, _, draw = name.partition(" ")
                put(row, int(draw or 0), other_s, words)
            for draw, words in enumerate(self._beside.null_texts(passage, other_s)):
                put(NULL_BESIDE, draw, other_s, words)
        for draw, words in enumerate(decoder.null_texts(passage, times_s)):
            put(NULL, draw, times_s, words)
        return pd.concat(table, ignore_index=True)

    def _searched(
        self, passage: Passage, times_s: np.ndarray, folder: Path, progress: Callable[[int, int], None]
    ) -> dict[str, list[str]]:
        file = folder / f"{self.subject}_{self.fold.name}_{passage.recording}_{passage.name}.pt".replace(
            "/", "-"
        ).replace(" ", "-")
        responses = self.responses(passage)
        made = {
            "brain": _digest(responses),
            "language": self.fitted["language"],
            "response": f"{type(self.data.response).__name__} {sorted(vars(self.data.response).items())}",
            "encoding": _digest(self.fitted["encoding"]),
            "search": repr(self.search_options),
            "options": repr(self.options),
            "times": [round(float(one), 6) for one in times_s],
        }
        before = kept(file, made)
        beam = None if before is None else self.decoder.search.restored(Beam.from_plain(before))

        def each(beam: Beam) -> None:
            progress(len(beam.words), len(times_s))
            if len(beam.words) % SAVE_WORDS == 0 or len(beam.words) == len(times_s):
                keep(file, beam.plain(), made)

        return self.decoder.texts(passage, times_s, responses, kept=beam, each=each)

    def decoded(self, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The words of all passages, and a line for each passage: what `n2s.systems.story_text.scoring.score` takes."""
        words, lines = [], []
        for passage in self.passages:
            if not passage.words:
                tell(
                    "left out",
                    f"{self.where}, {passage.name}",
                    "there are no words with times: what is decoded could not be scored.",
                )
                continue
            with progress_of(f"decoding {passage.name} of {self.subject}") as progress:
                words.append(self.words(passage, folder, progress))
            start_s, stop_s = (one - passage.offset_s for one in passage.heard_s)
            audio = self.data.stimuli[passage.stimulus].audio
            lines.append(
                {
                    "subject": self.subject,
                    "story": passage.name,
                    "language": self.fit_options.language,
                    "start_s": start_s,
                    "stop_s": stop_s,
                    "audio": "" if audio is None else str(audio),
                }
            )
        if not words:
            return pd.DataFrame(), pd.DataFrame()
        return pd.concat(words, ignore_index=True), pd.DataFrame(lines)


def held_out_passages(
    data: EncodingData, subject: str, folds: Iterable[Fold], transcripts: Transcripts
) -> dict[str, list[Passage]]:
    """Fold -> its held-out passages, by names that tell those of all folds of a subject apart."""
    rows, step_s = data.rows(subject), 1 / data.rate_hz[subject]
    found = {one.name: transcripts.passages(rows, one.test, step_s) for one in folds}
    every = [passage for own in found.values() for passage in own]
    return {name: named(own, every) for name, own in found.items()}


def _digest(values: Mapping[str, Tensor]) -> str:
    """Of the bytes of tensors and their names: what was searched with, and in."""
    found = hashlib.sha256()
    for name in sorted(values):
        found.update(f"{name} {tuple(values[name].shape)}".encode())
        found.update(np.ascontiguousarray(values[name].cpu().numpy()))
    return found.hexdigest()[:16]


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over words, where somebody watches."""
    with reported(what) as report:
        yield report
