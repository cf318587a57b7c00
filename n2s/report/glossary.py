"""The words of the pages, each in one plain sentence or two: shown on hover, by keyboard and by touch, and on the site."""

import re
from typing import NamedTuple


class Term(NamedTuple):
    """A word, what it means, and how it is written on a page: a regular expression of Python and JavaScript, without case; empty for the word itself."""

    word: str
    meaning: str
    pattern: str = ""

    @property
    def written(self) -> str:
        """The expression that finds it on a page."""
        return self.pattern or self.word


#: In the order in which a page looks for them: the longer before what it contains.
TERMS = (
    Term("top-10 accuracy", "How often the right answer is among the first 10 that the model names, of all candidates. Top-1: how often it is the very first.", r"top-\d+(?: accuracy)?"),
    Term("rank", "The place of the right answer in the model's order of all candidates. 1 is the best.", r"median rank|rank"),
    Term("mean reciprocal rank", "The mean of 1 / rank of the right answer: 1 if it is always first, near 0 if it is always far down.", r"mean reciprocal rank|MRR"),
    Term("candidate", "One of the answers that the model can choose from, for example a segment of speech of the test set.", r"candidates?"),
    Term("window", "A short piece of a recording that is decoded at once, for example 3 seconds.", r"windows?"),
    Term("shuffled brain", "A control: the same model, but each brain response is compared as if it belonged to another moment. What it scores needs no link between brain and speech.", r"shuffled brain|permuted (?:brain|responses)|exchanged"),
    Term("no brain", "A control that never sees the brain. It knows only things such as timing, duration or which answers are frequent."),
    Term("subject only", "A control that knows who listens, but not what the brain did. It matters where people heard different sounds."),
    Term("chance", "What a guess scores. If a range is given, scores inside it can come from guessing."),
    Term("majority class", "A control that always names the most frequent class.", r"majority(?: class)?"),
    Term("control", "A decoder that cannot use the brain's answer to the sound. A model must beat every control before its score says something about the brain.", r"controls?"),
    Term("ideal observer", "The best decoder that can exist for simulated data: it knows exactly how they were made. No model can do better, except by luck.", r"ideal observer|best possible decoder"),
    Term("noise ceiling", "The best score that these data allow, as far as responses to the same sound agree with each other.", r"noise ceilings?"),
    Term("ceiling", "The best score that these data allow: from the ideal observer, from repeats of the same sound, or from other people.", r"ceilings?"),
    Term("interval", "Where the true value lies in 95 of 100 such experiments. It is wide with few people or few windows. If a control is inside it, the difference may be luck.", r"(?:95% )?(?:t |Wilson )?intervals?"),
    Term("linear decoder", "A simple decoder: a weighted sum of sensors and times. A network is worth its time only where it does better.", r"linear decoders?"),
    Term("encoding model", "A model in the other direction: from the speech to the brain response that it should cause.", r"encoding models?"),
    Term("match-mismatch", "Of two pieces of speech, which one did the person hear? Chance is 50%.", r"match[- ]mismatch"),
    Term("r", "Pearson's correlation between what is predicted and what was measured: 1 is perfect, 0 is none.", r"Pearson(?:'s)? r|correlations?"),
    Term("R²", "The share of the variance that is predicted: 1 is all, 0 is none, below 0 is worse than the mean.", r"R²"),
    Term("WER", "Word error rate: how many words must be changed, added or left out, divided by the number of words that were said. Lower is better.", r"WERs?|word error rates?"),
    Term("CER", "Character error rate: as the word error rate, of letters. Lower is better.", r"CERs?|character error rates?"),
    Term("PER", "Phone error rate: as the word error rate, of phones. Lower is better.", r"phone error rates?"),
    Term("BERTScore", "How alike two texts are in meaning, word by word, by a network of language.", r"BERTScore"),
    Term("F1-macro", "The mean over classes of F1, which counts both what was missed and what was named wrongly. Rare classes count as much as frequent ones.", r"F1[- ]macro|macro[- ]F1|F1"),
    Term("balanced accuracy", "The mean over classes of the share of each class that is found. Chance is 1 / number of classes.", r"balanced accuracy"),
    Term("AUC", "How often a random case of a class has a higher score than a random case of another. Chance is 50%.", r"AUC"),
    Term("Holm", "A correction for many tests on one page: with more tests, each needs stronger evidence.", r"Holm"),
    Term("p", "How often data without any effect look at least as good. 0.05 is one time in 20.", r"p-values?|p(?= =)"),
    Term("identification", "How often a decoded clip is more like what was heard than like another clip. Chance is 50% with two.", r"identification|2-way|\d+-way"),
    Term("mel spectrogram", "How strong a sound is at each moment and pitch, with pitches spaced as people hear them.", r"(?:log-)?mel(?: spectrograms?)?"),
    Term("lag", "The time between a sound and the brain response to it.", r"lags?"),
    Term("phase locking", "How steadily the phase of a brain signal follows that of the sound: 1 is always, 0 is never.", r"phase[- ]locking"),
    Term("coherence", "How steadily brain and sound go together at one frequency: 1 is always, 0 is never.", r"coherence"),
    Term("mutual information", "How much one signal says about another, in bits.", r"mutual information"),
    Term("cross-validation", "Every part of the data is held out once; a new model is trained for each part.", r"cross-validat\w+|folds?"),
    Term("held out", "Not used for training, in any form: the model sees it for the first time in the test.", r"held[- ]out"),
    Term("Fréchet distance", "How far two sets of sounds are apart as a whole, by features of a network. Lower is better.", r"Fréchet(?: audio)? distance|FAD|FD"),
    Term("ROI", "A region of the brain in which scores are averaged.", r"ROIs?"),
    Term("BOLD", "What fMRI measures: oxygen in the blood, which follows the work of neurons by some seconds.", r"BOLD"),
    Term("z-score", "How many standard deviations a value is above the mean.", r"z-scor(?:es?|ed)"),
    Term("loss", "The number that training makes smaller.", r"loss(?:es)?"),
    Term("epoch", "Training once through all training data.", r"epochs?"),
    Term("surrogate", "A control in which the sound is moved in time, so that it no longer fits the brain signal.", r"surrogates?|moved in time"),
    Term("segment", "A stretch of a sound that somebody heard, a few seconds long.", r"segments?"),
    Term("permuted labels", "The same test with labels exchanged within runs: what remains is not from the labels.", r"permuted labels|labels permuted"),
    Term("split", "The rule by which stories, sentences or stretches of time go to training, validation and test.", r"splits?"),
    Term("run", "One training with its settings, in a folder of its own; or one stretch of recording without a break."),
    Term("recipe", "A YAML file that says everything about a training.", r"recipes?"),
    Term("overlay", "A small recipe that is laid over another one with a second --config.", r"overlays?"),
)  # fmt: skip

#: The words alone: word -> what it means.
GLOSSARY: dict[str, str] = {term.word: term.meaning for term in TERMS}


def appearing(text: str) -> list[Term]:
    """The terms that a text without tags has."""
    return [term for term in TERMS if re.search(rf"(?<!\w)(?:{term.written})(?!\w)", text, re.IGNORECASE)]
