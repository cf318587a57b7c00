"""Which language the stories of a decoder are in, and the rows of a fold in one language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.language_tags import short_language
from n2s.errors import UserError, first_of
from n2s.features.story_words.port import StoryLanguageModel
from n2s.findings import tell
from n2s.systems.cross_language.checks import check_content


class OneLanguage:
    """The data of a datamodule; its folds have rows of one language alone, or training rows of one and held-out rows of another.

    Parameters
    ----------
    data
        All else is its own.
    trained, tested
        The language of training rows, and of held-out rows.
    """

    def __init__(self, data: EncodingData, trained: str, tested: str):
        self._data, self._trained, self._tested = data, trained, tested
        self._folds: dict[str, list[Fold]] = {}

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):  # of a copy that has nothing yet, too
            raise AttributeError(name)
        return getattr(self._data, name)

    def folds(self, subject: str) -> list[Fold]:
        """See `EncodingData`. A fold that holds out nothing in the language is not there.

        Raises
        ------
        UserError
            A fold trains on nothing in the language, or on one story alone, or no fold is left.
        """
        if subject not in self._folds:
            self._folds[subject] = self._of(subject)
        return self._folds[subject]

    def _of(self, subject: str) -> list[Fold]:
        stimulus = self._data.rows(subject).stimulus.astype(str)
        language = stimulus.map(lambda name: self._data.languages.get(name, "")).to_numpy(str)
        found, every = [], self._data.folds(subject)
        for fold in every:
            own, test = language[fold.train] == self._trained, fold.test[language[fold.test] == self._tested]
            if not len(test):
                continue
            groups = np.asarray(fold.groups)[own]
            if len(set(groups.tolist())) < 2:
                few = f"one story alone ({groups[0]})" if len(groups) else "nothing"
                raise UserError(
                    f"{subject}, {fold.name}: {few} that is heard in '{self._trained}' is in training; two stories or more are needed. Take more stories in that "
                    "language, more folds (data.n_folds), or another split."
                )
            stretches = None if fold.stretches is None else fold.stretches[own]
            found.append(replace(fold, train=fold.train[own], test=test, groups=groups, stretches=stretches))
        if not found:
            heard = first_of(sorted(set(language) - {""})) or "none"
            raise UserError(
                f"{subject}: nothing in '{self._tested}' is held out; languages that were heard: {heard}. Leave this subject out (data.subjects), or hold out "
                "stories in that language (data.split, data.n_folds)."
            )
        return found


@dataclass(frozen=True)
class Languages:
    """What a decoder is learned from and tested on.

    Attributes
    ----------
    language, other
        The language that is decoded, and the other one that a decoder beside it learns the brain from (None: there is none).
    stories
        The data, with folds in ``language``.
    across
        The data, with training rows in ``other`` and held-out rows in ``language``; None: there is no other language.
    """

    language: str
    other: str | None
    stories: EncodingData
    across: EncodingData | None

    @classmethod
    def of(
        cls,
        data: EncodingData,
        language: str | None,
        other: str | None,
        model: StoryLanguageModel,
        reference: str | None,
    ) -> "Languages":
        """Check the options of a recipe against what was heard; see `n2s.systems.StoryDecoder`.

        Raises
        ------
        UserError
            They do not fit; somebody heard one of two languages alone; or a story may be in training while its translation is held out.
        """
        own = told_language(data.languages, language or "")
        if other is None:
            return cls(own, None, stories_in(data, own), None)
        other = told_other(data.languages, language, other, model, reference)
        check_both(data, data.subjects, (own, other))
        check_content(data, data.subjects, together=False, leak="")
        tell_left_out(data, (own, other))
        stories, across = (OneLanguage(data, one, own) for one in (own, other))
        for subject in data.subjects:
            check_apart(across, subject)
        return cls(own, other, stories, across)


def fold_named(data: EncodingData, subject: str, name: str) -> Fold | None:
    """The fold of a name; None: the subject has none."""
    return next((one for one in data.folds(subject) if one.name == name), None)


def check_apart(data: EncodingData, subject: str) -> None:
    """Raise a UserError if a unit of the split (a story, a block) is in training in one language and held out in another."""
    unit = data.rows(subject).unit.astype(str).to_numpy()
    for fold in data.folds(subject):
        both = sorted((set(unit[fold.train]) & set(unit[fold.test])) - {""})
        if both:
            raise UserError(
                f"{subject}, {fold.name}: {first_of(both)} is held out, and its translation is in training. Hold out whole contents in all languages at once "
                "(data.split: n2s.data.SplitByStory, and the study's `content`)."
            )


def check_both(data: EncodingData, subjects: Sequence[str], languages: tuple[str, str]) -> None:
    """Raise a UserError if somebody heard one of two languages alone."""
    for subject in subjects:
        stimuli = data.rows(subject).stimulus.astype(str).unique()
        heard = {data.languages.get(name, "") for name in stimuli} - {""}
        missing = [one for one in languages if one not in heard]
        if missing:
            raise UserError(
                f"{subject} heard nothing in '{missing[0]}'; of {' and '.join(languages)} (model.language, model.other_language) both are needed of everybody. "
                "Leave this subject out (data.subjects), or model.other_language."
            )


def stories_in(data: EncodingData, language: str) -> EncodingData:
    """The data with the stories of one language alone, which is told; the data themselves if there is no other."""
    if not any(one not in ("", language) for one in data.languages.values()):
        return data
    tell_left_out(data, (language,))
    return OneLanguage(data, language, language)


def tell_left_out(data: EncodingData, used: tuple[str, ...]) -> None:
    """Tell of stories in none of the languages that are used: the one that is decoded, and the other one if there is one."""
    others = [one for one in data.languages.values() if one not in used]
    if not others:
        return
    named = first_of([one or "a language that is not known" for one in sorted(set(others))])
    if len(used) == 1:
        said = f"not in '{used[0]}' (model.language)"
    else:
        said = f"in neither '{used[0]}' nor '{used[1]}' (model.language, model.other_language)"
    tell("left out", "the stories", f"{len(others)} of {len(data.languages)} are {said} but in {named}.")


def told_language(heard: Mapping[str, str], given: str) -> str:
    """The one language that is decoded; what a recipe gives must not contradict the events.

    Raises
    ------
    UserError
        It is not known, there are several, or none of them is the recipe's.
    """
    known, own = sorted({one for one in heard.values() if one}), short_language(given)
    if len(known) > 1 and not given:
        raise UserError(
            f"the stories are of several languages ({', '.join(known)}), and StoryDecoder writes the words of one. Set model.language to one of them: its "
            "stories alone are used. With model.other_language, too, a decoder that learned the brain from that other language reads the same stories "
            "(configs/story_text_across.yaml). For models across languages: configs/cross_language.yaml."
        )
    if not known and not given:
        raise UserError(
            "the events do not say of which language the stories are. Set model.language, such as en, es or eu: stop words and stems depend on it."
        )
    if known and given and own not in known:
        remedy = "Leave model.language out." if len(known) == 1 else "Take one of them."
        raise UserError(f"model.language is '{given}', and the stories are in '{', '.join(known)}' (events). {remedy}")
    return own if given else known[0]


def told_other(
    heard: Mapping[str, str], language: str | None, given: str, model: StoryLanguageModel, reference: str | None
) -> str:
    """The other language, that the brain is learned from.

    Raises
    ------
    UserError
        It is the language that is decoded, or nobody heard it; that language is not given; features of the language model mean other things
        in each language; it does not know one of the languages; or a reference person is given, too.
    """
    known, other = sorted({one for one in heard.values() if one}), short_language(given)
    if reference is not None:
        raise UserError(
            f"model.other_language is '{given}' and model.reference '{reference}'; a decoder of another language or one of another person reads the "
            "stories, not both. Leave one out."
        )
    if not language:
        raise UserError(
            f"model.other_language is '{given}', and model.language is not given. Set it to the language whose words are decoded: {first_of([one for one in known if one != other])}."
        )
    if other == short_language(language):
        raise UserError(
            f"model.language is '{language}' and model.other_language '{given}', the same. Set another one, or leave model.other_language out."
        )
    if other not in known:
        raise UserError(
            f"model.other_language is '{given}', which nobody heard. Languages of the stories (events): {first_of(known) or 'not known'}."
        )
    if not model.shared:
        raise UserError(
            f"model.other_language is '{given}', and the features of {type(model).__name__} mean other things in each language. Set model.language_model to "
            "n2s.features.SharedStoryWords, whose vectors of words lie near those of their translations."
        )
    for one in (short_language(language), other):
        model.check_language(one)
    return other
