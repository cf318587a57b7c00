"""What was heard, and what has equal content: one sound under two names, translations, a repeated sentence."""

import difflib
import itertools
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from n2s.data.language_tags import short_language
from n2s.data.spans import lengths, merged, minus
from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.text import normal

_NEAR = 0.8  # of a misspelt name to the right one: a letter in ten, or two swapped
_SHARED = 0.5  # two stories are one content if they share at least this fraction of the shorter one's sound


@dataclass(frozen=True)
class Heard:
    """What the listeners of one study heard, and what the study declares about it.

    Parameters
    ----------
    events
        Events table of each recording, by name.
    official
        The study's own split: story or sentence id -> train, val or test.
    content
        See `n2s.studies.study.Study.content`.
    sounds
        Stimulus -> identity of its sound: two names with one identity are one sound. By default each name is another sound.
    lengths_s
        Stimulus -> length of its whole audio, s. By default up to the last moment that was heard.
    subjects
        Recording -> who was recorded.
    """

    events: Mapping[str, pd.DataFrame]
    official: Mapping[str, str] | None = None
    content: Mapping[str, str] | None = None
    sounds: Mapping[str, str] = field(default_factory=dict)
    lengths_s: Mapping[str, float] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)


def story_contents(rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
    """Find the content of each row's story. Stories have one content if their study declares it, or if they share a sound.

    Parameters
    ----------
    rows
        ``study``, ``story``, ``stimulus``, ``sound``, ``language``, ``stimulus_onset``, ``duration``: one row per stretch.
    said
        `Heard.content` of each study.

    Returns
    -------
    With the index of ``rows``: ``content`` (unique), ``name`` (of the content, or of its first story), and ``versions``:
    whether it is heard in several languages, or as several sounds that the study declares equal.
    """
    nodes = list(zip(rows.study, rows.story, strict=True))
    pairs: set[tuple[Hashable, Hashable]] = {(node, node) for node in nodes}
    for study, story, stimulus in set(zip(rows.study, rows.story, rows.stimulus, strict=True)):
        known = said.get(study) or {}
        keys = [normal(story), normal(stimulus)]
        pairs |= {((study, story), _Said(known[key])) for key in keys if key in known}
        if keys[0] not in known and keys[0] in known.values():  # prince_es: prince, and prince itself is heard
            pairs.add(((study, story), _Said(keys[0])))
    pairs |= _sharing(rows)
    number = _classes(pairs)
    names: dict[int, tuple[int, str, str]] = {}
    for node, group in number.items():
        named = (0, str(node.name), f"content {node.name}") if isinstance(node, _Said) else (1, node[1], "/".join(node))
        names[group] = min(names.get(group, named), named)
    found = pd.DataFrame([names[number[node]] for node in nodes], rows.index, ["rank", "name", "content"])
    sounds = rows.sound.groupby(found.content).transform("nunique")
    languages = _languages(rows).groupby(found.content).transform("nunique")
    versions = (languages > 1) | ((found["rank"] == 0) & (sounds > 1))
    _warn(rows, said, translated=set(rows.study[languages > 1]))
    return found[["content", "name"]].assign(versions=versions)


def sentence_contents(rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
    """Find the content of each sentence: one id in a study, the same words anywhere, or sentences that the study declares equal.

    Parameters
    ----------
    rows
        ``study``, ``sequence``, ``text``: one row per sentence.
    said
        `Heard.content` of each study.

    Returns
    -------
    With the index of ``rows``: ``unit`` (unique, and the same whatever else is heard), ``name`` (it determines the split) and
    ``aligned``: whether the study declares its content.
    """
    own = rows.sequence.where(rows.sequence != "", rows.text)
    words = rows.text.map({text: sentence_id(text) for text in rows.text.unique() if text}).fillna("")
    keys = list(zip(rows.study, own, words, strict=True))
    pairs: set[tuple[Hashable, Hashable]] = set()
    for study, sentence, text in set(keys):
        node, known = (study, sentence), said.get(study) or {}
        pairs |= {(node, node)} | ({(node, text)} if text else set())
        pairs |= {(node, _Said(known[key])) for key in (normal(sentence), text) if key in known}
    number = _classes(pairs)
    names: dict[int, tuple[int, str, str]] = {}
    for node, group in number.items():
        if not isinstance(node, str):
            named = (
                (0, str(node.name), f"content {node.name}") if isinstance(node, _Said) else (1, node[1], "/".join(node))
            )
            names[group] = min(names.get(group, named), named)
    group = np.array([number[study, sentence] for study, sentence, _ in keys])
    return pd.DataFrame(
        {
            "unit": [names[i][2] for i in group],
            "name": [names[i][1] for i in group],
            "aligned": [names[i][0] == 0 for i in group],
        },
        rows.index,
    )


@dataclass(frozen=True)
class _Said:
    """A content that a study names. Studies share these names."""

    name: str


def _classes(pairs: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """Give one number to all nodes that pairs connect, directly or through others."""
    pairs = list(pairs)
    index = {node: i for i, node in enumerate(dict.fromkeys(node for pair in pairs for node in pair))}
    one, other = np.array([[index[a], index[b]] for a, b in pairs], int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (one, other)), shape=(len(index), len(index)))
    return dict(zip(index, connected_components(graph, directed=False)[1].tolist(), strict=True))


def _sharing(rows: pd.DataFrame) -> set[tuple[Hashable, Hashable]]:
    """Pairs of stories with one sound: the whole sound under two names, or the same stretch of it."""
    pairs = set()
    for _, sound in rows.groupby("sound"):
        stories = {story: merged(part) for story, part in sound.groupby(["study", "story"])}
        named = sound.groupby(["study", "stimulus"]).story
        whole = {(name[0], part.iloc[0]) for name, part in named if part.nunique() == 1}
        for one, other in itertools.combinations(stories, 2):
            own_s = lengths(stories[one]).sum()
            shared_s = own_s - lengths(minus(stories[one], stories[other])).sum()
            if {one, other} <= whole or shared_s >= _SHARED * min(own_s, lengths(stories[other]).sum()):
                pairs.add((one, other))
    return pairs


def _languages(rows: pd.DataFrame) -> pd.Series:
    """The language of each row without its region or script (en-GB, EN, eng: en), None if it is not known."""
    short = {tag: short_language(tag) or None for tag in rows.language.unique()}
    return rows.language.map(short)


def _warn(rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None], *, translated: set[str]) -> None:
    for study, own in rows.assign(language=_languages(rows)).groupby("study"):
        names = said.get(study)
        languages = sorted(set(own.language.dropna()))
        if names is None and len(languages) > 1 and study not in translated:
            tell(
                "odd",
                f"study {study}",
                f"it is heard in {', '.join(languages)}, and nothing says which of its stories are translations of each other: "
                "a translation of a held-out story may be trained on. Say it in the study's `content` (story or stimulus: name "
                "of what it tells); an empty one says that there are none.",
            )


def check_names(said: Mapping[str, Mapping[str, str] | None], heard: Mapping[str, set[str]]) -> None:
    """Check the ids in `Heard.content` that nobody heard: one may be a misspelt id that is heard, and then not held out.

    Parameters
    ----------
    said, heard
        For each study: its content, and the ids of its stories, stimuli and sentences.

    Raises
    ------
    UserError
        Such an id is nearly one that is heard and has no content. If they differ in a number alone, it is only told.
    """
    for study, names in said.items():
        ids = {normal(one) for one in heard[study]}
        unnamed = {one.lower(): one for one in sorted(ids - set(names or {}) - set((names or {}).values()))}
        for one in sorted(set(names or {}) - ids) if unnamed else ():
            near = [unnamed[name] for name in difflib.get_close_matches(one.lower(), list(unnamed), cutoff=_NEAR)]
            hint = nearest(one, list(unnamed.values()))
            text = f"its content names '{one}', which no recording heard.{hint}"
            if any(re.sub(r"\d", "", one) != re.sub(r"\d", "", other) for other in near):
                raise UserError(
                    f"study {study}: {text} If that is the same, correct the name; if it is another one, name it in content, too "
                    f"({near[0]}: {near[0]})."
                )
            if hint:
                tell("odd", f"study {study}", text)
