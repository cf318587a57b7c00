"""What a window of the simulated production study may hold, for its ideal observer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n2s.errors import UserError, first_of
from n2s.studies.simulated.observer import sample
from n2s.studies.simulated.production_artifacts import MUSCLE_MEAN, Fields
from n2s.studies.simulated.production_brain import Speaker
from n2s.studies.simulated.production_material import Utterance
from n2s.studies.simulated.production_observer import Candidates, whitening
from n2s.studies.simulated.production_phones import letters
from n2s.studies.simulated.production_run import GAP_S, REACH_S
from n2s.studies.simulated.production_scene import Said
from n2s.studies.text import plain

KINDS = ("sentence", "word", "phone")
MOST = 20_000  # candidates: their means fill the memory


@dataclass(frozen=True)
class Window:
    """The part of the brain that is seen: from ``start_s`` to ``stop_s`` after an event of a kind."""

    kind: str
    start_s: float
    stop_s: float

    def n_times(self, sfreq: float) -> int:
        """Samples."""
        return sample(self.stop_s - self.start_s, sfreq)


def class_of(kind: str, text: str, classes: Mapping[str, str] | None) -> str | None:
    """The class of an event; phones have theirs whatever their stress and length. None: it is left out."""
    bare = letters(text) if kind == "phone" else plain(text).strip()
    return bare if classes is None else classes.get(text, classes.get(bare))


def candidates(
    said: Sequence[tuple[Utterance, Said, float]],
    window: Window,
    *,
    classes: Mapping[str, str] | None,
    steps: np.ndarray,
    jitter_s: float,
    person: Speaker,
    fields: Fields | None,
    sfreq: float,
) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """All that a window may hold, in white space, the matrix (r, c) that leads there, and how muscles mix in its first rows.

    Parameters
    ----------
    said
        Each utterance, what it does, and how often it comes.
    window
        What is seen.
    classes
        Text of an event -> class; None: each text is one.
    steps, jitter_s
        By how many samples all begins later, equally likely; at most so many seconds.
    person, fields
        Who; what artifacts look like, None without any.
    sfreq
        Rate, Hz.

    Raises
    ------
    UserError
        There are less than two classes, or too many candidates; or a window reaches the utterance before or after.
    """
    places = []  # class, number of the utterance, first sample in it, weight
    n, room_s = window.n_times(sfreq), GAP_S - REACH_S - jitter_s
    for number, (utterance, _, weight) in enumerate(said):
        whole = [(utterance.text, 0.0)]
        own = {"sentence": whole, "word": utterance.words, "phone": utterance.phones}[window.kind]
        rows = own if window.kind == "sentence" else zip(own.text, own.onset, strict=True)
        for text, onset_s in rows:
            name = class_of(window.kind, text, classes)
            if name is None:
                continue
            if onset_s + window.start_s < -room_s or onset_s + window.stop_s > utterance.duration_s + room_s:
                raise UserError(
                    f"simulated_production: a window from {window.start_s:g} to {window.stop_s:g} s of the {window.kind} '{text}' reaches "
                    f"what is said before or after '{utterance.text}'; the best score is known up to {room_s:.2f} s beyond an utterance. "
                    "Take a shorter window."
                )
            first = sample(onset_s + window.start_s, sfreq) + round(REACH_S * sfreq)
            places += [(name, number, first - step, weight / len(steps)) for step in steps]
    names = tuple(sorted({name for name, *_ in places}))
    if len(names) < 2 or len(places) > MOST:
        raise UserError(
            f"simulated_production: {len(names)} classes ({first_of(names)}) and {len(places)} candidates; expected at least two classes "
            f"and at most {MOST} candidates. Check classes; take fewer texts, renditions or less onset_jitter_s."
        )
    cut = lambda course, first: _cut(course, first, n)  # noqa: E731
    matrix, mixing, parts = _space(person, fields)
    means = np.zeros((len(places), len(matrix), n))
    envelopes = np.zeros((len(places), mixing.shape[1], n)) if mixing.size else None
    for mean, (i, (_, number, first, _)) in zip(means, enumerate(places), strict=True):
        one = said[number][1]
        brain = cut(one.brain, first)
        mean += parts["brain"] @ brain
        if fields is None:
            continue
        nod = cut(one.movements.nod, first)
        mean += parts["moved"] @ (brain * nod) + parts["nod"] @ nod[None]
        mean += (
            parts["jaw"] @ cut(one.movements.jaw, first)[None] + parts["leak"] @ cut(one.movements.leak, first)[None]
        )
        if envelopes is not None:
            envelopes[i] = cut(one.movements.muscles, first)
            mean += parts["muscles"] @ (MUSCLE_MEAN * envelopes[i])
    if envelopes is not None and not envelopes.any():
        envelopes = None  # they rest
    weights = np.array([weight for *_, weight in places])
    labels = np.array([names.index(name) for name, *_ in places])
    return Candidates(names, labels, weights / weights.sum(), means, envelopes), matrix, mixing


def _space(person: Speaker, fields: Fields | None) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    own = {"brain": person.patterns}
    muscles = np.zeros((len(person.patterns), 0))
    if fields is not None:
        own |= {
            "moved": person.moved,
            "nod": fields.nod[:, None],
            "jaw": fields.jaw[:, None],
            "leak": fields.leak[:, None],
        }
        muscles = fields.muscles[:, fields.muscles.any(0)]
    kept = [one for one in own.values() if one.any()]
    matrix = whitening(person.noise, muscles, np.concatenate(kept, 1))
    parts = {name: matrix @ pattern for name, pattern in own.items()}
    if fields is not None:
        parts["muscles"] = matrix @ fields.muscles
    return matrix, (matrix @ muscles)[: min(muscles.shape)], parts


def _cut(course: np.ndarray, first: int, n: int) -> np.ndarray:
    """(..., n) From a sample on; there is nothing before and after."""
    found = np.zeros((*course.shape[:-1], n))
    start, stop = max(first, 0), min(first + n, course.shape[-1])
    if start < stop:
        found[..., start - first : stop - first] = course[..., start:stop]
    return found
