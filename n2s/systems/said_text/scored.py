"""The result of a finished test: each sentence as the brain, no brain and training sentences would have it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.systems.said_text.decoding import Decoded, Decoder, named
from n2s.systems.said_text.result import SaidTextResult
from n2s.systems.said_text.said import Said
from n2s.systems.speech.speech_to_text import typical

N_OTHERS = 40  # training sentences that each test sentence is compared with
KEPT = ("subject", "recording", "condition", "unit", "story", "onset", "duration", "start_s")


def said_text_result(
    data: EventDataModule,
    said: Mapping[str, Said],
    decoder: Decoder,
    log_probs: Mapping[str, np.ndarray],
    *,
    settings: Mapping[str, object],
    n_permutations: int,
    seed: int,
) -> SaidTextResult:
    """Decode the test sentences that are known.

    Parameters
    ----------
    data, said
        Set up; split -> what is said.
    decoder
        With the chosen weight of the language model.
    log_probs
        ``brain``, ``none`` (without a brain) -> (n, l, k + 1) of all test windows.
    settings
        Of the network and the search: plain types.
    n_permutations, seed
        Of the null, and of what is drawn.
    """
    test, train = said["test"], said["train"]
    rows = np.flatnonzero(test.known)
    columns: dict[str, list[str]] = {
        "words": [" ".join(test.words[row]) for row in rows],
        "phones": [" ".join(named(test.phones[row])) for row in rows],
    }
    decoded: dict[bytes, Decoded] = {}
    for name, values in log_probs.items():
        found = []
        for row in rows:
            key = values[row].tobytes()  # without a brain all windows of a person are alike
            if key not in decoded:
                decoded[key] = decoder(values[row])
            found.append(decoded[key])
        columns |= {
            f"{name}_{part}": [" ".join(getattr(one, part)) for one in found] for part in ("greedy", "phones", "words")
        }
    table = data.events("test").iloc[rows][list(KEPT)].reset_index(drop=True).assign(**columns, fold=0)
    learned = np.flatnonzero(train.known)
    drawn = np.random.default_rng(seed).choice(learned, min(N_OTHERS, len(learned)), replace=False)
    texts = [" ".join(train.words[row]) for row in learned]
    constant = learned[texts.index(typical(texts, seed))]
    told = [
        (role, train.words[row], named(train.phones[row]))
        for role, which in (("random", drawn), ("constant", [constant]))
        for row in which
    ]
    others = pd.DataFrame(
        [
            {"role": role, "words": " ".join(words), "phones": " ".join(phones), "fold": 0}
            for role, words, phones in (*told, ("likeliest", *decoder.likeliest()))
        ]
    )
    known = decoder.vocabulary if decoder.of_words else {word for row in learned for word in train.words[row]}
    unknown = sorted({word for text in columns["words"] for word in text.split()} - known)
    seen = sum(text in set(texts) for text in columns["words"])
    made = dict(settings) | {
        "unknown_words": unknown,
        "n_seen": seen,
        "n_train": len(learned),
        "n_val": int(said["val"].known.sum()),
        "window_s": data.shape.window_s,
        "split": type(data.split).__name__,
    }
    return SaidTextResult(table, others, made, n_permutations, seed)
