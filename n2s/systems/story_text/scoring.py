"""From decoded words to scores: windows of every story, against null texts."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.features.text_encoders.encoder import TextEncoder
from n2s.findings import tell
from n2s.metrics.text.against_null import against_null, q_of_windows
from n2s.metrics.text.identified import moved_in_time
from n2s.systems.story_text.matches import close_from, matched
from n2s.systems.story_text.rows import METRICS, NULL, NULLS, TRUE, null_of, ordered
from n2s.systems.story_text.scored import ScoringOptions, StoryTextScores
from n2s.systems.story_text.story_values import Sequences, StoryValues, story_values, window_starts

WORDS = ("subject", "story", "row", "draw", "time_s", "word")
STORIES = ("subject", "story", "language", "start_s", "stop_s", "audio")
Q = 0.05
PICTURE = 80  # windows a side of a picture of similarity
MATCHED_NULLS = 20  # null texts of which matched words are counted


class Stemmer(Protocol):
    """What scoring needs of the rules of a language (`n2s.features.story_words.rules.TextRules`)."""

    def stem(self, word: str) -> str:
        """The stem of a word."""


def score(
    words: pd.DataFrame,
    stories: pd.DataFrame,
    encoder: TextEncoder | Mapping[str, TextEncoder],
    rules: Mapping[str, Stemmer],
    options: ScoringOptions | None = None,
) -> StoryTextScores:
    """Score decoded words in windows of every story and subject.

    Parameters
    ----------
    words
        ``subject``, ``story``, ``row``, ``draw``, ``time_s``, ``word``: row ``true`` is what was said, ``null`` (draws 0 to n - 1) texts of
        random likelihoods, ``null_beside`` those at the word times of a decoder beside the model (its rows are scored against these alone),
        any others what was decoded (several draws of a row: their mean score). Words are plain forms
        (`n2s.features.story_words.spelling.plain_words`), in the same spelling on both sides. A text of a subject that has no line in one of
        its stories is empty there: the worst score, not none. A line with the word ``""`` says that a text exists, though it is empty.
    stories
        ``subject``, ``story``, ``language``, ``start_s``, ``stop_s`` (the decoded stretch), ``audio`` (path or empty). Windows lie inside.
    encoder
        It has learned from the training stories (`TextEncoder.learn`). Of a cross-validation: story -> the encoder of its fold, all of one kind.
    rules
        Language -> its stemmer.
    options
        Windows and nulls.

    Raises
    ------
    UserError
        Tables lack a column or a language, or a story has no true words or no length.
    """
    options = options or ScoringOptions()
    _check(words, stories, rules)
    encoders = encoder if isinstance(encoder, Mapping) else dict.fromkeys(stories.story, encoder)
    lacking = sorted(set(stories.story) - set(encoders))
    if lacking:
        raise UserError(
            f"no encoder for the story {', '.join(map(repr, lacking))}; there are those of {', '.join(map(repr, encoders))}."
        )
    encoder = next(iter(encoders.values()))
    rows = [row for row in ordered(list(words.row)) if row not in (TRUE, *NULLS)]
    parts: dict[str, list[pd.DataFrame]] = {}
    for subject, own in stories.groupby("subject", sort=False):
        measured: dict[str, StoryValues] = {}
        of_subject = words[words.subject == subject]
        texts = of_subject[["row", "draw"]].drop_duplicates()
        for story in own.itertuples():
            here = of_subject[(of_subject.story == story.story) & (of_subject.word != "")]
            sequences = _sequences(here, texts)
            if not len(sequences.get((TRUE, 0), [[]])[0]):
                raise UserError(
                    f"{subject}, story '{story.story}': no words were said there. Expected lines of row 'true' in the table of words."
                )
            stem = rules[story.language].stem
            starts = window_starts(story.start_s, story.stop_s, options)
            measured[story.story] = story_values(sequences, starts, encoders[story.story], stem, options)
            kinds, shares = _matches(sequences, encoders[story.story], stem)
            shown = here[~here.row.isin(NULLS)].sort_values("time_s", kind="stable")
            keys = zip(shown.row, shown.draw, strict=True)
            _add(parts, "words", shown.assign(match=_dealt(keys, kinds)), subject, story.story)
            _add(parts, "matched", shares, subject, story.story)
            _add(parts, "similarity", _thinned(measured[story.story]), subject, story.story)
        for name, values in measured.items():
            _add(parts, "windows", _windows(values, rows), subject, name)
        for name, group in [*((name, [one]) for name, one in measured.items()), ("", [*measured.values()])]:
            own_windows = [one for one in parts["windows"] if one.subject.iloc[0] == subject]
            table, nulls = _by_story(group, rows, pd.concat(own_windows), name)
            _add(parts, "by_story", table, subject, name)
            _add(parts, "nulls", nulls, subject, name)
            _add(parts, "identification", _identification(group, rows), subject, name)
    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    settings = {
        "encoder": encoder.name,
        "encoder_settings": encoder.settings(),
        "contextual": encoder.contextual,
        "window_s": options.window_s,
        "hop_s": options.hop_s,
        "n_nulls": int(words[words.row == NULL].draw.nunique()),
    }
    if encoder.contextual and options.encoder_nulls is not None:
        settings["n_encoder_nulls"] = min(options.encoder_nulls, settings["n_nulls"])
    return StoryTextScores(**tables, stories=stories.reset_index(drop=True), settings=settings)


def _add(parts: dict[str, list[pd.DataFrame]], name: str, table: pd.DataFrame, subject: str, story: str) -> None:
    table = table.drop(columns=["subject", "story"], errors="ignore")
    table.insert(0, "subject", str(subject))
    table.insert(1, "story", str(story))
    parts.setdefault(name, []).append(table)


def _sequences(words: pd.DataFrame, texts: pd.DataFrame) -> Sequences:
    """Texts in the order of time, the true one first; empty where there are no words."""
    words = words.sort_values("time_s", kind="stable")
    found = {(str(row), int(draw)): (np.zeros(0), []) for row, draw in texts.itertuples(index=False)}
    found |= {
        (str(row), int(draw)): (own.time_s.to_numpy(np.float64), own.word.astype(str).tolist())
        for (row, draw), own in words.groupby(["row", "draw"], sort=True)
    }
    return dict(sorted(found.items(), key=lambda item: item[0][0] != TRUE))


def _windows(story: StoryValues, rows: list[str]) -> pd.DataFrame:
    """One line per row, metric and window."""
    found = []
    for metric, texts in story.values.items():
        null = {name: _draws(texts, name, len(story.starts_s)) for name in NULLS}
        for row in rows:
            own = _draws(texts, row, len(story.starts_s))
            if not len(own):
                continue
            value = own.mean(0)
            against = against_null(value, null[null_of(row)], higher_is_better=METRICS[metric])
            lines = {"row": row, "metric": metric, "start_s": story.starts_s, "value": value}
            lines |= {"null_mean": against.mean, "null_sd": against.sd, "z": against.z, "p": against.p}
            found.append(pd.DataFrame(lines | {"q": q_of_windows(against.p, np.zeros(len(value)))}))
    columns = ["row", "metric", "start_s", "value", "null_mean", "null_sd", "z", "p", "q"]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return table.astype(dict.fromkeys(columns[3:], np.float32))


def _draws(texts: Mapping[tuple[str, int], np.ndarray], row: str, n: int) -> np.ndarray:
    found = [values for (name, _), values in texts.items() if name == row]
    return np.stack(found) if found else np.zeros((0, n))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is known; NaN if nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0).sum(-1) / np.where(known.any(-1), known.sum(-1), np.nan)


def _by_story(
    stories: list[StoryValues], rows: list[str], windows: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means over the windows of stories, against those of each null text."""
    lines, nulls = [], []
    for metric in stories[0].values:
        null = {one: _pooled(stories, metric, one) for one in NULLS}
        for one, values in null.items():
            nulls.append(pd.DataFrame({"row": one, "metric": metric, "draw": np.arange(len(values)), "value": values}))
        for row in rows:
            own = _pooled(stories, metric, row)
            if not len(own):
                continue
            value = own.mean()
            against = against_null(value, null[null_of(row)], higher_is_better=METRICS[metric])
            here = windows[(windows.row == row) & (windows.metric == metric)]
            here = here[here.story == name] if name else here
            known, tested = here[np.isfinite(here.value)], here[np.isfinite(here.q)]
            share = float((tested.q < Q).mean()) if len(tested) else np.nan
            numbers = [value, *(float(one) for one in against), share]
            lines.append([row, metric, *numbers, len(here), len(known)])
    columns = ["row", "metric", "value", "null_mean", "null_sd", "z", "p", "significant", "n_windows", "n_scored"]
    return pd.DataFrame(lines, columns=columns), pd.concat(nulls, ignore_index=True)


def _pooled(stories: list[StoryValues], metric: str, row: str) -> np.ndarray:
    """(draws,) mean over the windows of all stories that have the row, of as many draws as each of them has."""
    found = [_draws(one.values[metric], row, len(one.starts_s)) for one in stories]
    found = [one for one in found if len(one)]
    if not found:
        return np.zeros(0)
    n = min(map(len, found))
    return _mean(np.concatenate([one[:n] for one in found], axis=1))


def _identification(stories: list[StoryValues], rows: list[str]) -> pd.DataFrame:
    lines = []
    for row in rows:
        ranks = [one.percentiles[row] for one in stories if row in one.percentiles]
        own = [np.diagonal(one) for one in ranks]
        known = np.concatenate([one[np.isfinite(one)] for one in own]) if own else np.zeros(0)
        if not len(known):
            continue
        moved = moved_in_time(ranks)
        n_wrong = np.concatenate([one.n_wrong for one in stories if row in one.percentiles])
        n_candidates = 1 + np.median(n_wrong[np.isfinite(np.concatenate(own))])
        lines.append(
            [row, len(known), n_candidates, moved.mean, float((known >= 1 - 1e-9).mean()), moved.p, len(moved.null)]
        )
    columns = ["row", "n_windows", "n_candidates", "percentile", "first", "p", "n_moves"]
    return pd.DataFrame(lines, columns=columns)


def _thinned(story: StoryValues) -> pd.DataFrame:
    if story.similarity is None:
        return pd.DataFrame({"found_s": [], "true_s": [], "value": []})
    some = np.arange(0, len(story.starts_s), max(1, -(-len(story.starts_s) // PICTURE)))
    found, true = np.meshgrid(story.starts_s[some], story.starts_s[some], indexing="ij")
    value = story.similarity[np.ix_(some, some)].astype(np.float32)
    return pd.DataFrame({"found_s": found.ravel(), "true_s": true.ravel(), "value": value.ravel()})


def _matches(
    sequences: Sequences, encoder: TextEncoder, stem: Callable[[str], str]
) -> tuple[dict[tuple[str, int], np.ndarray], pd.DataFrame]:
    """Kinds of the words of each text, and their shares in each row; of null texts those of the first."""
    some = {key: text for key, text in sequences.items() if key[0] not in NULLS or key[1] < MATCHED_NULLS}
    names = sorted({word for _, words in some.values() for word in words})
    table = encoder.words(names)
    vectors = dict(zip(names, table, strict=True))
    times, said = sequences[TRUE, 0]
    threshold = close_from(np.stack([vectors[word] for word in dict.fromkeys(said)]))
    kinds = {(TRUE, 0): np.full(len(said), "", dtype=object)}
    lines = []
    for key, (own, words) in some.items():
        if key[0] == TRUE:
            continue
        kinds[key] = matched(own, words, times, said, stem=stem, vectors=vectors, threshold=threshold)
        n = len(words) or np.nan
        shares = {kind: float((kinds[key] == kind).sum() / n) for kind in ("same", "stem", "close", "none")}
        lines.append({"row": key[0]} | shares)
    columns = ["row", "same", "stem", "close", "none"]
    shares = pd.DataFrame(lines, columns=columns).groupby("row", sort=False, as_index=False).mean()
    return kinds, shares


def _dealt(keys: Iterable[tuple], kinds: Mapping[tuple[str, int], np.ndarray]) -> list[str]:
    """The kinds of words of several texts that are mixed in time."""
    each = {key: iter(values) for key, values in kinds.items()}
    return [next(each[str(row), int(draw)]) for row, draw in keys]


def _check(words: pd.DataFrame, stories: pd.DataFrame, rules: Mapping[str, Stemmer]) -> None:
    for name, table, columns in (("words", words, WORDS), ("stories", stories, STORIES)):
        lacking = [one for one in columns if one not in table]
        if lacking:
            raise UserError(f"the table of {name} lacks {', '.join(lacking)}; it has {', '.join(map(str, table))}.")
    if not len(stories):
        raise UserError("no story was decoded: the table of stories is empty.")
    unknown = sorted(set(stories.language) - set(rules))
    if unknown:
        raise UserError(
            f"no rules for the language {', '.join(map(repr, unknown))}; there are {', '.join(rules) or 'none'}."
        )
    empty = stories[~(stories.stop_s > stories.start_s)]
    if len(empty):
        one = empty.iloc[0]
        raise UserError(
            f"{one.subject}, story '{one.story}': decoded from {one.start_s:g} to {one.stop_s:g} s; expected a stretch of time."
        )
    twice = stories[stories.duplicated(["subject", "story"])]
    if len(twice):
        one = twice.iloc[0]
        raise UserError(
            f"{one.subject}, story '{one.story}': twice in the table of stories. Give repeats names of their own."
        )
    if not np.isfinite(words.time_s.to_numpy(np.float64)).all():
        raise UserError(
            f"{int((~np.isfinite(words.time_s)).sum())} words have no time; every word needs one, in seconds."
        )
    there = set(words.row)
    lacking = [one for one in ordered(list({NULL} | {null_of(row) for row in there})) if one not in there]
    if lacking:
        tell("odd", "scores of decoded words", f"no null texts (row '{lacking[0]}'): scores have no z, p or q.")
