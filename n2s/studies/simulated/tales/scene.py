"""A scene of a tale: its place, people and things, and which of them the next sentence mentions, and how."""

from n2s.studies.simulated.tales.draws import Draws
from n2s.studies.simulated.tales.lexicon import Fixed, Noun, Quality, Verb, fixed, nouns, qualities, verbs
from n2s.studies.simulated.tales.plan import COUNTS, Phrase

_VAGUE = {"hold", "big", "far", "any", "animal"}  # tags that fit many things: the verbs they allow are drawn less often

_SIZELESS = {"mass", "unique", "read", "sing", "explain"}  # neither big nor small
#: Verb -> the feelings that make people do it.
_REASONS = {
    "eat": ("hungry",), "taste": ("hungry", "thirsty"), "cook": ("hungry",), "drink": ("thirsty",),
    "sleep": ("tired", "ill", "sad"), "rest": ("tired", "ill"), "sit": ("tired", "sad", "calm"), "stay": ("ill", "tired"),
    "fall": ("tired", "nervous"), "cry": ("sad", "alone", "frightened"), "shout": ("angry", "frightened", "nervous"),
    "smile": ("happy", "proud", "calm"), "sing": ("happy", "bored", "alone"), "dance": ("happy", "proud"),
    "play": ("bored", "happy"), "walk": ("nervous", "bored", "worried"), "wait": ("worried", "alone"),
    "hide": ("frightened", "worried", "angry"), "close": ("frightened", "tired", "angry"), "open": ("worried", "nervous"),
    "break": ("angry", "nervous"), "lose": ("tired", "nervous"), "forget": ("tired", "worried", "happy", "nervous"),
    "read": ("bored", "alone", "calm"), "write": ("alone", "sad", "bored"), "draw": ("bored", "calm", "happy"),
    "perform": ("happy", "sad", "bored"), "observe": ("bored", "calm", "amazed"), "wear": ("proud", "ill"),
    "light": ("alone", "frightened"), "buy": ("happy", "bored", "hungry"), "throw": ("angry", "bored"),
    "wash": ("bored", "nervous"), "count": ("bored", "worried"), "see": ("alone", "calm"), "hear": ("alone", "nervous"),
}  # fmt: skip


class Scene:
    """What is there, and what has been said of it.

    Parameters
    ----------
    draws
        The tale's random choices.
    topic
        Its things and places are of this topic.
    cast
        The people of the tale who are here.
    keepsakes
        Things that come back in all scenes of the tale.
    """

    def __init__(self, draws: Draws, topic: str, cast: list[Noun], keepsakes: list[Noun]):
        self.draws, self.topic, self.cast = draws, topic, cast
        self.places = [one for one in nouns() if one.topic == topic and "place" in one.tags]
        self.place = draws.one(self.places)
        things = [one for one in nouns() if one.topic == topic and not one.tags & {"place", "person"}]
        self.props = draws.some(things, 6)
        self.things = [*self.props, *things, *keepsakes]  # props twice: they come back more often
        self.known: set[Noun] = set()
        self.last_subject: Phrase | None = None
        self.near = False  # the sentence before named the place

    def person(self, other_than: Noun | None = None) -> Noun:
        """One of the cast."""
        return self.draws.one([one for one in self.cast if one is not other_than])

    def subject(self, alone: bool = False) -> Phrase:
        """Who acts: often the one of the sentence before, then a pronoun."""
        last = self.last_subject
        if last is not None and self.draws.chance(0.45) and not (alone and last.is_plural):
            return Phrase(last.noun, "pronoun", mate=last.mate) if self.draws.chance(0.75) else last
        one = self.person()
        mate = self.person(one) if not alone and self.draws.chance(0.15) else None
        return Phrase(one, mate=mate)

    def thing(self, tags: frozenset[str] | set[str] = frozenset(), without: Noun | None = None) -> Noun | None:
        """A thing with one of these tags (any, if there are none)."""
        fit = [one for one in self.things if one is not without and (not tags or one.tags & tags)]
        return self.draws.one(fit) if fit else None

    def animal(self) -> Noun | None:
        """An animal of the scene."""
        return self.thing({"animal"})

    def mention(self, noun: Noun, owner: Phrase | None = None, plural: bool = False, plain: bool = False) -> Phrase:
        """A thing as an object: new or known, with or without an adjective; ``plain``: singular and not possessed."""
        draws = self.draws
        adjective = self.trait(noun) if draws.chance(0.25) else None
        if plural:
            self.known.add(noun)
            return Phrase(noun, draws.one(["some", *COUNTS]), adjective)
        if noun in self.known or "unique" in noun.tags:
            return Phrase(noun, "the", adjective)
        self.known.add(noun)
        if plain or "mass" in noun.tags or draws.chance(0.55):
            return Phrase(noun, "a", adjective)
        if owner is not None and "hold" in noun.tags and draws.chance(0.4):
            return Phrase(noun, "own", adjective, owner=None if owner.is_plural else owner.noun)
        return Phrase(noun, draws.one(["some", "the", "the", *COUNTS]), adjective)

    def trait(self, noun: Noun) -> Quality | None:
        """An adjective that goes with a thing."""
        return self._quality(noun, "trait")

    def quality(self, noun: Noun) -> Quality | None:
        """What a thing can be said to be."""
        return self._quality(noun, "state" if self.draws.chance(0.6) else "trait") or self._quality(noun, "trait")

    def feeling(self, why: Verb | None = None) -> Quality | None:
        """How a person is; ``why``: so that it makes one do this, if any feeling does."""
        reasons = _REASONS.get(why.concept, ()) if why is not None else None
        fit = [one for one in qualities() if one.kind == "feeling" and (reasons is None or one.concept in reasons)]
        return self.draws.one(fit) if fit else None

    def here(self, chance: float = 1.0) -> Phrase | None:
        """The place of the scene, or "there" if the sentence before named it; with this probability."""
        if not self.draws.chance(chance):
            return None
        if self.near and self.draws.chance(0.35):
            return Phrase(self.place, "there")
        self.near = True
        return Phrase(self.place, "the", self.trait(self.place) if self.draws.chance(0.1) else None)

    def move(self) -> Phrase:
        """Go on to another place of the scene."""
        self.place = self.draws.one([one for one in self.places if one is not self.place])
        self.near = True
        return Phrase(self.place, "the", self.trait(self.place) if self.draws.chance(0.15) else None)

    def verb(self, frame: str, noun: Noun | None = None, tag: str = "") -> Verb | None:
        """A verb of this frame that fits the topic, a noun's tags, and has ``tag``."""
        fit = [
            one
            for one in verbs()
            if one.frame == frame
            and (not one.topics or self.topic in one.topics)
            and (noun is None or one.tags & noun.tags)
            and (not tag or tag in one.tags)
        ]
        weights = [1.0 if noun is None or not (one.tags & noun.tags) - _VAGUE else 3.0 for one in fit]
        return self.draws.one(fit, weights) if fit else None

    def going(self) -> Verb:
        """A verb of going that fits the place."""
        fit = [
            one
            for one in verbs()
            if one.frame == "go"
            and (one.concept != "enter" or "room" in self.place.tags)
            and (one.concept != "climb" or "high" in self.place.tags)
            and (one.concept != "travel" or "trip" in self.place.tags)
        ]
        return self.draws.one(fit)

    def phrase(self, table: str, use: str = "") -> Fixed:
        """A time ("opening" a scene or "within" it), a manner or a kind of weather ("inside")."""
        return self.draws.one([one for one in fixed(table) if use in one.use.split() or not use])

    def _quality(self, noun: Noun, kind: str) -> Quality | None:
        tags = set(noun.tags) - ({"hold"} if "food" in noun.tags else set())  # an orange has its colour
        tags |= set() if noun.tags & _SIZELESS else {"any"}
        fit = [one for one in qualities() if one.kind == kind and one.tags & tags]
        return self.draws.one(fit) if fit else None
