"""Networks take sensors and people by their numbers: a checkpoint knows whose they were."""

from torch import nn

from n2s.data.event_data import EventDataModule
from n2s.errors import UserError, first_of
from n2s.models.event_network import check_channels
from n2s.models.subject_layer import SubjectLayer

#: Keys of a checkpoint: sensor of each column (`n2s.data.sensor_layout.SensorLayout.of`), and the people in the order of their numbers.
SENSORS, PEOPLE = "n2s_sensors", "n2s_people"


def keep_columns(checkpoint: dict, data: EventDataModule) -> None:
    """Keep the sensor of each column, and the people in order."""
    checkpoint[SENSORS] = {whose: list(names) for whose, names in data.layout.of.items()}
    checkpoint[PEOPLE] = list(data.subjects)


def lay_as_trained(checkpoint: dict, data: EventDataModule, network: nn.Module) -> None:
    """Lay the sensors of the data as those that a network was trained with.

    Other recordings of a study, such as those of one person alone, may have their sensors in another order, or lack some.

    Raises
    ------
    UserError
        The data have sensors that the network was not trained with, or the checkpoint does not say which those were; or the network has a
        layer for each person, and the data have others.
    """
    people = checkpoint.get(PEOPLE, data.subjects)
    fits = data.trainer is not None and data.trainer.state.fn == "fit"  # on other people from these weights
    if not fits and people != data.subjects and any(isinstance(one, SubjectLayer) for one in network.modules()):
        raise UserError(
            f"the network has a layer for each of {first_of(people, 6)}; the data have {first_of(data.subjects, 6)}. Name the same people in the "
            "same studies, as the run's own config.yaml does."
        )
    if getattr(network, "n_channels", None) is None:
        return  # it knows sensors by their places
    if SENSORS not in checkpoint:
        raise UserError(
            "the checkpoint does not say which sensor each channel of its network is: it is of an older version. Fit again."
        )
    if data.layout.of != checkpoint[SENSORS]:
        data.lay_as(checkpoint[SENSORS])
    check_channels(network, len(data.ch_names), data.layout.n_layouts)


def check_columns(checkpoint: dict, data: EventDataModule, network: nn.Module, where: str) -> None:
    """Raise a UserError if a network of another run was trained with other sensors, or in another order, than the data have."""
    if getattr(network, "n_channels", None) is None or checkpoint.get(SENSORS) == data.layout.of:
        return
    raise UserError(
        f"{where} does not say which sensor each channel of its network is, or they are others than those of the data. Fit it again."
    )
