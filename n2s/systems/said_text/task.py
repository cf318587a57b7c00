"""The system that writes what people hear, say or imagine: phones by CTC from windows at sentences, then words."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from n2s.data.batch import Batch
from n2s.data.event_data import EventDataModule
from n2s.decoding.trained import Trained
from n2s.errors import UserError
from n2s.metrics.edits import edit_distances
from n2s.models.augment import Augment
from n2s.models.ctc_network import CTCNetwork
from n2s.models.event_network import check_channels
from n2s.options import check_choice, check_number, check_options
from n2s.studies.events import CONDITIONS
from n2s.systems.said_text.decoding import Decoder
from n2s.systems.said_text.new_sentences import SentencesOfSensors, kept_language
from n2s.systems.said_text.result import SaidTextResult
from n2s.systems.said_text.said import PHONES, Said, checked_said, timed_path
from n2s.systems.said_text.scored import said_text_result
from n2s.systems.sensor_columns import keep_columns, lay_as_trained
from n2s.systems.speech.system import ctc, greedy
from n2s.systems.system import System

LANGUAGE = "n2s_language"  # key in a checkpoint


class SaidText(System):
    """Phones of sentences by CTC, and their words by a lexicon and a language model, both learned from training sentences alone.

    A window at each sentence (`n2s.data.AtEvents` with kind ``sentence`` and `n2s.data.AnyText`) is as long as the longest sentence, and is
    decoded whole: nobody tells the network where a sentence ends. Targets are the phones among the events; a sentence without any (as of
    imagined speech) gets those of the same words in training. Each epoch logs ``val/loss`` and ``val/per``, of phones that are decoded
    greedily; a test leaves errors of phones and words beside another sentence's brain, no brain, the likeliest text of the language model, and sentences of the training.

    Hold out sentences, not only runs, if the network shall write sentences that it has never seen: `n2s.data.SplitBySentence`, or
    `n2s.data.SplitByRun` where each run has its own.

    Parameters
    ----------
    network
        ``(brain, positions, subject, mask) -> log-probabilities`` of the 39 phones of ARPABET and the blank, class 0.
    augment
        Changes training windows at random; None: they stay as they are.
    timed
        Share of the loss that is of one path of CTC alone: each phone at its own time, where the events tell it. With few sentences CTC
        by itself hardly learns. 0: CTC alone.
    timed_conditions
        Conditions whose phones have times that can be trusted; None: all but ``imagined``.
    language
        What the language model is of: ``words`` (of a lexicon), or ``phones``; then there are no words, and no errors of words.
    order
        Words, or phones, in its longest n-gram.
    weights
        Of the language model, to choose from by validation sentences; without any the first is taken.
    word_bonus
        Added to the score of a text for each of its words.
    beam
        Beginnings that the search follows.
    n_permutations
        Of the sentences within runs, for the null of a test.
    optimizer
        Makes the optimizer.
    scheduler
        Makes a schedule that is stepped once an epoch; None for a constant rate.

    References
    ----------
    Graves et al. 2006, Connectionist Temporal Classification, ICML. Willett et al. 2023, Nature 620:1031 (phones, then words, from cortex).

    Examples
    --------
    >>> from n2s.models import ConformerCTC
    >>> from n2s.systems import SaidText
    >>> system = SaidText(ConformerCTC(n_channels=20, dim=16, convs=2, depth=1, n_heads=2, ffn_dim=16), order=2)
    >>> system.recipe
    'configs/production_text.yaml'

    Its recipe fits and tests it, on the built-in study as it is:

    >>> import n2s
    >>> run = n2s.fit("production_text")  # doctest: +SKIP
    >>> run = n2s.test(run)  # doctest: +SKIP
    """

    takes = (EventDataModule,)
    recipe = "configs/production_text.yaml"
    compiles = ("network",)

    def __init__(
        self,
        network: CTCNetwork,
        augment: Augment | None = None,
        *,
        timed: float = 0.5,
        timed_conditions: list[str] | None = None,
        language: Literal["words", "phones"] = "words",
        order: int = 3,
        weights: list[float] | None = None,
        word_bonus: float = 0.0,
        beam: int = 32,
        n_permutations: int = 1000,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ):
        check_options("model.", low=0, high=1, timed=timed)
        super().__init__(optimizer=optimizer, scheduler=scheduler)
        self.save_hyperparameters()
        for condition in timed_conditions or []:
            check_choice("model.timed_conditions", condition, CONDITIONS)
        kept = [one for one in CONDITIONS if one != "imagined"] if timed_conditions is None else timed_conditions
        self.timed_conditions = list(kept)
        check_choice("model.language", language, ("words", "phones"))
        for name, value in (("order", order), ("beam", beam), ("n_permutations", n_permutations)):
            check_number(f"model.{name}", value, low=1, whole=True)
        check_number("model.word_bonus", word_bonus)
        self.weights = [0.3, 1.0, 2.0] if weights is None else list(weights)
        if not self.weights:
            raise UserError("model.weights is empty; expected weights of the language model, as [0.3, 1.0].")
        for value in self.weights:
            check_number("model.weights", value, low=0)
        if network.n_phones != len(PHONES):
            raise UserError(
                f"model.network has n_phones {network.n_phones}; expected {len(PHONES)}, the phones of ARPABET."
            )
        self.network, self.augment, self.timed = network, augment, timed
        self.n_permutations = n_permutations
        self._options = {"language": language, "order": order, "beam": beam, "bonus": word_bonus}
        self._tested: dict[str, np.ndarray] = {}

    def setup(self, stage: str) -> None:
        """What is said in each window; check that network and data fit."""
        data = self.data
        if self.trainer.world_size > 1:
            raise UserError(
                f"SaidText is trained by one process; {self.trainer.world_size} were started. Set trainer.devices to 1."
            )
        if stage == "fit":  # a checkpoint lays the sensors of a test
            check_channels(self.network, len(data.ch_names), data.layout.n_layouts)
        self.n_steps = self.network.n_steps(data.n_times)
        self.said, self.lexicon = checked_said(data, self.n_steps)
        step_s, train = self.network.stride / data.shape.sfreq, self.said["train"]
        self._paths = [
            timed_path(phones, middle_s, step_s=step_s, n_steps=self.n_steps)
            if condition in self.timed_conditions
            else None
            for phones, middle_s, condition in zip(
                train.phones, train.middle_s, data.events("train").condition, strict=True
            )
        ]
        self._decoder()  # a lexicon without words shows now, not after the fit

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep which sensor each channel is, and the sentences that the language model is learned from."""
        keep_columns(checkpoint, self.data)
        train = self.said["train"]
        rows = np.flatnonzero(train.known)
        checkpoint[LANGUAGE] = kept_language(
            [train.words[i] for i in rows], [train.phones[i] for i in rows], self.lexicon
        )

    def decoder(self, trained: Trained) -> SentencesOfSensors:
        """See `System`."""
        if LANGUAGE not in trained.entries:
            raise UserError(
                f"{trained.name} is of a version that did not keep the sentences of its language model. Fit it again, or put the recording into its study and "
                "run n2s test."
            )
        kept = trained.entries[LANGUAGE]
        lexicon = {word: [tuple(way) for way in ways] for word, ways in kept["lexicon"].items()}
        train = Said.of_texts(
            [tuple(one) for one in kept["words"]], [np.array(one, np.int64) for one in kept["phones"]]
        )
        return SentencesOfSensors(self.network, Decoder(train, lexicon, **self._options), trained, self.weights)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Lay the sensors of the data as those of the fit."""
        lay_as_trained(checkpoint, self.data, self.network)

    def forward(self, batch: Batch) -> Tensor:
        """(b, l, k + 1) log-probabilities of a batch."""
        return self.network(batch.brain, batch.positions, batch.subject, batch.mask)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """The loss a phone; None for a batch without a sentence that is known."""
        rows, kept = self._rows(batch)
        if not len(rows):
            return None
        brain = batch.brain if self.augment is None else self.augment(batch.brain)
        log_probs = self.network(brain, batch.positions, batch.subject, batch.mask)[kept]
        loss = self._ctc(log_probs, rows, "train")
        paths = [self._paths[row] for row in rows]
        has = [one is not None for one in paths]
        if self.timed and any(has):
            path = torch.from_numpy(np.stack([one for one in paths if one is not None])).to(log_probs.device)
            own = -log_probs[torch.tensor(has, device=log_probs.device)].gather(2, path[..., None]).sum()
            n = sum(int((one > 0).sum()) for one in paths if one is not None)
            loss = (1 - self.timed) * loss + self.timed * own / n
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(rows))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Nothing is validated yet."""
        self._sums = np.zeros(4)  # loss by phones, phones; edits, phones

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and edits of a batch."""
        rows, kept = self._rows(batch)
        if not len(rows):
            return
        log_probs, phones = self(batch)[kept], [self.said["val"].phones[row].tolist() for row in rows]
        n = sum(map(len, phones))
        found = greedy(log_probs, torch.full((len(rows),), self.n_steps))
        self._sums += [float(self._ctc(log_probs, rows, "val")) * n, n, edit_distances(found, phones).sum(), n]

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss`` and ``val/per``: NaN without any sentence that is known."""
        loss, n, edits, _ = self._sums
        known = n or float("nan")  # none of the windows that were validated has a known sentence: no error is no result
        self.log("val/loss", float(loss / known))
        self.log("val/per", float(edits / known), prog_bar=True)

    def on_test_epoch_start(self) -> None:
        """Log-probabilities of validation sentences, by which the language model is weighed; nothing is tested yet."""
        n_test, shape = len(self.said["test"].words), (self.n_steps, len(PHONES) + 1)
        self._tested = {name: np.zeros((n_test, *shape), np.float32) for name in ("brain", "none")}
        self._validated = np.zeros((len(self.said["val"].words), *shape), np.float32)
        for batch in self.data.val_dataloader():
            self._validated[self._windows(batch)] = self(batch.to(self.device)).float().cpu().numpy()

    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Log-probabilities of windows, and of windows without any brain."""
        if not len(batch):
            return
        rows = self._windows(batch)
        self._tested["brain"][rows] = self(batch).float().cpu().numpy()
        nothing = torch.zeros_like(batch.brain)
        found = self.network(nothing, batch.positions, batch.subject, batch.mask)
        self._tested["none"][rows] = found.float().cpu().numpy()

    def results(self, seed: int) -> Mapping[str, SaidTextResult]:
        """See `System`: ``test``."""
        decoder = self._decoder()
        decoder.choose(self.weights, self._validated, self.said["val"])
        settings = self._options | {
            "weight": decoder.weight,
            "timed": self.timed,
            "n_steps": self.n_steps,
            "n_words": len(self.lexicon),
        }
        return {
            "test": said_text_result(
                self.data,
                self.said,
                decoder,
                self._tested,
                settings=settings,
                n_permutations=self.n_permutations,
                seed=seed,
            )
        }

    def _decoder(self) -> Decoder:
        return Decoder(self.said["train"], self.lexicon, **self._options)

    def _windows(self, batch: Batch) -> np.ndarray:
        """(b,) rows of the split's table."""
        return self.data.averages(batch.split, 1).windows(batch.row.numpy(), 0)[0]

    def _rows(self, batch: Batch) -> tuple[np.ndarray, Tensor]:
        """Rows of the split's table whose sentences are known, and (b,) which of the batch they are."""
        rows = self._windows(batch)
        known = self.said[batch.split].known[rows]
        return rows[known], torch.from_numpy(known).to(batch.brain.device)

    def _ctc(self, log_probs: Tensor, rows: Sequence[int], split: str) -> Tensor:
        """CTC's loss a phone. It is never infinite: sentences with too many phones are left out when the data are set up."""
        phones = [torch.from_numpy(self.said[split].phones[row]) for row in rows]
        lengths = torch.tensor([len(one) for one in phones])
        target = torch.nn.utils.rnn.pad_sequence(phones, batch_first=True)
        steps = torch.full((len(phones),), self.n_steps)
        return ctc(log_probs, steps, target, lengths).sum() / lengths.sum()
