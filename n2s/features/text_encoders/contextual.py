"""Any text network as an encoder of decoded words: a vector for a stretch, and one for each token in it."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.sentence import SentenceEmbedding
from n2s.features.text_encoders.encoder import TextEncoder, Tokens, segments
from n2s.options import check_options

_BATCH, _BATCH_GPU = 32, 256  # texts that are read at once


class ContextualText(TextEncoder):
    """A network that reads a stretch of words (BERT, RoBERTa, MiniLM, E5, LaBSE): sentence vectors, and tokens for a BERTScore.

    A score is named by the network: BERTScores of two networks cannot be compared. The published ones of story decoders are of
    ``roberta-large``, layer 17.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    layer
        Whose tokens a BERTScore compares; None: the last.
    prefix
        Put before each text, where the network expects one (E5: ``"query: "``). Its tokens are in every training segment, so their idf is 0.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import ContextualText
    >>> encoder = ContextualText("FacebookAI/roberta-large", layer=17)
    >>> encoder.learn([["it", "rained", "all", "day"]])  # doctest: +SKIP
    >>> encoder.spans(["it", "rained"], np.array([0]), np.array([2])).shape  # doctest: +SKIP
    (1, 1024)
    """

    contextual = True

    def __init__(
        self,
        model: str = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        *,
        layer: int | None = None,
        prefix: str = "",
        device: str | None = None,
    ) -> None:
        check_options("ContextualText: ", low=0, whole=True, layer=layer)
        self.model, self.layer = model, layer
        self._network = SentenceEmbedding(model, prefix=prefix, device=device)
        self._weights: dict[int, float] | None = None
        self._unseen = 0.0

    @property
    def name(self) -> str:
        """The model's id, or the end of its folder's path, and the layer."""
        text = "/".join(self.model.rstrip("/").split("/")[-2:])
        return text if self.layer is None else f"{text}, layer {self.layer}"

    def settings(self) -> dict:
        """See `TextEncoder`."""
        return {"class": type(self).__name__, "layer": self.layer} | self._network.settings()

    def learn(self, stories: Sequence[Sequence[str]]) -> None:
        """How many of the training segments lack each token: log((n + 1) / (segments with it + 1))."""
        if self.layer is not None and not 0 <= self.layer <= self._network.n_layers:
            raise UserError(
                f"layer is {self.layer}; '{self.model}' has layers 0 (its input) to {self._network.n_layers}."
            )
        texts = [" ".join(one) for one in segments(stories)]
        if not texts:
            raise UserError("Inverse document frequencies are counted in the training stories; these have no words.")
        n = Counter()
        for text in texts:
            n.update(self._network.token_ids(text))
        self._weights = {token: math.log((len(texts) + 1) / (count + 1)) for token, count in n.items()}
        self._unseen = math.log(len(texts) + 1)

    def spans(self, words: Sequence[str], first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """See `TextEncoder`."""
        return self._read(words, first, last, tokens=False)[0]

    def read(self, words: Sequence[str], first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, Tokens]:
        """See `TextEncoder`."""
        if self._weights is None:
            raise UserError(
                f"'{self.model}' has no inverse document frequencies yet. Call learn() with the training stories."
            )
        return self._read(words, first, last, tokens=True)

    def release(self) -> None:
        """See `TextEncoder`."""
        self._network.release()

    @torch.inference_mode()
    def _read(
        self, words: Sequence[str], first: np.ndarray, last: np.ndarray, *, tokens: bool
    ) -> tuple[np.ndarray, Tokens]:
        texts = [" ".join(words[a:b]) for a, b in zip(first, last, strict=True)]
        distinct = sorted(set(texts) - {""}, key=lambda text: (len(text), text))  # like lengths: little padding
        step = _BATCH_GPU if self._network.on_gpu else _BATCH
        batches = [
            self._network.read(distinct[at : at + step], layer=self.layer if tokens else None)
            for at in range(0, len(distinct), step)
        ]
        place = {text: number for number, text in enumerate(distinct)}
        rows = np.array([place.get(text, len(distinct)) for text in texts], int)
        f = self._network.n_features
        vectors = np.concatenate([*(one.vectors.cpu().numpy() for one in batches), np.zeros((1, f), np.float32)])[rows]
        if not tokens:
            return vectors, None
        longest = max((one.ids.shape[1] for one in batches), default=1)
        device = batches[0].states.device if batches else "cpu"
        found = torch.zeros(len(distinct) + 1, longest, self._network.n_states, device=device)
        weight, there = torch.zeros(found.shape[:2]), torch.zeros(found.shape[:2], dtype=torch.bool)
        at = 0
        for one in batches:
            part = (slice(at, at + len(one.ids)), slice(one.ids.shape[1]))
            found[part] = F.normalize(one.states, dim=-1) * one.own[..., None]
            weight[part] = self._idf(one.ids.cpu()) * one.own.cpu()
            there[part] = one.own.cpu()
            at += len(one.ids)
        index = torch.from_numpy(rows).to(device)
        return vectors, Tokens(found[index], weight.to(device)[index], there.to(device)[index])

    def _idf(self, ids: torch.Tensor) -> torch.Tensor:
        known = [self._weights.get(token, self._unseen) for token in ids.flatten().tolist()]
        return torch.tensor(known).reshape(ids.shape)
