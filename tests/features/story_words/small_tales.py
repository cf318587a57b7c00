"""Stories of a small grammar, whose best perplexity is known."""

import numpy as np

PLACES = {"dog": ("yard", "kitchen"), "fish": ("river", "lake"), "bird": ("tree", "sky")}


def tales(n: int, sentences: int = 40, seed: int = 0) -> list[list[str]]:
    """Each sentence: who and where go together; the two are three words apart."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        words = []
        for _ in range(sentences):
            who = rng.choice(list(PLACES))
            words += ["the", who, rng.choice(["slept", "played"]), "in", "the", rng.choice(PLACES[who])]
        found.append([str(word) for word in words])
    return found


#: exp of the entropy of a word: of six words of a sentence, who is one of 3, what it did one of 2, where one of 2.
BEST = (3 * 2 * 2) ** (1 / 6)
