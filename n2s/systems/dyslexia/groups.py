"""Who is of which group, with which covariates; and what a table of people must not be."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from n2s.data.encoding_data import EncodingData
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.readers.participants import as_people, read_people
from n2s.studies.study import Study

#: Covariates by default, where the table has them; in small or capital letters.
USUAL = ("age", "sex", "motion")
#: What a group must not follow: where and when somebody was recorded, and what was heard.
NUISANCES = ("study", "site", "scanner", "session", "sounds")
MOST_SOUNDS = 3  # that a message names
SUSPECT = 0.01  # p of Fisher's exact test below which a group is said to follow them
FEWEST_OF_KIND = 4  # people for each value of a covariate that is text: its columns are regressed out


def people_table(studies: Mapping[str, Study], subjects: Sequence[str], path: Path | None) -> pd.DataFrame:
    """What is known of each subject of the data: one row, by ``study/id``.

    Parameters
    ----------
    studies
        By name.
    subjects
        ``study/id`` of those that are used.
    path
        A table for all studies, in place of theirs; its ``subject`` may be ``study/id``, too, and has to be where two studies have an id.

    Raises
    ------
    UserError
        A study does not say who took part, a person has two rows that contradict each other, or two people have one row.
    """
    own = None if path is None else read_people(path)
    if own is not None:
        own["subject"] = own.subject.str.replace(r"^([^/]+)/sub-", r"\1/", regex=True)
        _check_ids(own, subjects, path)
    several = len({one.split("/", 1)[0] for one in subjects}) > 1
    rows = []
    for name, study in studies.items():
        used = [one for one in subjects if one.split("/", 1)[0] == name]
        table, where = own, str(path)
        if own is None:
            table, where = study.participants(), f"the study '{name}'"
        if table is None:
            raise UserError(
                f"{where} does not say who its participants are. Give a table (model.participants: participants.tsv) with participant_id, "
                "group, age, ..."
            )
        table = as_people(table, where) if own is None else table
        sessions = pd.DataFrame(
            {"subject": [r.subject for r in study.recordings()], "session": [r.session for r in study.recordings()]}
        )
        sessions = sessions.groupby("subject").session.agg(lambda values: "+".join(sorted(set(values))))
        for subject in used:
            short = subject.split("/", 1)[1]
            whole = subject if (table.subject == subject).any() else short
            found = table[table.subject == whole].drop_duplicates()
            row = {} if found.empty else found.iloc[0].drop("subject").to_dict()
            for column in found.columns.drop("subject") if len(found) > 1 else ():
                values = sorted({str(one) for one in found[column]})
                if len(values) > 1:
                    what = "is in both groups" if column == "group" else f"has several values of {column}"
                    raise UserError(f"{where}: {subject} {what}: {', '.join(values)}. One row a person, or equal ones.")
            known = {"session": sessions.get(short, "")} | ({"study": name} if several else {})
            rows.append({"subject": subject} | known | row)
    return pd.DataFrame(rows).set_index("subject")


def grouped(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Those of two groups, ``positive`` for the second.

    Parameters
    ----------
    table
        See `people_table`.
    groups
        Names of both groups in the column ``group``.

    Raises
    ------
    UserError
        There is no such column, or nobody of a group.
    """
    if len(set(groups)) != 2 or len(groups) != 2:
        raise UserError(f"model.groups is {list(groups)}; expected two names: [control, dyslexia].")
    if "group" not in table:
        raise UserError(
            f"participants have no column group; there are {', '.join(table) or 'none'}. Expected one row a person."
        )
    group = table.group.map(_name)
    known = sorted(set(group) - {""})
    for name in groups:
        if name not in known:
            raise UserError(
                f"no subject of the data is of the group '{name}' (model.groups);{nearest(name, known)} participants are of: "
                f"{', '.join(known) or 'no group'}."
            )
    outside = ~group.isin(list(groups))
    if outside.any():
        tell(
            "left out",
            "participants",
            f"{outside.sum()} of {len(table)} are of neither group: {first_of(table.index[outside])}.",
        )
    return table.assign(group=group, positive=group == groups[1])[~outside]


def check_sizes(positive: np.ndarray, groups: Sequence[str], n_folds: int) -> int:
    """The size of the smaller group that is left to learn from; a UserError if a group has fewer people than there are folds."""
    sizes = {groups[0]: int((~positive).sum()), groups[1]: int(positive.sum())}
    for name, n in sizes.items():
        if n < n_folds:
            raise UserError(
                f"the group '{name}' has {n} {'person' if n == 1 else 'people'}, fewer than the {n_folds} folds (model.n_folds): each must hold "
                "out somebody of both groups. Set fewer folds, at least two, or record more people."
            )
    fewest = min(sizes.values())
    return fewest - -(-fewest // n_folds)


def covariates_of(table: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    """(n, q) numbers: text becomes a column of 0 and 1 for each value but the first; NaN where nothing is known.

    Parameters
    ----------
    table
        One row a person.
    names
        Columns; None: those of age, sex and motion that there are.

    Raises
    ------
    UserError
        There is no such column.
    """
    known = [name for name in table if name not in ("group", "positive")]
    if names is None:
        names = _spelled(known, USUAL)
    found: dict[str, np.ndarray] = {}
    for name in names:
        if name not in known:
            raise UserError(
                f"model.covariates: participants have no column '{name}'.{nearest(name, known)} There are: {', '.join(known)}."
            )
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            found[name] = values.to_numpy(np.float64)
            continue
        text = values.fillna("").astype(str)
        if (n_kinds := len(set(text) - {""})) > max(2, len(text) / FEWEST_OF_KIND):
            raise UserError(
                f"the covariate '{name}' is text with {n_kinds} values ({first_of(sorted(set(text) - {''}))}) for {len(text)} people: each would be a "
                "column, and nothing of the features would be left. Write numbers as 10.5, join kinds, or leave it out (model.covariates)."
            )
        for value in sorted(set(text) - {""})[1:]:
            found[f"{name} {value}"] = np.where(text == "", np.nan, text == value)
    unknown = {name: int(np.isnan(one).sum()) for name, one in found.items() if np.isnan(one).any()}
    if unknown:
        told = ", ".join(f"{name} of {n}" for name, n in unknown.items())
        tell(
            "odd",
            "participants",
            f"covariates are not known: {told}; the median of those that a model learns from is taken.",
        )
    return pd.DataFrame(found, index=table.index, dtype=np.float64)


def refuse_copies(hashes: Mapping[str, str], subjects: Sequence[str]) -> None:
    """Raise a UserError if two people have the same recording: one person under two names is on both sides of a fold."""
    owner: dict[str, tuple[str, str]] = {}
    for name, value in hashes.items():
        kind, _, recording = name.partition(" ")
        subject = _whose(recording, subjects) if kind == "recording" else None
        if subject is None:
            continue
        if value in owner and owner[value][0] != subject:
            raise UserError(
                f"{recording} and {owner[value][1]} are the same recording under two names: one person would be on both sides of a fold. Leave "
                "one out (data.subjects)."
            )
        owner.setdefault(value, (subject, recording))


def _whose(recording: str, subjects: Sequence[str]) -> str | None:
    """The subject (``study/id``) of a recording (``study/sub-id_task-..``); an id may hold what separates parts of a name. None: of others."""
    study, _, own = recording.partition("/")
    own = own.removeprefix("sub-")
    found = [one for one in subjects if f"{study}/{own}_".startswith(f"{one}_")]
    return max(found, key=len, default=None)


def with_sounds(table: pd.DataFrame, data: EncodingData, n_rows: int) -> pd.DataFrame:
    """The table of people with a column ``sounds``: which of them each person heard in the first ``n_rows``. A column of that name stays."""
    if _spelled(list(table), ("sounds",)):
        return table
    heard = []
    for subject in table.index:
        rows = data.rows(subject)
        own = rows.stimulus[(rows.split != "") & rows.stimulus_s.notna()].iloc[:n_rows]
        heard.append(tuple(sorted(set(own.astype(str)))))
    kinds = list(dict.fromkeys(heard))
    names = [first_of(one, MOST_SOUNDS) for one in kinds]
    # of many sounds the first may be the same
    names = [f"{one}, {at + 1}" if names.count(one) > 1 else one for at, one in enumerate(names)]
    return table.assign(sounds=[names[kinds.index(one)] for one in heard])


def tell_nuisances(table: pd.DataFrame) -> list[str]:
    """Say, and return, that the group follows the site or the session: a classifier would then learn these."""
    told = []
    for name in _spelled(list(table), NUISANCES):
        if table[name].nunique(dropna=False) < 2:
            continue
        counts = pd.crosstab(table[name].fillna("").astype(str), table.group)
        p = _exact(counts.to_numpy())
        if p < SUSPECT:
            shown = "; ".join(
                f"{value or 'none'}: " + ", ".join(f"{n} {group}" for group, n in row.items())
                for value, row in counts.head(6).iterrows()
            )
            told.append(
                f"the group follows the {name} ({shown}; p = {p:.2g}): a classifier may tell these apart, not the groups."
            )
            tell("odd", "participants", told[-1])
    return told


def _check_ids(table: pd.DataFrame, subjects: Sequence[str], path: Path) -> None:
    """Raise a UserError if a row is of two people: their studies have the same id."""
    whole, owner = set(table.subject), {}
    for subject in subjects:
        short = subject.split("/", 1)[1]
        if subject in whole or short not in whole:
            continue
        if short in owner:
            raise UserError(
                f"{path}: the row of '{short}' is that of {owner[short]} and of {subject}. Write {owner[short]} or {subject} in the table, a row "
                "for each. If they are one person, leave one out (data.subjects): who is there twice is on both sides of a fold."
            )
        owner[short] = subject


def _spelled(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns that have some names, in small or capital letters, in the order of the names."""
    return [column for name in names for column in columns if str(column).lower() == name]


def _name(group: object) -> str:
    """Of a group: a code of 1 is read as a number, and named 1."""
    if pd.isna(group):
        return ""
    return f"{group:g}" if isinstance(group, float) else str(group).strip()


def _exact(counts: np.ndarray) -> float:
    """P of independence: Fisher's exact test of a table of two rows, else by 2000 permutations."""
    if counts.shape == (2, 2):
        return float(stats.fisher_exact(counts)[1])
    return float(stats.fisher_exact(counts, method=stats.PermutationMethod(2000, rng=np.random.default_rng(0))).pvalue)
