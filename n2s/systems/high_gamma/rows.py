"""Which models are compared, and the baselines beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from n2s.errors import UserError, first_of, nearest

#: The model of all feature spaces, where the recipe names none.
ALL_SPACES = "model"
#: Keys of baselines.
MEAN, SPEECH, PERMUTED, SHIFTED, CIRCULAR = "mean", "speech", "permuted", "shifted", "circular"
#: Baselines that are fitted: key -> label.
FITTED = {SPEECH: "speech or silence", PERMUTED: "permuted words", SHIFTED: "features shifted in time"}

Change = Literal["", "permuted", "shifted"]


@dataclass(frozen=True)
class Fit:
    """One fit of each subject and fold.

    Parameters
    ----------
    spaces
        Feature spaces, in the order of the columns.
    estimator
        Name of the estimator in the recipe.
    change
        What is done to the features: nothing, those of each word are another word's, or they are moved in time.
    draw
        Number of that draw, from 1; 0 without one.
    """

    spaces: tuple[str, ...]
    estimator: str
    change: Change = ""
    draw: int = 0

    @property
    def key(self) -> str:
        """Its name in checkpoints: ``ridge: mel + words, permuted 1``."""
        return f"{self.estimator}: {' + '.join(self.spaces)}{f', {self.change} {self.draw}' if self.change else ''}"


@dataclass(frozen=True)
class Row:
    """A row of the table: the mean over its fits. ``model`` is a model's name, "" for a baseline."""

    key: str
    label: str
    role: Literal["model", "control"]
    fits: tuple[Fit, ...]
    model: str = ""


def table_rows(
    spaces: Sequence[str],
    estimators: Sequence[str],
    *,
    models: Mapping[str, Sequence[str]] | None,
    speech: str,
    n_draws: int,
) -> list[Row]:
    """The rows that are fitted, in the order of the table; the model that baselines belong to comes first.

    Parameters
    ----------
    spaces
        Feature spaces of the data.
    estimators
        Their names; the first fits the baselines.
    models, speech, n_draws
        See `n2s.systems.HighGammaEncoding`.

    Raises
    ------
    UserError
        A name is no feature space, or there is none for speech and silence.
    """
    if speech not in spaces:
        raise UserError(
            f"data.features has no '{speech}' ({first_of(spaces)}): the score of speech against silence alone is shown beside every model. Add "
            f"{speech}: {{class_path: n2s.features.Speaking}}, or name the feature that says it (model.speech)."
        )
    own = dict(models) if models else {ALL_SPACES: [one for one in spaces if one != speech]}
    if not models and not own[ALL_SPACES]:
        raise UserError(f"data.features has '{speech}' alone, which is a baseline. Add features of speech.")
    for name, wanted in own.items():
        for space in wanted:
            if space not in spaces:
                raise UserError(
                    f"model.models.{name}: '{space}' is no feature space of the data.{nearest(space, list(spaces))} There are: "
                    f"{first_of(spaces)}. (data.features)"
                )
        if not wanted or len(set(wanted)) < len(wanted):
            raise UserError(f"model.models.{name}: {list(wanted)}; expected feature spaces, each once.")
    # baselines are of the model that knows most
    first = max(own, key=lambda name: len(own[name]))
    found = []
    for name in [first, *(one for one in own if one != first)]:
        for estimator in estimators:
            label = estimator if len(own) == 1 else f"{name}, {estimator}" if len(estimators) > 1 else name
            found.append(Row(f"{name}/{estimator}", label, "model", (Fit(tuple(own[name]), estimator),), name))
    changed = {
        change: tuple(Fit(tuple(own[first]), estimators[0], change, draw) for draw in range(1, n_draws + 1))
        for change in (PERMUTED, SHIFTED)
    }
    fits = {SPEECH: (Fit((speech,), estimators[0]),)} | changed
    return found + [Row(key, label, "control", fits[key]) for key, label in FITTED.items()]
