"""The language of every sound that was heard."""

from collections.abc import Mapping

from n2s.data.content import Heard
from n2s.data.language_tags import short_language
from n2s.errors import UserError


def languages_of(heard: Mapping[str, Heard]) -> dict[str, str]:
    """``study/stimulus`` -> its language, "" where no event says it.

    Raises
    ------
    UserError
        One stimulus is said to be of two languages.
    """
    found: dict[str, str] = {}
    for study, one in heard.items():
        for recording, events in one.events.items():
            rows = events.loc[events.stimulus != "", ["stimulus", "language"]].drop_duplicates()
            for row in rows.itertuples():
                name, language = f"{study}/{row.stimulus}", short_language(row.language)
                if language and found.get(name, "") not in ("", language):
                    raise UserError(
                        f"{recording}: the stimulus '{row.stimulus}' is of language '{language}' here, and of '{found[name]}' elsewhere. A sound "
                        "has one language: correct the events' column `language`, or name the two sounds differently."
                    )
                found[name] = found.get(name, "") or language
    return found
