"""Which conditions and artifacts the simulated production study has, and how strong they are."""

from collections.abc import Iterable, Mapping

from n2s.errors import UserError, nearest
from n2s.studies.simulated.known import check_ranges
from n2s.studies.simulated.production_artifacts import MOVING

STUDY = "simulated_production"
CONDITIONS = tuple(MOVING)
STRENGTH = {"listen": 1.0, "overt": 1.0, "silent": 0.9, "imagined": 0.6}  # of the brain's code
#: Levels of the artifacts in planted cases.
CASES = {
    "speech": {"muscle": 1.0, "jaw": 1.0, "audio": 0.0},
    "clean": {"muscle": 0.0, "jaw": 0.0, "audio": 0.0},
    "muscle": {"muscle": 1.0, "jaw": 0.0, "audio": 0.0},
    "jaw": {"muscle": 0.0, "jaw": 1.0, "audio": 0.0},
    "audio": {"muscle": 0.0, "jaw": 0.0, "audio": 1.0},
}
ALWAYS = {"blinks": 1.0, "heart": 1.0}  # in every case


def one_of(option: str, value: str, known: Iterable[str]) -> str:
    """The value, if it is known; else a UserError."""
    names = list(known)
    if value not in names:
        raise UserError(f"{STUDY}: {option} is '{value}'; expected {', '.join(names)}.{nearest(str(value), names)}")
    return value


def some_of(option: str, values: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The values, if all are known and there is one, and none twice; else a UserError."""
    values, known = ([values] if isinstance(values, str) else list(values)), list(known)
    for value in values:
        one_of(option, value, known)
    if not values or len(set(values)) < len(values):
        raise UserError(f"{STUDY}: {option} is {values}; expected some of {', '.join(known)}, each once.")
    return tuple(values)


def levels(option: str, given: Mapping[str, float] | None, usual: Mapping[str, float]) -> dict[str, float]:
    """The usual levels, but for those that are given."""
    for name in given or {}:
        one_of(f"{option}: a name", name, usual)
    check_ranges(STUDY, {f"{option}.{name}": (value, 0, 1e6) for name, value in (given or {}).items()})
    return dict(usual) | {name: float(value) for name, value in (given or {}).items()}
