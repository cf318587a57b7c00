"""Which language the stories of a decoder are in."""

from collections.abc import Mapping

from n2s.data.language_tags import short_language
from n2s.errors import UserError


def told_language(heard: Mapping[str, str], given: str) -> str:
    """The one language that is heard; what a recipe gives must not contradict the events.

    Raises
    ------
    UserError
        It is not known, there are several, or it is another than the recipe's.
    """
    known = sorted({one for one in heard.values() if one})
    if len(known) > 1:
        raise UserError(
            f"the stories are of several languages ({', '.join(known)}), and StoryDecoder writes the words of one. Take the stories of one language "
            "(the study's option for languages, or data.subjects); for models across languages: configs/cross_language.yaml."
        )
    if not known and not given:
        raise UserError(
            "the events do not say of which language the stories are. Set model.language, such as en, es or eu: stop words and stems depend on it."
        )
    if known and given and known[0] != short_language(given):
        raise UserError(
            f"model.language is '{given}', and the stories are in '{known[0]}' (events). Leave model.language out."
        )
    return known[0] if known else short_language(given)
