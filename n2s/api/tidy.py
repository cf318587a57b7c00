"""Scores of ``metrics.json`` as one table."""

from collections.abc import Mapping

import pandas as pd

from n2s.metrics.score import ALL, Scores

COLUMNS = ("test_set", "score", "row", "role", "subject", "mean", "low", "high", "interval")


def tidy_scores(metrics: Mapping[str, Mapping]) -> pd.DataFrame:
    """One row a test set, score, row and subject; ``role`` is empty for tests that do not say it."""
    rows = [
        (test_set, score, row, _role(told, row), subject, *(one.get(part) for part in ("mean", "low", "high", "kind")))
        for test_set, told in metrics.items()
        if isinstance(told, Mapping)
        for score, by_row in (told.get("scores") or {}).items()
        for row, by_subject in by_row.items()
        for subject, one in by_subject.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _role(told: Mapping, row: str) -> str:
    return (told.get("format") or {}).get("rows", {}).get(row, {}).get("role", "")


def tidy(scores: Scores, test_set: str = "test") -> pd.DataFrame:
    """The same of `n2s.metrics.score.Scores`: ``role`` says whether a row is a model, a control or a ceiling; subject `ALL` is all of them."""
    rows = [
        (test_set, name, row, scores.rows[row].role, subject, *one)
        for name, by_row in scores.values.items()
        for row, by_subject in by_row.items()
        for subject, one in sorted(by_subject.items(), key=lambda item: item[0] != ALL)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
