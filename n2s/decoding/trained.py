"""What a run was trained on, as a decoder of new recordings sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from n2s.config_classes import built
from n2s.data.front import Front
from n2s.data.preprocessing import Preprocessing
from n2s.data.sensor_preparation import SensorPreparation
from n2s.errors import UserError
from n2s.features.feature import Feature


@dataclass(frozen=True)
class Trained:
    """The data of a run: how they were prepared, and what was fitted to them.

    Parameters
    ----------
    data
        ``class_path`` and ``init_args`` of the recipe's datamodule, in plain types; studies may be left out.
    front
        What was fitted to the training data.
    entries
        What the checkpoint holds beside the weights, in plain types and tensors.
    name
        Of the run, for messages.
    """

    data: Mapping
    front: Front
    entries: Mapping = field(default_factory=dict)
    name: str = "the run"

    @property
    def options(self) -> dict:
        """Of the datamodule, as the recipe gave them."""
        return self.data.get("init_args") or {}

    @property
    def subjects(self) -> list[str]:
        """``study/subject``, in the order of their numbers."""
        return list(self.front.plain["subjects"])

    def preparation(self) -> SensorPreparation:
        """The preprocessing of sensors.

        Raises
        ------
        UserError
            Some of its steps learn from training recordings of the same person, and a new recording has none.
        """
        entry = self.options.get("preprocessing")
        found = built(SensorPreparation, entry) if entry else Preprocessing()
        if found.learns:
            raise UserError(
                f"{self.name}: its preprocessing has steps that learn from training recordings of the same person and session (fit_on), and a new "
                "recording has none. Put the recording into the study and run n2s predict, or fit with steps that clean each recording by itself."
            )
        return found

    def target(self) -> Feature:
        """The feature that the brain is compared with."""
        return built(Feature, self.options["target"])

    def number_of(self, subject: str | None) -> tuple[int, str | None]:
        """A person's number in the network and full name; (-1, None) for somebody new.

        Parameters
        ----------
        subject
            ``study/subject``, or the subject alone where one study has it; None: somebody new.

        Raises
        ------
        UserError
            Nobody has this name, or several studies have.
        """
        if subject is None:
            return -1, None
        known = self.subjects
        found = [one for one in known if subject in (one, one.partition("/")[2])]
        if len(found) != 1:
            several = (
                f"several studies have a subject {subject}: {', '.join(found)}" if found else f"no subject {subject}"
            )
            raise UserError(
                f"{self.name}: {several}; trained on {', '.join(known)}. Leave the subject out for somebody new."
            )
        return known.index(found[0]), found[0]
