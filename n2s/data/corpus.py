"""Clips of a corpus, for networks of speech and sound: split, normalised, and in batches of about one length."""

import hashlib
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.corpora.corpus import Corpus
from n2s.data.corpus_batch import LengthSampler, SpeechBatch
from n2s.data.corpus_clips import symbols_of, usable_clips, without_unknown
from n2s.data.corpus_spectrograms import CorpusSpectrograms
from n2s.data.corpus_splits import SPLITS, split_clips
from n2s.data.corpus_text import Symbols, n_frames_needed
from n2s.data.datamodule import BySplit, NeuralDataModule
from n2s.data.loader import BatchLoader
from n2s.data.recordings import Shard
from n2s.errors import UserError, counted
from n2s.features.audio import read_audio
from n2s.features.log_spectrogram import LogSpectrogram
from n2s.findings import tell
from n2s.models.speech_net import SpeechNet
from n2s.options import check_choice, check_number


class CorpusDataModule(NeuralDataModule):
    """Spectrograms of clips, and what to write for each: the characters of its transcript, or its class.

    The corpus' own split counts; else 80% of the time is for training, 10% for validation and 10% for the test, no speaker
    and no sentence on two sides (`n2s.data.corpus_splits.split_clips`). Left out, and counted aloud: clips without a transcript
    or class, longer than ``max_s``, silent or unreadable, whose sound is missing, or whose transcript is longer than what CTC
    can write in the clip's frames. Characters of validation and test that training does not have stay in the transcripts
    that errors are counted in; the network cannot write them.

    Parameters
    ----------
    corpus
        The clips.
    target
        ``text``: characters of the transcript. ``label``: the class; a clip with several, separated by commas, is left out.
    spectrogram
        Computed once for each clip, and kept in the cache.
    alphabet
        The characters to write, ``" abc"``; clips with others are left out. None: all of the training transcripts.
    hours
        Take clips until they last so long, in the order of a hash: corpora that are compared have equal amounts. None: all.
    max_s
        Longest clip, s.
    val_fraction, test_fraction
        Shares of the time, where the corpus has no such split.
    batch_size
        Clips a batch, over all processes.
    seed
        Of the split, of the choice of ``hours``, and of the order of batches.
    n_jobs
        Processes that compute spectrograms.

    Examples
    --------
    >>> from n2s.corpora import ESpeakCorpus
    >>> from n2s.data import CorpusDataModule
    >>> data = CorpusDataModule(ESpeakCorpus("en", n_sentences=100, root=folder), batch_size=4)  # nothing is spoken yet
    >>> data.n_inputs, str(data)
    (160, 'nothing is prepared yet')
    """

    shape_names = ("n_classes", "n_inputs")

    def __init__(
        self,
        corpus: Corpus,
        *,
        target: Literal["text", "label"] = "text",
        spectrogram: LogSpectrogram | None = None,
        alphabet: str | None = None,
        hours: float | None = None,
        max_s: float = 20.0,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        batch_size: int = 8,
        seed: int = 0,
        n_jobs: int = 1,
    ):
        super().__init__()
        check_choice("data.target", target, ("text", "label"))
        check_number("data.hours", hours, above=0)
        check_number("data.max_s", max_s, above=0)
        check_number("data.batch_size", batch_size, low=1, whole=True)
        check_number("data.seed", seed, low=0, whole=True)
        check_number("data.n_jobs", n_jobs, low=1, whole=True)
        check_number("data.val_fraction", val_fraction, low=0, below=1)
        check_number("data.test_fraction", test_fraction, above=0, below=1)
        if val_fraction + test_fraction >= 1:
            raise UserError(
                f"data.val_fraction {val_fraction} and data.test_fraction {test_fraction} leave nothing to train on."
            )
        self.corpus, self.target, self.hours, self.max_s = corpus, target, hours, max_s
        self.spectrogram = spectrogram if spectrogram is not None else LogSpectrogram()
        if alphabet is not None and target == "label":
            raise UserError("data.alphabet is of transcripts, and data.target is label: leave it out.")
        self.alphabet = None if alphabet is None else tuple(sorted(set(alphabet)))
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.batch_size, self.seed, self.n_jobs = batch_size, seed, n_jobs
        self.notes: list[str] = []
        self.splits: dict[str, pd.DataFrame] = BySplit()

    @property
    def n_classes(self) -> int:
        """Characters or classes, and the blank."""
        return self.symbols.n_classes

    @property
    def n_inputs(self) -> int:
        """Frequencies of the spectrogram."""
        return self.spectrogram.n_features

    @property
    def validates(self) -> bool:
        """See `NeuralDataModule`."""
        return len(self.splits["val"]) > 0

    def data_hashes(self) -> dict[str, str]:
        """See `NeuralDataModule`; known once the data are set up."""
        if not self.splits:
            return {}
        told = self._clips.drop(columns="sound").to_csv(index=False)
        hashed = hashlib.sha256(told.encode()).hexdigest()
        return {f"clips {self.corpus.name}": hashed, f"sounds {self.corpus.name}": self._spectrograms.digest}

    # -- Lightning ---------------------------------------------------------------------------------------------------

    def prepare_data(self) -> None:
        """Fill the cache. One process does it, the others wait."""
        self.prepare()

    def prepare(self, shard: Shard | None = None) -> None:
        """See `NeuralDataModule`: compute the spectrograms; a shard is a part of the clips."""
        self._spectrograms.prepare(n_jobs=self.n_jobs, shard=shard)

    def setup(self, stage: str) -> None:
        """Read the lengths of all spectrograms, and leave out clips that cannot be used."""
        if self.splits:
            return
        self._spectrograms.prepare(n_jobs=self.n_jobs)
        encoded = [self.symbols.encoded(target) for target in self._clips.target]
        needed = np.array([n_frames_needed(classes) for classes in encoded])
        length = self._spectrograms.lengths
        tight = (length > 0) & (SpeechNet.n_frames(length) < needed)
        if tight.any():
            text = (
                "their transcripts are longer than what CTC can write in their frames (50 a second): they are not used."
            )
            tell("left out", f"{self._where} ({int(tight.sum())} clips)", text)
        table = self._clips.assign(number=np.arange(len(self._clips)), length=length)[(length > 0) & ~tight]
        self._encoded = encoded
        self.splits = {name: table[table.split == name].reset_index(drop=True) for name in SPLITS}
        for name, part in self.splits.items():
            if not len(part) and (name != "val" or self.val_fraction):
                raise UserError(
                    f"{self._where}: no clip of the {name} split can be used. Run `n2s prepare` to see why."
                )

    def train_dataloader(self) -> BatchLoader:
        """Batches of about one length, in a new order each epoch."""
        return self._loader("train")

    def val_dataloader(self) -> BatchLoader | list:
        """Validation clips by length; an empty list if there are none."""
        return self._loader("val") if self.validates else []

    def test_dataloader(self) -> BatchLoader:
        """Test clips by length."""
        return self._loader("test")

    def transfer_batch_to_device(self, batch: SpeechBatch, device: torch.device, dataloader_idx: int) -> SpeechBatch:
        """See Lightning."""
        return batch if batch.spectrogram.device == device else batch.to(device)

    # -- what systems and reports ask for ------------------------------------------------------------------------------

    def batch(self, split: str, rows: np.ndarray) -> SpeechBatch:
        """The clips of some rows of a split."""
        clips = self.splits[split].number.to_numpy()[rows]
        spectrogram, lengths = self._spectrograms.padded(clips)
        targets = [torch.from_numpy(self._encoded[clip]) for clip in clips]
        return SpeechBatch(
            spectrogram=spectrogram,
            lengths=lengths,
            target=torch.nn.utils.rnn.pad_sequence(targets, batch_first=True),
            target_lengths=torch.tensor([len(one) for one in targets]),
            row=torch.from_numpy(np.asarray(rows)),
            split=split,
        )

    def sound(self, split: str, row: int) -> Tensor:
        """(n,) samples of a clip, at the spectrogram's rate."""
        clip = self.splits[split].iloc[row]
        return read_audio(clip.sound, self.spectrogram.sfreq, clip.start_s, clip.start_s + clip.duration_s)

    def places(self, batch: SpeechBatch) -> list[str]:
        """See `NeuralDataModule`."""
        rows = self.splits["train"].iloc[batch.row.numpy()].itertuples()
        return [f"{row.sound}, {row.start_s:.2f} to {row.start_s + row.duration_s:.2f} s" for row in rows]

    @cached_property
    def symbols(self) -> Symbols:
        """What the classes mean: characters or classes of the training clips."""
        return symbols_of(self._clips, self.alphabet)

    def __str__(self) -> str:
        """A summary, a line per split."""
        if not self.splits:
            return "nothing is prepared yet"
        lines = [f"{self.corpus.name}: {self.n_classes - 1} {'characters' if self.target == 'text' else 'classes'}"]
        parts = self.splits.items()
        lines += [f"{name}: {counted(len(one), 'clip')}, {one.duration_s.sum() / 3600:.2f} h" for name, one in parts]
        return "\n".join(lines)

    # -- how ----------------------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"corpus {self.corpus.name}"

    @cached_property
    def _spectrograms(self) -> CorpusSpectrograms:
        return CorpusSpectrograms(self._clips, self.spectrogram, self.corpus.name)

    @cached_property
    def _clips(self) -> pd.DataFrame:
        """The clips of all splits, see `n2s.data.corpus_clips.usable_clips`, with their splits."""
        clips = usable_clips(
            self.corpus, target=self.target, alphabet=self.alphabet, hours=self.hours, max_s=self.max_s, seed=self.seed
        )
        shares = {"val_fraction": self.val_fraction, "test_fraction": self.test_fraction}
        clips = split_clips(clips, **shares, seed=self.seed, where=self._where)
        return without_unknown(clips, target=self.target, alphabet=self.alphabet, where=self._where)

    def _loader(self, split: str) -> BatchLoader:
        training, trainer = split == "train", self.trainer
        sampler = LengthSampler(
            self.splits[split].length.to_numpy(),
            batch_size=self.batch_size,
            shuffle=training,
            seed=self.seed,
            rank=trainer.global_rank if trainer is not None else 0,
            world_size=trainer.world_size if trainer is not None else 1,
            dealt=not training,
        )
        return BatchLoader(sampler, lambda rows, epoch: self.batch(split, rows), lambda batch: batch, ahead=training)
