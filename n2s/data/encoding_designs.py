"""The features of rows: every feature of what a run played, on its clock, after the response model."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from n2s.data.clip_targets import tracked
from n2s.data.encoding_data import Stream
from n2s.data.response_model import ResponseModel
from n2s.data.runs import Run
from n2s.errors import UserError
from n2s.features.feature import Feature, FrameFeature, ImpulseFeature
from n2s.features.layers import Layers
from n2s.features.store import FeatureStore
from n2s.findings import tell
from n2s.studies.study import Frames, Impulses, Stimulus

KEPT_BYTES = 2**31  # of columns that stay in memory
MISSING_S = 0.25  # at either end of what was heard: rounded times, the first and last frame of a transform
QUIET_S = 20.0  # without a word at either end of what was heard
CONSTANT = 1e-6  # of a column's magnitude: smaller changes are rounding errors
#: Times the largest deviation in training: a column that goes further in held-out rows was not seen in training.
BEYOND = 4.0
#: Rows that the variance of a column in training must come from: one event, through the haemodynamic response at 2 s, is 3 rows.
FEWEST = 5.0
BLOCK = 2**24  # numbers that are squared at once


def spaces_of(features: Mapping[str, FrameFeature | ImpulseFeature | Layers]) -> dict[str, list[Feature]]:
    """Name of each feature space -> its feature from each seed. `Layers` become a space a layer, ``name.layer``.

    Raises
    ------
    UserError
        There is none, one is of another kind, or two have one name.
    """
    if not features:
        raise UserError("data.features is empty: name at least one feature, such as mel: n2s.features.Mel.")
    found: dict[str, list[Feature]] = {}
    for name, feature in features.items():
        many = isinstance(feature, Layers)
        members = feature.members() if many else {"": [feature]}
        for layer, seeds in members.items():
            wrong = [one for one in seeds if not isinstance(one, (FrameFeature, ImpulseFeature))]
            if wrong or not len(seeds):
                raise UserError(
                    f"data.features.{name} is a {type(wrong[0] if wrong else feature).__name__}; expected a feature with frames (Mel, "
                    "Wav2Vec2) or with values at words or phones (WordRate), or the layers of a network."
                )
            space = f"{name}.{layer}" if many else name
            if space in found:
                raise UserError(f"data.features: two feature spaces are named '{space}'. Rename one.")
            found[space] = list(seeds)
    return found


class Designs:
    """Columns of every feature space for all rows of a subject, before they are scaled.

    Parameters
    ----------
    spaces
        See `spaces_of`.
    response
        The response model.
    stimuli
        By ``study/stimulus``.
    cuts_s
        Subject -> stimulus -> its moments that no context may cross, s.
    """

    def __init__(
        self,
        spaces: Mapping[str, Sequence[Feature]],
        response: ResponseModel,
        stimuli: Mapping[str, Stimulus],
        cuts_s: Mapping[str, Mapping[str, np.ndarray]],
    ):
        self.spaces, self.response, self.stimuli, self.cuts_s = spaces, response, stimuli, cuts_s
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def fill(self, runs: Mapping[str, Sequence[Run]]) -> None:
        """Compute all features that the runs of some subjects need and that are not in the cache."""
        needed = {}
        for subject, own in runs.items():
            for stimulus in {name for run in own for name in run.played.stimulus}:
                cuts_s = self.cuts_s[subject][stimulus]
                needed[stimulus, tuple(cuts_s)] = cuts_s
        for seeds in self.spaces.values():
            for feature in seeds:
                what = f"{type(feature).__name__} of {len(needed)} stimuli"
                for (stimulus, _), cuts_s in (
                    tracked(sorted(needed.items(), key=lambda one: one[0]), what, len(needed)) if feature.kept else ()
                ):
                    self._pieces(feature, stimulus, cuts_s)
                feature.release()

    def columns(
        self, subject: str, runs: Sequence[Run], space: str, seed: int, *, stream: Stream = "attended"
    ) -> np.ndarray:
        """(n, p) float32 of all rows of a subject; what fits in memory is kept."""
        key = (subject, space, seed, stream)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self.columns_of(self.feature(space, seed), subject, runs, stream=stream)
        self._kept[key] = found
        while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return found

    def columns_of(
        self, feature: Feature, subject: str, runs: Sequence[Run], *, stream: Stream = "attended"
    ) -> np.ndarray:
        """(n, p) float32 as `columns`, of any feature; not kept."""
        step_s = runs[0].step_s
        before_s, after_s = self.response.reach_s(step_s)
        events = getattr(feature, "events", False)
        n_rows = runs[-1].rows.stop
        found = np.zeros((n_rows, len(self.response.delays_s(step_s)) * feature.n_features), np.float32)
        played: dict[str, list] = {}
        for run in runs:
            for row in (run.plays if stream == "attended" else run.beside).itertuples():
                played.setdefault(row.stimulus, []).append((run, row))
        for stimulus, places in played.items():
            pieces = self._pieces(feature, stimulus, self.cuts_s[subject][stimulus])
            for run, row in places:
                span_s = row.stimulus_onset, row.stimulus_onset + row.duration
                self._check(feature, stimulus, pieces, span_s, run)
                # only the rows that hear it are computed
                low = max(int(np.floor((row.onset - after_s) / step_s)) - 1, 0)
                high = min(int(np.ceil((row.onset + row.duration + before_s) / step_s)) + 2, run.n_rows)
                for piece in pieces:
                    heard = _within(piece, span_s, row.onset - row.stimulus_onset - low * step_s)
                    if len(heard.values) and high > low:
                        part = self.response.columns(heard, high - low, step_s, events=events)
                        found[run.first + low : run.first + high] += part
        feature.release()
        return found

    def feature(self, space: str, seed: int) -> Feature:
        """One of them; a UserError if there is no such space or seed."""
        if space not in self.spaces:
            raise UserError(f"no feature space '{space}'. There are: {', '.join(self.spaces)}.")
        if not 0 <= seed < len(self.spaces[space]):
            raise UserError(f"'{space}' has the seeds 0 to {len(self.spaces[space]) - 1}, not {seed}.")
        return self.spaces[space][seed]

    def _pieces(self, feature: Feature, name: str, cuts_s: np.ndarray) -> list[Frames] | list[Impulses]:
        store, stimulus = FeatureStore(feature), self.stimuli[name]
        if isinstance(feature, ImpulseFeature):
            return store.impulses(stimulus, cuts_s=cuts_s)
        return in_turn(store.frames(stimulus, cuts_s=cuts_s), cuts_s)

    def _check(
        self,
        feature: Feature,
        stimulus: str,
        pieces: Sequence[Frames | Impulses],
        span_s: tuple[float, float],
        run: Run,
    ) -> None:
        """A UserError if frames end before what was heard; words that do so are told, for speech may have pauses."""
        if isinstance(feature, ImpulseFeature):
            self._tell_quiet(feature, stimulus, pieces, span_s, run)
            return
        full = [one for one in pieces if len(one.values)]
        start_s, stop_s = (full[0].start_s, full[-1].stop_s) if full else (np.inf, -np.inf)
        slack_s = MISSING_S + 2 / (full[0].rate_hz if full else 1.0)
        for lacks_s, side in ((start_s - span_s[0], "start"), (span_s[1] - stop_s, "end")):
            if lacks_s > slack_s:
                raise UserError(
                    f"{run.name} hears '{stimulus}' from {span_s[0]:.2f} to {span_s[1]:.2f} s, but its {type(feature).__name__} has frames "
                    f"from {start_s:.2f} to {stop_s:.2f} s: {lacks_s:.2f} s are missing at the {side}. Check stimulus_onset and duration "
                    "of the events, the file of the sound, or the features' start_s and rate_hz."
                )

    def _tell_quiet(
        self, feature: Feature, stimulus: str, pieces: Sequence[Impulses], span_s: tuple[float, float], run: Run
    ) -> None:
        times_s = np.concatenate([np.asarray(one.times_s, np.float64) for one in pieces])
        own = times_s[(times_s >= span_s[0] - 1e-9) & (times_s < span_s[1] + 1e-9)]
        edges = (own.min(), own.max()) if len(own) else (span_s[1], span_s[1])
        for quiet_s, side in ((edges[0] - span_s[0], "first"), (span_s[1] - edges[1], "last")):
            if quiet_s > QUIET_S:
                tell(
                    "odd",
                    run.name,
                    f"hears '{stimulus}' from {span_s[0]:.2f} to {span_s[1]:.2f} s, but {type(feature).__name__} has nothing in the {side} "
                    f"{quiet_s:.0f} s: it is 0 there. Check the words (or phones) of the events.",
                )


@dataclass(frozen=True)
class Standardised:
    """``train (n, p)`` and ``test (m, p)`` float32, z-scored by the training rows.

    ``still (p,)``: columns that are 0, since they do not change in training. ``rare (p,)``: since they do so in fewer than `FEWEST`
    rows. ``unseen (p,)``: columns that are 0 in ``test`` alone.
    """

    train: np.ndarray
    test: np.ndarray
    still: np.ndarray
    rare: np.ndarray
    unseen: np.ndarray

    def tell(self, space: str, where: str) -> None:
        """Report columns that are 0."""
        if self.still.all():
            tell("odd", where, f"nothing of '{space}' changes in training rows: it is 0.")
        if self.rare.any():
            told = f"{self.rare.sum()} of {self.rare.size} columns of '{space}' change in fewer than {FEWEST:g} training rows: they are 0."
            tell("left out", where, told)
        if self.unseen.any():
            told = f"{self.unseen.sum()} of {self.unseen.size} columns of '{space}' happen in held-out rows alone: they are 0 there."
            tell("left out", where, told)


def standardised(own: np.ndarray, held: np.ndarray, largest: np.ndarray) -> Standardised:
    """Z-score columns ``own (n, p)`` and ``held (m, p)``, in place, by the training rows ``own``.

    ``largest (p,)`` is the magnitude of each column before anything was taken out of it.

    A rare event (a phone, a word) may leave nothing in training but one response, or the last trace of one: the column, brought to a
    deviation of 1, would be thousands in held-out rows where the event happens, and spoil every prediction there. A column is left out
    if its training variance comes from fewer than `FEWEST` effective rows: the participation ratio, the squared sum of squares by the
    sum of fourth powers. One that goes `BEYOND` all of training in some held-out row is its training mean in all of these.
    """
    mean = own.mean(0, dtype=np.float64)
    parts = np.array_split(np.arange(len(own)), max(1, own.size // BLOCK))
    square = sum(np.square(own[part] - mean).sum(0) for part in parts) / len(own)
    deviation = np.sqrt(square)
    constant = deviation <= CONSTANT * largest
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation)).astype(np.float32)
    mean = mean.astype(np.float32)
    for part in (own, held):
        part -= mean
        part *= scale
    fourth = sum(np.square(np.square(own[part])).sum(0, dtype=np.float64) for part in parts)
    rare = ~constant & (len(own) ** 2 < FEWEST * fourth)  # squares sum to the number of rows
    own[:, rare] = held[:, rare] = 0
    unseen = np.abs(held).max(0, initial=0) > BEYOND * np.abs(own).max(0, initial=0)
    held[:, unseen] = 0
    return Standardised(own, held, constant, rare, unseen)


def in_turn(pieces: list[Frames], cuts_s: Sequence[float]) -> list[Frames]:
    """Pieces that each count between their own cuts alone, and up to these.

    A transform has a frame at a cut itself, on both sides; a network's first frame is some time after the cut.
    """
    if len(pieces) == 1:
        return pieces
    edges_s = [pieces[0].start_s, *sorted(cuts_s), pieces[-1].stop_s]
    found = [
        replace(one, within_s=span_s) for one, span_s in zip(pieces, pairwise(edges_s), strict=True) if len(one.values)
    ]
    for i, (one, other) in enumerate(pairwise(found)):
        n = int(np.ceil((other.start_s - one.start_s) * one.rate_hz - 1e-6))
        found[i] = replace(one, values=one.values[:n])
    return found


def _within(piece: Frames | Impulses, span_s: tuple[float, float], shift_s: float) -> Frames | Impulses:
    """The part of a piece that was heard, moved to another clock."""
    if isinstance(piece, Impulses):
        times_s = np.asarray(piece.times_s, np.float64)
        chosen = (times_s >= span_s[0] - 1e-9) & (times_s < span_s[1] - 1e-9)
        return replace(piece, values=piece.values[chosen], times_s=times_s[chosen] + shift_s)
    edges = np.ceil((np.array(span_s) - piece.start_s) * piece.rate_hz - 1e-6).astype(int).clip(0, len(piece.values))
    found = Frames(piece.values[edges[0] : edges[1]], piece.rate_hz, piece.start_s + edges[0] / piece.rate_hz + shift_s)
    if piece.within_s is None:
        return found
    first_s, last_s = found.span_s
    first_s = first_s if edges[0] else max(piece.within_s[0], span_s[0]) + shift_s
    last_s = last_s if edges[1] < len(piece.values) else min(piece.within_s[1], span_s[1]) + shift_s
    return replace(found, within_s=(first_s, last_s))
