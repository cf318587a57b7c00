"""What must hold before a first fit: two languages, whole contents held out in all of them, one space of features."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from n2s.data.encoding_data import EncodingData
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.study import Study
from n2s.studies.text import normal

#: Languages of the card of paraphrase-multilingual-MiniLM-L12-v2 and of its mpnet sibling.
MINILM = frozenset(
    [
        "ar",
        "bg",
        "ca",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "es",
        "et",
        "fa",
        "fi",
        "fr",
        "gl",
        "gu",
        "he",
        "hi",
        "hr",
        "hu",
        "hy",
        "id",
        "it",
        "ja",
        "ka",
        "ko",
        "ku",
        "lt",
        "lv",
        "mk",
        "mn",
        "mr",
        "ms",
        "my",
        "nb",
        "nl",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "sq",
        "sr",
        "sv",
        "th",
        "tr",
        "uk",
        "ur",
        "vi",
        "zh",
    ]
)

ALIGNED = (
    0.5  # of the parts of a story that two languages must share: else nothing says which sentences are translations
)


def languages_heard(data: EncodingData, subjects: Sequence[str]) -> dict[str, list[str]]:
    """Subject -> the languages that it has in training and held-out rows, in the order of the alphabet.

    Raises
    ------
    UserError
        A sound without a language, or one language alone.
    """
    unknown = sorted(name for name, language in data.languages.items() if not language)
    if unknown:
        raise UserError(
            f"the language of {len(unknown)} of {len(data.languages)} sounds is not known ({first_of(unknown)}). CrossLanguage compares languages: "
            "give the events' column `language` (en, es, eu), or the study's option `language`."
        )
    found = {}
    for subject in subjects:
        rows, sides = data.rows(subject), []
        for numbers in (
            np.concatenate([getattr(fold, side) for fold in data.folds(subject)] or [[]]) for side in ("train", "test")
        ):
            stimuli = rows.stimulus.iloc[numbers.astype(int)].astype(str).unique()
            sides.append({data.languages.get(name, "") for name in stimuli} - {""})
        found[subject] = sorted(set.intersection(*sides))
    every = sorted({one for own in found.values() for one in own})
    if len(every) < 2:
        raise UserError(
            f"CrossLanguage needs two languages or more that are in training and in held-out rows; found {first_of(every) or 'none'}. Take a study "
            "in several languages (data.studies), more stories, or fewer folds (data.n_folds); for one language: n2s.systems.BrainScore."
        )
    return found


def check_trained(data: EncodingData, subjects: Sequence[str]) -> None:
    """Raise a UserError if somebody's language is held out in a fold that trains on nothing of it: its features could not be centred."""
    for subject in subjects:
        language = data.rows(subject).stimulus.astype(str).map(lambda name: data.languages.get(name, ""))
        for fold in data.folds(subject):
            train, test = (set(language.iloc[numbers]) - {""} for numbers in (fold.train, fold.test))
            if test - train:
                raise UserError(
                    f"{subject}, {fold.name}: all that is heard in {first_of(sorted(test - train))} is held out, and nothing of it is in training: its features "
                    "cannot be centred. Take fewer folds (data.n_folds) or another split, more stories in that language, or leave those recordings out."
                )


#: What else there is than mending it.
LEAK = " To see what translations in training are worth, set model.content to matched: that is shown beside, and named."


def check_content(data: EncodingData, subjects: Sequence[str], *, together: bool, leak: str = LEAK) -> None:
    """Raise a UserError if a translation of what is held out is in training, or if that cannot be known; tell stories without translation.

    A story is known again by the content that its study declares (story or stimulus), else by its name in the events, whichever study
    it is of. Where parts of a story are held out, these have to be the same parts in every language (sentences whose content is declared).

    Parameters
    ----------
    data, subjects
        Whose rows.
    together
        Whether models of one subject are learned from rows of others.
    leak
        What else a user may do if a translation is in training: a sentence after a space, or nothing.
    """
    tell_alone(data)
    table = _stories(data, subjects)
    _check_known(data.studies, table)
    by_content = table.groupby("content").language.nunique()
    alone = sorted(by_content.index[by_content == 1])
    if alone:
        tell(
            "odd",
            "the stories",
            f"{len(alone)} of {len(by_content)} are heard in one language alone ({first_of(alone)}): they have no translation, are trained on and held out "
            "as all others, and no content-matched cell has them.",
        )
    content = dict(zip(table.story_key, table.content, strict=True))
    sides: dict[str, list[tuple[pd.DataFrame, pd.DataFrame]]] = {}
    for subject in subjects:
        rows = data.rows(subject)
        key = _keys(rows.stimulus.astype(str), rows.story.astype(str)).map(content).fillna("")
        language = rows.stimulus.astype(str).map(lambda name: data.languages.get(name, ""))
        heard = pd.DataFrame({"content": key, "language": language, "unit": rows.unit.astype(str)})
        for fold in data.folds(subject):
            where = fold.name if together else f"{subject}, {fold.name}"
            parts = (heard.iloc[numbers].drop_duplicates() for numbers in (fold.train, fold.test))
            sides.setdefault(where, []).append(tuple(parts))
    for where, parts in sides.items():
        _check_fold(*(pd.concat([one[side] for one in parts]) for side in (0, 1)), where, leak)  # type: ignore[call-arg]


def tell_alone(data: EncodingData) -> None:
    """Tell how many sentences have no translation, of studies that say which have: they are held out and trained on as all others."""
    said: dict[str, set[str]] = {}
    n_all = 0
    for name, stimulus in data.stimuli.items():
        declared = data.studies[name.split("/", 1)[0]].content or {}
        sentences = {normal(one) for one in stimulus.words.sequence.unique() if one} if len(stimulus.words) else set()
        if not sentences & set(declared):
            continue
        n_all += len(sentences)
        for one in sentences:
            said.setdefault(declared.get(one, f"{name}\n{one}"), set()).add(data.languages.get(name, ""))
    alone = sum(1 for languages in said.values() if len(languages) == 1)
    if alone:
        tell(
            "odd",
            "the sentences",
            f"{alone} of {n_all} have no translation: they are trained on and held out with their stories, as all others.",
        )


def _check_fold(train: pd.DataFrame, test: pd.DataFrame, where: str, leak: str = LEAK) -> None:
    held = test[test.content != ""].drop_duplicates()
    used = train[train.content != ""].drop_duplicates()
    both = held.merge(used, on="content", suffixes=("", "_train"))
    both = both[both.language != both.language_train]
    for row in both.drop_duplicates(["content", "language", "language_train"]).itertuples():
        content = row.content
        every = pd.concat([held, used])[lambda table: table.content == row.content]  # noqa: B023 (used at once)
        own, other = (set(every.unit[every.language == one]) for one in (row.language, row.language_train))
        together = own & other  # parts of the story that are held out in both languages at once
        if len(together) >= ALIGNED * min(len(own), len(other)):
            left = len(own ^ other)
            if left:
                tell(
                    "odd",
                    f"the story '{content}'",
                    f"{left} of its parts have no translation: they are held out by themselves.",
                )
            continue
        raise UserError(
            f"{where}: '{content}' is held out in {row.language}, and its translation in {row.language_train} is in training: scores would be of what was "
            "heard before. Declare what is equal in the studies' `content` (story or stimulus: one name for all languages) and hold out whole "
            f"stories (data.split: n2s.data.SplitByStory).{leak}"
        )


def _check_known(studies: Mapping[str, Study], table: pd.DataFrame) -> None:
    for name, own in table.groupby("study"):
        if studies[name].content is not None or own.language.nunique() < 2:
            continue
        if own.groupby("content").language.nunique().max() < 2:
            stories = {language: first_of(sorted(part.story.unique()), 3) for language, part in own.groupby("language")}
            told = "; ".join(f"{language}: {names}" for language, names in stories.items())
            raise UserError(
                f"study {name}: it is heard in {' and '.join(sorted(own.language.unique()))}, no story has one name in two of them ({told}), and nothing says "
                "which are translations of each other: a translation of a held-out story may be in training. Say it in the study's `content` "
                "(story or stimulus: name of what it tells, one name for all languages); an empty one says that there are no translations."
            )


def _stories(data: EncodingData, subjects: Sequence[str]) -> pd.DataFrame:
    """``study``, ``story``, ``stimulus``, ``story_key``, ``language``, ``content``: each sound once."""
    found = []
    for subject in subjects:
        rows = data.rows(subject)[["stimulus", "story"]].astype(str).drop_duplicates()
        found.append(rows[rows.stimulus != ""])
    table = pd.concat(found).drop_duplicates(ignore_index=True)
    table["study"] = table.stimulus.str.split("/", n=1).str[0]
    table["language"] = table.stimulus.map(data.languages)
    table["story_key"] = _keys(table.stimulus, table.story)
    contents = []
    for row in table.itertuples():
        declared = data.studies[row.study].content or {}
        stimulus = row.stimulus.split("/", 1)[1]
        contents.append(declared.get(normal(row.story)) or declared.get(normal(stimulus)) or normal(row.story))
    return table.assign(content=contents)


def _keys(stimulus: pd.Series, story: pd.Series) -> pd.Series:
    return stimulus + "\n" + story


def check_encoders(features: Mapping[str, object], languages: Sequence[str]) -> None:
    """Raise a UserError if a sentence encoder does not know one of the languages, as its card says."""
    for name, feature in features.items():
        model = str(getattr(getattr(feature, "text", feature), "model", ""))
        missing = [one for one in languages if one not in MINILM]
        if "paraphrase-multilingual-" in model and missing:
            raise UserError(
                f"data.features.{name}: '{model}' does not know {first_of(missing)} (its card lists {len(MINILM)} languages, Basque not among them): its "
                "vectors of such text mean little. Take sentence-transformers/LaBSE (109 languages, Basque among them)."
            )
