"""The plot of a tale: scenes that last some sentences, each sentence drawn from a small grammar of plans."""

from collections.abc import Iterator

from n2s.studies.simulated.tales.draws import Draws
from n2s.studies.simulated.tales.lexicon import TOPICS, Noun, nouns
from n2s.studies.simulated.tales.plan import Being, Clause, Phrase, Plan, Report, There, Weather
from n2s.studies.simulated.tales.scene import Scene

_SHORTEST, _LONGEST = 8, 14  # sentences a scene
_NOT_OWN = {"buy", "find", "build", "wear"}  # not said of "her" or "his" things (in Spanish, "el" does)
_OBSTACLES = {"cold", "wet", "dirty", "empty", "closed", "broken", "hidden"}  # why one cannot do what one would
_JUST_HAPPENS = {"lose", "forget", "find", "see", "hear", "break"}  # not done slowly or carefully
_TIMES = 0.22  # how many sentences begin with a time


def plans(number: int, seed: int) -> Iterator[Plan]:
    """The sentences of a tale, without end; a plan may come back, but seldom does."""
    draws = Draws(f"tale {number} of {seed}")
    people = [one for one in nouns() if one.is_person]
    heroes = draws.some([one for one in people if one.is_name], 4)
    keepsakes = draws.some([one for one in nouns() if "hold" in one.tags], 3)
    topic = ""
    while True:
        topic = draws.one([one for one in TOPICS if one != topic])
        locals_ = draws.some([one for one in people if one.topic == topic], 1)
        scene = Scene(draws, topic, draws.some(heroes, 2) + locals_, keepsakes)
        yield _opening(scene)
        for _ in range(_SHORTEST + draws.one(range(_LONGEST - _SHORTEST + 1))):
            yield _sentence(scene)


def _opening(scene: Scene) -> Plan:
    """Somebody comes to the place of the scene."""
    subject = Phrase(scene.cast[0], mate=scene.cast[1] if scene.draws.chance(0.3) else None)
    scene.last_subject, scene.near = subject, True
    adjective = scene.trait(scene.place) if scene.draws.chance(0.35) else None
    going = Clause(scene.going(), subject, goal=Phrase(scene.place, "the", adjective))
    return Plan(going, time=scene.phrase("times", "opening"))


def _sentence(scene: Scene) -> Plan:
    """One sentence; kinds that do not fit the scene are drawn again."""
    while True:
        near, known, place = scene.near, set(scene.known), scene.place
        scene.near = False
        made = scene.draws.one(list(_KINDS), list(_KINDS.values()))(scene)
        if made is not None:
            break
        scene.near, scene.known, scene.place = near, known, place
    if isinstance(made.first, Clause | Being | Report) and made.first.subject.noun.is_person:
        subject = made.first.subject
        scene.last_subject = Phrase(subject.noun, mate=subject.mate)
    else:
        scene.last_subject = None
    if made.time is None and made.link not in ("before", "after") and scene.draws.chance(_TIMES):
        made = Plan(made.first, scene.phrase("times", "within"), made.link, made.second)
    return made


def _deed(
    scene: Scene, subject: Phrase, without: Noun | None = None, willed: bool = False, placed: bool = True
) -> Clause | None:
    """Somebody does something to a thing.

    ``willed``: not what happens to one, such as to lose it; ``placed``: the place may be named.
    """
    noun = scene.thing(without=without)
    verb = scene.verb("thing", noun)
    if verb is None or (willed and "unwilled" in verb.tags):
        return None
    place = scene.here(0.3) if placed and "on_the_way" not in verb.tags else None
    with_care = place is None and verb.concept not in _JUST_HAPPENS and scene.draws.chance(0.15)
    manner = scene.phrase("manners") if with_care else None
    owner = None if verb.concept in _NOT_OWN else subject
    return Clause(verb, subject, scene.mention(noun, owner), place=place, manner=manner)


def _thing(scene: Scene) -> Plan | None:
    deed = _deed(scene, scene.subject())
    if deed is None or "unwilled" in deed.verb.tags or not scene.draws.chance(0.25):
        return deed and Plan(deed)
    mode = scene.draws.one(["want", "could_not", "began" if "lasting" in deed.verb.tags else "want"])
    return Plan(Clause(deed.verb, deed.subject, deed.object, place=deed.place, mode=mode))


def _counting(scene: Scene) -> Plan | None:
    noun = scene.thing({"count"})
    verb = scene.verb("some", noun) if noun else None
    return verb and Plan(Clause(verb, scene.subject(), scene.mention(noun, plural=True), place=scene.here(0.5)))


def _intransitive(scene: Scene) -> Plan:
    subject = scene.subject()
    place = scene.here(0.7)
    if place is not None:
        return Plan(Clause(scene.verb("intr"), subject, place=place))
    return Plan(Clause(scene.verb("intr", tag="manner"), subject, manner=scene.phrase("manners")))


def _animal(scene: Scene) -> Plan | None:
    noun = scene.animal()
    if noun is None:
        return None
    subject = scene.mention(noun, plain=True)
    return Plan(Clause(scene.verb("intr", tag="animal"), subject, place=scene.here(1.0)))


def _going(scene: Scene) -> Plan:
    subject, goal = scene.subject(), scene.move()
    return Plan(Clause(scene.going(), subject, goal=goal))


def _leaving(scene: Scene) -> Plan:
    subject, goal = scene.subject(), Phrase(scene.place)
    left = Clause(scene.verb("from"), subject, goal=goal)
    goal = scene.move()
    return Plan(left, link="and", second=Clause(scene.going(), subject, goal=goal))


def _meeting(scene: Scene) -> Plan:
    subject = scene.subject(alone=True)
    whom = Phrase(scene.person(subject.noun))
    return Plan(Clause(scene.verb("person"), subject, whom, place=scene.here(0.6)))


def _together(scene: Scene) -> Plan:
    subject = scene.subject(alone=True)
    verb = scene.verb("with") if scene.draws.chance(0.5) else scene.verb("intr", tag="with")
    return Plan(Clause(verb, subject, other=Phrase(scene.person(subject.noun)), place=scene.here(0.5)))


def _gift(scene: Scene) -> Plan | None:
    noun = scene.thing({"hold"})
    verb = scene.verb("give", noun) if noun else None
    if verb is None:
        return None
    subject = scene.subject(alone=True)
    whom = Phrase(scene.person(subject.noun))
    return Plan(Clause(verb, subject, scene.mention(noun, subject), other=whom))


def _feeling(scene: Scene) -> Plan:
    return Plan(Being(scene.subject(), scene.feeling()))


def _quality(scene: Scene) -> Plan | None:
    said = _being(scene)
    return said and Plan(said)


def _being(scene: Scene) -> Being | None:
    noun = scene.place if scene.draws.chance(0.2) else scene.thing()
    quality = scene.quality(noun)
    scene.known.add(noun)
    return quality and Being(Phrase(noun), quality)


def _there(scene: Scene) -> Plan | None:
    noun = scene.thing()
    if "unique" in noun.tags or noun in scene.known:
        return None
    plural = "count" in noun.tags and scene.draws.chance(0.4)
    return Plan(There(scene.mention(noun, plural=plural, plain=True), scene.here()))


def _weather(scene: Scene) -> Plan:
    kind = scene.phrase("weather", "inside" if "inside" in scene.place.tags else "")
    return Plan(Weather(kind, Phrase(scene.place)), time=scene.phrase("times", "within"))


def _report(scene: Scene) -> Plan | None:
    subject, said = scene.subject(), _being(scene)
    if said is None:
        return None
    if "place" not in said.subject.noun.tags and scene.draws.chance(0.3):
        said = Being(said.subject, place=Phrase(scene.draws.one(scene.places)))
    verb = scene.verb("that")
    speaks = verb.category == "speech" and not subject.is_plural and scene.draws.chance(0.5)
    listener = Phrase(scene.person(subject.noun)) if speaks and verb.concept != "answer" else None
    return Plan(Report(verb, subject, said, listener))


def _asking(scene: Scene) -> Plan:
    subject = scene.subject(alone=True)
    noun = scene.thing()
    return Plan(Report(scene.verb("ask"), subject, Being(Phrase(noun)), Phrase(scene.person(subject.noun))))


def _two_deeds(scene: Scene) -> Plan | None:
    subject = scene.subject()
    first = _deed(scene, subject)
    second = first and _deed(scene, subject, without=first.object.noun, placed=False)
    if second is None or second.verb.concept == first.verb.concept:
        return None
    return Plan(first, link="and", second=second)


def _vain_wish(scene: Scene) -> Plan | None:
    deed = _deed(scene, scene.subject(), willed=True)
    if deed is None or deed.object.is_plural:
        return None
    quality = scene.quality(deed.object.noun)
    if quality is None or quality.concept not in _OBSTACLES or deed.verb.concept == "repair":
        return None
    wish = Clause(deed.verb, deed.subject, deed.object, mode="want")
    but = Being(Phrase(deed.object.noun, "pronoun"), quality)
    return Plan(wish, link="but", second=but)


def _reason(scene: Scene) -> Plan | None:
    subject = scene.subject()
    if scene.draws.chance(0.4):
        deed = Clause(scene.verb("intr"), subject, place=scene.here(0.5))
    else:
        deed = _deed(scene, subject)
    feeling = deed and scene.feeling(why=deed.verb)
    if feeling is None:
        return None
    return Plan(deed, link="because", second=Being(Phrase(subject.noun, "pronoun", mate=subject.mate), feeling))


def _when(scene: Scene) -> Plan:
    subject, goal = scene.subject(), scene.move()
    first = Clause(scene.going(), subject, goal=goal)
    other = scene.person()
    same = other is subject.noun or scene.draws.chance(0.4)
    second = Phrase(subject.noun, "pronoun", mate=subject.mate) if same else Phrase(other)
    if scene.draws.chance(0.5):
        return Plan(first, link="when", second=Being(second, scene.feeling()))
    deed = _deed(scene, second, placed=False)
    return Plan(first, link="when", second=deed or Being(second, scene.feeling()))


def _purpose(scene: Scene) -> Plan | None:
    subject = scene.subject()
    going = Clause(scene.verb("go", tag="animal"), subject, goal=scene.move())
    noun = scene.thing()
    verb = scene.verb("thing", noun)
    if verb is None or "unwilled" in verb.tags:
        return None
    return Plan(going, link="purpose", second=Clause(verb, subject, scene.mention(noun, subject)))


def _order(scene: Scene) -> Plan | None:
    subject = scene.subject()
    first = _deed(scene, subject, willed=True)
    second = first and _deed(scene, subject, without=first.object.noun, willed=True, placed=False)
    if second is None or second.verb.concept == first.verb.concept:
        return None
    second = Clause(second.verb, subject, second.object)  # without a manner
    return Plan(first, link=scene.draws.one(["before", "after"]), second=second)


#: Kinds of sentences and how often each is drawn.
_KINDS = {
    _thing: 6, _intransitive: 2, _animal: 1.5, _going: 0.8, _leaving: 0.5, _meeting: 2, _together: 1.5, _gift: 2,
    _feeling: 0.7, _quality: 1.5, _there: 2, _weather: 0.7, _report: 3, _asking: 1, _two_deeds: 2, _vain_wish: 1.2,
    _reason: 2, _when: 1.2, _purpose: 1.5, _order: 1.5, _counting: 0.5,
}  # fmt: skip
