"""What simulated studies refuse: options out of their range, recordings and subjects that they do not have."""

from collections.abc import Mapping, Sequence

from n2s.errors import UserError
from n2s.options import check_number
from n2s.studies.study import Recording


def check_ranges(study: str, ranges: Mapping[str, tuple[float, float, float]]) -> None:
    """Raise a UserError if an option is out of its range; ``ranges``: name -> value, lowest, highest. Counts and seeds are whole numbers."""
    for name, (value, low, high) in ranges.items():
        whole = name.startswith("n_") or name in ("seed", "resolution_mm")
        check_number(f"{study}: {name}", value, low=low, high=high, whole=whole)


def check_divides(study: str, sfreq: float, rate_hz: int, such_as: str) -> None:
    """Raise a UserError if a rate does not divide that of the audio: brain and sound would have no common clock."""
    if rate_hz % sfreq:
        raise UserError(f"{study}: sfreq is {sfreq:g} Hz; it must divide {rate_hz}: {such_as}, say.")


def known_recording(study: str, recording: Recording, recordings: Sequence[Recording]) -> Recording:
    """The recording, if it is one of the study's; else a UserError."""
    if recording not in recordings:
        known = ", ".join(one.name for one in recordings)
        raise UserError(f"{study}: no recording {recording.name}; there are {known}.")
    return recording


def number_of(study: str, subject: str, n_subjects: int) -> int:
    """1 of ``01``; a UserError if there is no such subject."""
    if subject not in {f"{one:02d}" for one in range(1, n_subjects + 1)}:
        raise UserError(f"{study}: no subject '{subject}'; there are 01 to {n_subjects:02d}.")
    return int(subject)
