"""What both scanners share: the tales, what is in their sound, and the people who hear them."""

import zlib
from pathlib import Path

import numpy as np

from n2s.errors import UserError
from n2s.studies.simulated.pair_courses import sound_courses
from n2s.studies.simulated.pair_people import Person, person
from n2s.studies.simulated.tale_material import MOST_MINUTES, TaleMaterial, check_options
from n2s.studies.study import Recording


class PairMaterial(TaleMaterial):
    """English tales and people, of the same options the same in both studies.

    Parameters
    ----------
    options
        ``n_subjects``, ``n_stories``, ``minutes``, ``n_test``, ``noise_level``, ``signal_gain``, ``shared``, ``private``, ``seed``.
    ranges
        Other options of a study -> value, lowest, highest.
    root, study
        See `TaleMaterial`.

    Raises
    ------
    UserError
        An option is out of its range, or nothing drives anybody.
    """

    def __init__(
        self,
        options: dict[str, float],
        ranges: dict[str, tuple[float, float, float]],
        *,
        root: Path,
        study: str,
    ):
        limits = {
            "n_subjects": (1, 99), "minutes": (0.1, MOST_MINUTES), "noise_level": (1e-3, np.inf), "signal_gain": (0, np.inf),
            "shared": (0, np.inf), "private": (0, np.inf), "seed": (0, np.inf),
        }  # fmt: skip
        known = {name: (options[name], *limit) for name, limit in limits.items()}
        check_options(study, ("en",), options["n_stories"], options["n_test"], known | ranges)
        if not (options["shared"] or options["private"]):
            raise UserError(
                f"{study}: shared and private are both 0, so that nothing drives anybody. For recordings of noise alone, "
                "leave them as they are and set signal_gain to 0."
            )
        super().__init__(("en",), options["n_stories"], options["minutes"], root=root, study=study)
        plain = {name: float(options[name]) for name in ("noise_level", "signal_gain", "shared", "private")}
        self.options = options | plain

    def split(self, n_test: int) -> dict[str, str] | None:
        """The last stories are for testing, the one before them for validation, if two or more are left; None without test stories."""
        found = super().split(n_test)
        rest = [one for one, part in (found or {}).items() if part == "train"]
        return {**found, rest[-1]: "val"} if len(rest) > 2 else found

    def number(self, subject: str) -> int:
        """1 of ``01``; a UserError if there is no such subject."""
        return self.number_of(subject, self.options["n_subjects"])

    def person(self, subject: str) -> Person:
        """Somebody's sources."""
        shared, private = float(self.options["shared"]), float(self.options["private"])
        return person(self.number(subject), self.options["seed"], shared, private)

    def courses(self, stimulus: str, rate_hz: float) -> np.ndarray:
        """(l, N_COURSES) See `n2s.studies.simulated.pair_courses.sound_courses`."""
        return sound_courses(self.audio(stimulus), rate_hz)

    def check_place(self, stimulus: str, start_s: float) -> None:
        """A UserError unless a candidate begins in its sound."""
        if not 0 <= start_s < self.length_s(stimulus):
            raise UserError(
                f"{self.study}: candidate at {start_s:.2f} s of {stimulus}, which lasts {self.length_s(stimulus):.2f} s."
            )

    def sources(self, stimulus: str) -> list[Path]:
        """The files that recordings of a tale are made from."""
        return [self.events_file(stimulus), self.audio(stimulus)]

    def settings(self) -> dict:
        """What changes a recording in either scanner: all but the numbers of subjects and of test stories."""
        names = ("noise_level", "signal_gain", "shared", "private", "seed")
        return {"texts": self.key} | {name: self.options[name] for name in names}

    def random(self, recording: Recording, scanner: str, use: int) -> list[int]:
        """Entropy of a recording, different in each scanner and for each use."""
        heard = zlib.crc32(f"{scanner} {recording.name}".encode())
        return [self.options["seed"], self.number(recording.subject), use, heard]
