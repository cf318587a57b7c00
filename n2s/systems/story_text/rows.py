"""The rows of the table of scores: what was decoded, and what was decoded with less."""

from n2s.metrics.score import Row

TRUE, MODEL, NULL, CEILING = "true", "model", "null", "noiseless"
#: Texts of random likelihoods at the word times of the model, and at those of a decoder beside it.
NULLS = NULL, NULL_BESIDE = NULL, "null_beside"
BESIDE = ("transferred", "across", "across_permuted")
ROWS = {
    MODEL: Row("decoded"),
    "transferred": Row("another person's decoder"),
    "across": Row("decoder of the other language"),
    "across_permuted": Row("decoder of the other language, permuted brain", "control"),
    "permuted": Row("permuted brain", "control"),
    "other_story": Row("brain of another story", "control"),
    "word_rate": Row("word rate only", "control"),
    "no_brain": Row("no brain", "control"),
    NULL: Row("random likelihoods", "control"),
    NULL_BESIDE: Row("random likelihoods, other decoder's word times", "control"),
    CEILING: Row("ceiling: noiseless brain", "ceiling"),
}
#: What each row is, for the page.
TOLD = {
    "transferred": "text and word times by the decoder of the reference person, through a map of responses that was learned from the training stories of both",
    "across": "text and word times by a decoder whose encoding model, noise and word rate were learned from stories in the other language alone; its words "
    "are proposed by the same language model",
    "across_permuted": "the same by that decoder, with the volumes of the brain permuted in blocks",
    "permuted": "the same search, with the volumes of the brain permuted in blocks",
    "other_story": "the same search, with the brain of another held-out story",
    "word_rate": "the language model alone (its most probable text), with a word where the brain says that there is one",
    "no_brain": "the language model alone (its most probable text), at a constant rate of words",
    NULL: "the same search at the decoded word times, where every hypothesis has a random likelihood",
    NULL_BESIDE: "the same at the word times of the other decoder, whose rows have their z and p against these texts",
    CEILING: "the same search on what the fitted model predicts of the words that were said: no noise, and no error of the model",
}
#: Metrics -> whether higher is better.
METRICS = {"wer": False, "bleu1": True, "meteor": True, "match": True, "bertscore": True, "identification": True}


def null_of(row: str) -> str:
    """The null texts that a row is scored against: those at the word times of its decoder."""
    return NULL_BESIDE if row in BESIDE else NULL


def row_of(name: str) -> Row:
    """How a row is shown; one that is not known is a model by its own name."""
    return ROWS.get(name, Row(name))


def ordered(names: list[str]) -> list[str]:
    """Rows in the order of the table."""
    known = list(ROWS)
    return sorted(dict.fromkeys(names), key=lambda name: known.index(name) if name in known else 0)
