"""What a table of scores says, in words: is the model better than every control, how far is the ceiling, who is not above chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from n2s.metrics.row_difference import Difference, better, difference, outside, worse
from n2s.metrics.score import ALL, Measure, Score, Scores

State = Literal["above", "below", "not shown", "unknown"]
MOST_NAMES = 6


@dataclass(frozen=True)
class Claim:
    """Which numbers of a table are the verdict's.

    Parameters
    ----------
    score
        The score; by default the first one of the table that has a model and a control.
    row
        The model's row; by default the first one with this score.
    controls
        The rows that it must beat; by default all controls with this score that do not belong to another model by their names.
    linear
        The row of a linear decoder beside a network; none by default.
    state
        What the system's own test of chance says, corrected for the tests on the page: it stands above what intervals show. None: intervals decide.
    tested
        The controls that this test is about (permuted labels, chance): where it is passed, no interval says otherwise of them.
    worth
        The system's own sentence on what the score is worth: beside the linear decoder, or beside the sound.
    """

    score: str = ""
    row: str = ""
    controls: Sequence[str] | None = None
    linear: str = ""
    state: State | None = None
    tested: Sequence[str] = ()
    worth: str = ""


@dataclass(frozen=True)
class Verdict:
    """A claim that the numbers carry, and its sentences, the first of which says it.

    ``score``, ``row`` and ``control`` are keys of the table that it is made from: the score, the model, the strongest control. Empty if it is from elsewhere.
    """

    state: State
    sentences: Sequence[str]
    score: str = ""
    row: str = ""
    control: str = ""


def verdict_of(scores: Scores, claim: Claim | None = None, names: Sequence[str] | None = None) -> Verdict | None:
    """The verdict on a table of scores; None where no score has both a model and a control.

    Parameters
    ----------
    scores
        All scores of a test set.
    claim
        Which of them; what is not given is found.
    names
        The scores that are shown, the most important first.
    """
    claim = claim or Claim()
    name = claim.score or next(
        (one for one in names or scores.measures if scores.has_control(one) and _models(scores, one)), ""
    )
    models = _models(scores, name) if name else []
    row = claim.row or (models[0] if models else "")
    if not row or row not in scores.values[name]:
        return None
    controls = (
        _controls(scores, name, row, models)
        if claim.controls is None
        else [one for one in claim.controls if scores.get(name, one) and scores.get(name, one).mean is not None]
    )
    if not controls:
        return None
    passed = claim.tested if claim.state == "above" else ()
    told = {one: one in passed or better(scores, name, row, one) for one in controls}
    state = claim.state or _state(scores, name, row, told)
    measure, own = scores.measures[name], scores.values[name][row]
    sign = 1 if measure.higher_is_better else -1
    strongest = max(controls, key=lambda one: sign * scores.values[name][one][ALL].mean)
    first = [_claimed(scores, name, row, told, strongest, state)]
    if state == "above":
        first += _ceiling(scores, name, row, strongest)
    first += [claim.worth] if claim.worth else _linear(scores, name, row, claim.linear)
    sentences = [*first, *_people(scores, name, row, controls), *_few(own, measure)]
    return Verdict(state, sentences, name, row, strongest)


def _models(scores: Scores, name: str) -> list[str]:
    return [row for row, one in scores.rows.items() if one.role == "model" and row in scores.values[name] and scores.values[name][row][ALL].mean is not None]  # fmt: skip


def _controls(scores: Scores, name: str, row: str, models: Sequence[str]) -> list[str]:
    """Those that are not another model's by their names: ``a (shifted)`` is that of ``a``."""
    found = []
    for key, one in scores.rows.items():
        if one.role != "control" or key not in scores.values[name] or scores.values[name][key][ALL].mean is None:
            continue
        owners = [model for model in models if key.startswith(model) and len(model) > 1]
        if not owners or row in owners:
            found.append(key)
    return found


def _state(scores: Scores, name: str, row: str, told: dict[str, bool | None]) -> State:
    if all(told.values()):
        return "above"
    if any(worse(scores, name, row, one) for one in told):
        return "below"
    return "not shown" if False in told.values() else "unknown"


def _claimed(scores: Scores, name: str, row: str, told: dict[str, bool | None], strongest: str, state: State) -> str:
    measure, label = scores.measures[name], plain_label(scores.measures[name])
    own = scores.values[name][row]
    what = f"{label} of '{scores.rows[row].label}' is {_shown(own, measure)}"
    if not measure.higher_is_better:
        what += " (lower is better)"
    best = f"the best control, {scores.rows[strongest].label}, has {value_text(scores.values[name][strongest][ALL].mean, measure)}"
    weak = [scores.rows[one].label for one, won in told.items() if not won]
    strong = [scores.rows[one].label for one, won in told.items() if won]
    if state == "above":
        also = f" It is not shown to beat every control, though: {_listed(weak)}." if weak else ""
        return f"{'Above' if measure.higher_is_better else 'Better than'} chance{'' if weak else ' and every control'}: {what}; {best}.{also}"
    if state == "below" and strong:
        ahead = _listed([scores.rows[one].label for one in told if worse(scores, name, row, one)])
        return f"Worse than {ahead}: {what}; {best}. It beats {_listed(strong)}, but without the brain one does better: the score may come from what that control sees."
    if state == "below":
        return f"Worse than a control: {what}; {best}. Look for an error in the data or the settings first."
    if state == "unknown":
        return (
            f"Not decided: {what}; {best}. There are too few independent data to say whether this is more than chance."
        )
    if strong and not weak:
        return f"Not shown to be {_above(measure)} chance: {what}; {best}. Its interval is {_above(measure)} every control, but the test of chance, which counts all tests on this page, is not passed."
    if strong:
        return f"Not shown to beat every control: {what}; {best}. It beats {_listed(strong)}, but not surely {_listed(weak)}."
    return f"Not shown to be {_above(measure)} chance: {what}; {best}."


def _above(measure: Measure) -> str:
    return "above" if measure.higher_is_better else "better than"


def _ceiling(scores: Scores, name: str, row: str, strongest: str) -> list[str]:
    measure, values = scores.measures[name], scores.values[name]
    rows = [
        key
        for key, one in scores.rows.items()
        if one.role == "ceiling" and key in values and values[key][ALL].mean is not None
    ]
    if not rows:
        return []
    best, own, low = (values[one][ALL].mean for one in (rows[0], row, strongest))
    label = scores.rows[rows[0]].label.removeprefix("ceiling: ")
    label = "The ceiling" if label == "ceiling" else f"The ceiling ({label})"
    if abs(best - low) < 1e-9 or (best - low) * (1 if measure.higher_is_better else -1) <= 0:
        return [
            f"{label} is {value_text(best, measure)}, no better than the best control: this score cannot show more."
        ]
    way = (own - low) / (best - low)
    if way >= 1:
        return [f"{label} is {value_text(best, measure)}: the model reaches it."]
    return [
        f"{label} is {value_text(best, measure)}: the model has gone {min(round(100 * way), 99)}% of the way from the best control to it."
    ]


def _linear(scores: Scores, name: str, row: str, linear: str) -> list[str]:
    if not linear or linear not in scores.values[name]:
        return []
    found, label = difference(scores, name, row, linear), scores.rows[linear].label
    if found is None:
        return []
    by = difference_text(found, scores.measures[name])
    if better(scores, name, row, linear):
        return [f"The network is better than the {label} ({by})."]
    if worse(scores, name, row, linear):
        return [f"The {label} is better than the network ({by}): it is faster, too."]
    return [f"The network is not shown to be better than the {label} ({by})."]


def _people(scores: Scores, name: str, row: str, controls: Sequence[str]) -> list[str]:
    """Who is not above every control by the own interval, and who has no score."""
    own, values = scores.values[name][row], scores.values[name]
    people = [one for one in own if one != ALL]
    sign, above = (1.0 if scores.measures[name].higher_is_better else -1.0), _above(scores.measures[name])
    none = [one for one in people if own[one].mean is None]
    known = [one for one in people if (own[one].low if sign > 0 else own[one].high) is not None]
    told = []
    if len(known) > 1:
        below = [
            one for one in known
            if any(outside(own[one], values[control].get(one, values[control][ALL]), -sign) is False
                   or outside(values[control].get(one, values[control][ALL]), own[one], sign) is False for control in controls)
        ]  # fmt: skip
        if not below:
            told.append(f"Each of {len(known)} people is {above} every control, alone.")
        elif len(below) == len(known):
            told.append(f"Alone, none of {len(known)} people is surely {above} every control.")
        else:
            told.append(
                f"Alone, {len(known) - len(below)} of {len(known)} people are surely {above} every control; not {_listed(below)}."
            )
    if none:
        told.append(f"No score: {_listed(none)}.")
    return told


def _few(own: dict[str, Score], measure: Measure) -> list[str]:
    n = _n_people(own)
    if n == 2:
        both = _listed(
            [value_text(score.mean, measure) for one, score in own.items() if one != ALL and score.mean is not None]
        )
        return [f"Two people ({both}): an interval over two says next to nothing about other people."]
    return ["One person: nothing is said about other people."] if n == 1 else []


def _n_people(own: dict[str, Score]) -> int:
    return len([one for one in own if one != ALL and own[one].mean is not None])


def plain_label(measure: Measure) -> str:
    """A score's name in a sentence: without its unit, and with what a top-k score is."""
    label = measure.label.removesuffix(" (%)")
    return f"{label} accuracy" if label.startswith("top-") and label[4:].isdigit() else label


def value_text(value: float | None, measure: Measure) -> str:
    """A value with its unit."""
    if value is None:
        return "none"
    return f"{measure.text(value)}{'%' if measure.scale == 100 else ''}"


def difference_text(found: Difference, measure: Measure) -> str:
    """``6.6 percentage points better; 95% interval over 4 people -9.8 to 22.9``."""
    digits, scale = measure.digits, measure.scale
    unit = " percentage points" if scale == 100 else ""
    text = (
        f"{abs(scale * found.mean):.{digits}f}{unit} {'better' if found.mean >= 0 else 'worse'}"
        if found.mean
        else "no difference"
    )
    if found.low is None:
        return text
    return f"{text}; 95% interval over {found.n_people} people {scale * found.low:+.{digits}f} to {scale * found.high:+.{digits}f}"


def _shown(own: dict[str, Score], measure: Measure) -> str:
    score, n = own[ALL], _n_people(own)
    text = value_text(score.mean, measure)
    if score.low is None or score.high is None or n == 2:
        return text
    return f"{text} ({measure.text(score.low)} to {measure.text(score.high)})"


def _listed(names: Sequence[str]) -> str:
    names = [str(one) for one in names]
    if len(names) > MOST_NAMES:
        names = [*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
