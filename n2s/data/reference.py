"""What the electrodes of a recording are measured against: their average, or their neighbours on the same shaft."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import mne
import numpy as np
from scipy.sparse import csr_array

from n2s.data.channel_types import reference_groups
from n2s.data.places import contact_places
from n2s.errors import UserError, counted, first_of
from n2s.findings import tell

LONGEST = 20  # contacts of a shaft; of electrodes for stereotaxy 5 to 18
FAR = 1.5  # times the usual distance of a shaft's contacts: there is one between, or a bend of the grid


@dataclass(frozen=True)
class Referenced:
    """How referenced channels come from recorded ones.

    Parameters
    ----------
    info
        Of the referenced channels; bad ones marked.
    weights
        (d, c) What each of them takes of the recorded channels.
    averages
        (g, c) Averages of recorded channels that are subtracted.
    group
        (d,) Which of those each referenced channel loses; -1: none.
    """

    info: mne.Info
    weights: csr_array
    averages: csr_array
    group: np.ndarray

    @classmethod
    def as_recorded(cls, info: mne.Info) -> "Referenced":
        """The channels as they are."""
        n = len(info["ch_names"])
        return cls(info, csr_array(np.eye(n)), csr_array((0, n)), np.full(n, -1))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(c, t) recorded -> (d, t) referenced."""
        found = self.weights @ values
        averages = self.averages @ values
        for number, average in enumerate(averages):
            found[self.group == number] -= average
        return found

    @property
    def matrix(self) -> np.ndarray:
        """(d, c) All of it as one matrix."""
        chosen = np.zeros((len(self.group), self.averages.shape[0]))
        rows = np.flatnonzero(self.group >= 0)
        chosen[rows, self.group[rows]] = 1
        return self.weights.toarray() - chosen @ self.averages.toarray()


class Reference(ABC):
    """How the electrodes of a recording are referenced anew; bad ones are no reference to others."""

    @abstractmethod
    def settings(self) -> dict:
        """All settings that change the result, as plain JSON types."""

    @abstractmethod
    def __call__(self, info: mne.Info, where: str) -> Referenced:
        """How to reference the channels of a recording; ``where`` names it in messages."""


def settings_of(reference: Reference | None) -> list | None:
    """A reference and its settings as plain JSON types; None for none."""
    return (
        None if reference is None else [type(reference).__module__, type(reference).__qualname__, reference.settings()]
    )


class CommonAverage(Reference):
    """Subtract the mean of the good channels.

    Parameters
    ----------
    of
        ``type``: all channels of a type (ECoG, sEEG) share a mean; ``electrode``: the contacts of each shaft, strip or grid do, known by
        their names without number.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from n2s.data import CommonAverage
    >>> info = mne.create_info(["LA1", "LA2", "RB1", "RB2"], 1000.0, "seeg")
    >>> recorded = np.array([[1.0], [3.0], [10.0], [20.0]])
    >>> CommonAverage()(info, "sub-01")(recorded).ravel().tolist()
    [-7.5, -5.5, 1.5, 11.5]
    >>> CommonAverage(of="electrode")(info, "sub-01")(recorded).ravel().tolist()
    [-1.0, 1.0, -5.0, 5.0]
    """

    def __init__(self, of: Literal["type", "electrode"] = "type"):
        if of not in ("type", "electrode"):
            raise UserError(f"CommonAverage: of is {of!r}; expected type or electrode.")
        self.of = of

    def settings(self) -> dict:
        """See `Reference`."""
        return {"of": self.of}

    def __call__(self, info: mne.Info, where: str) -> Referenced:
        """See `Reference`.

        Raises
        ------
        UserError
            A group has fewer than two good channels: nothing would be left of the one.
        """
        kinds, good = np.array(info.get_channel_types()), _good(info)
        if self.of == "type":
            groups = reference_groups(kinds, good, where)
        else:
            shafts = np.array([contact_of(name)[0] for name in info["ch_names"]])
            groups = [shafts == one for one in dict.fromkeys(shafts)]
            alone = [shafts[those][0] for those in groups if (those & good).sum() == 1]
            if alone:
                raise UserError(
                    f"{where}: the electrodes {first_of(alone)} have one good contact each, by the channels' names: its own mean is all of "
                    "it. Set of to type, or mark these channels as bad."
                )
        group = np.full(len(good), -1)
        averages = np.zeros((len(groups), len(good)))
        for number, those in enumerate(groups):
            group[those] = number if (those & good).any() else -1
            averages[number, those & good] = 1 / max((those & good).sum(), 1)
        return Referenced(info, csr_array(np.eye(len(good))), csr_array(averages), group)


class Bipolar(Reference):
    """Differences of neighbouring contacts, ``LA1-LA2``: each contact minus the next one on its shaft, in the middle of the two.

    Neighbours have the same name but for the number, numbers that follow each other, and, where places are known, no more than 1.5
    times the usual distance between them. A pair with a bad contact is left out.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from n2s.data import Bipolar
    >>> info = mne.create_info(["LA1", "LA2", "LA3", "RB1"], 1000.0, "seeg")
    >>> referenced = Bipolar()(info, "sub-01")
    >>> referenced.info.ch_names
    ['LA1-LA2', 'LA2-LA3']
    >>> referenced(np.array([[5.0], [3.0], [2.0], [9.0]])).ravel().tolist()
    [2.0, 1.0]
    """

    def settings(self) -> dict:
        """See `Reference`."""
        return {}

    def __call__(self, info: mne.Info, where: str) -> Referenced:
        """See `Reference`.

        Raises
        ------
        UserError
            No two good contacts are neighbours; contacts have no places, and their numbers do not tell.
        """
        good, names = _good(info), info["ch_names"]
        pairs = neighbours(info, where)
        kept = [(a, b) for a, b in pairs if good[a] and good[b]]
        _check_any(kept, names, where)
        alone = sorted(set(np.flatnonzero(good)) - {one for pair in kept for one in pair})
        _tell_lost(alone, names, where)
        weights = np.zeros((len(kept), len(names)))
        for row, (a, b) in enumerate(kept):
            weights[row, a], weights[row, b] = 1, -1
        found = mne.pick_info(info, [a for a, _ in kept])
        _rename(found, [f"{names[a]}-{names[b]}" for a, b in kept])
        places = contact_places(info) / 1e3
        for channel, (a, b) in zip(found["chs"], kept, strict=True):
            channel["loc"][:3] = (places[a] + places[b]) / 2  # nowhere, if one has no place
        return Referenced(found, csr_array(weights), csr_array((0, len(names))), np.full(len(kept), -1))


class Laplacian(Reference):
    """Each contact minus the mean of its neighbours on the shaft, of the one there is at an end or beside a bad contact.

    Neighbours are those of `Bipolar`. Contacts without a good neighbour are left out, and so are bad ones.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from n2s.data import Laplacian
    >>> info = mne.create_info(["LA1", "LA2", "LA3"], 1000.0, "seeg")
    >>> Laplacian()(info, "sub-01")(np.array([[1.0], [2.0], [9.0]])).ravel().tolist()
    [-1.0, -3.0, 7.0]
    """

    def settings(self) -> dict:
        """See `Reference`."""
        return {}

    def __call__(self, info: mne.Info, where: str) -> Referenced:
        """See `Reference`; errors as for `Bipolar`."""
        good, names = _good(info), info["ch_names"]
        beside: dict[int, list[int]] = {at: [] for at in np.flatnonzero(good).tolist()}
        for a, b in neighbours(info, where):
            if good[a] and good[b]:
                beside[a].append(b)
                beside[b].append(a)
        kept = [at for at, others in beside.items() if others]
        _check_any(kept, names, where)
        _tell_lost([at for at, others in beside.items() if not others], names, where)
        weights = np.zeros((len(kept), len(names)))
        for row, at in enumerate(kept):
            weights[row, at] = 1
            weights[row, beside[at]] = -1 / len(beside[at])
        found = mne.pick_info(info, kept)
        return Referenced(found, csr_array(weights), csr_array((0, len(names))), np.full(len(kept), -1))


def contact_of(name: str) -> tuple[str, int | None]:
    """The shaft and the number of a contact: ``LA1``, ``LA01``, ``EEG LA 1`` and ``LA1-Ref`` are of ``LA``; None without a number."""
    plain = re.sub(r"^(EEG|SEEG|ECOG|POL)\s+", "", name.strip(), flags=re.I)
    plain = re.sub(r"[-_ ](REF|G2|AVG|LE|A1A2)\w*$", "", plain, flags=re.I)
    found = re.fullmatch(r"(.*?)[\s_-]*(\d+)", plain)
    return (found[1], int(found[2])) if found else (plain, None)


def neighbours(info: mne.Info, where: str) -> list[tuple[int, int]]:
    """Pairs of channels (lower number first) that are next to each other on a shaft, strip or grid, good or bad, in order.

    Raises
    ------
    UserError
        Two channels are one contact by their names; contacts on the brain's surface, or too many for a shaft, have no places.
    """
    at: dict[tuple[str, int], int] = {}
    for number, name in enumerate(info["ch_names"]):
        shaft, contact = contact_of(name)
        if contact is None:
            continue
        if (shaft, contact) in at:
            raise UserError(
                f"{where}: the channels {info['ch_names'][at[shaft, contact]]} and {name} are one contact by their names ({shaft} "
                f"{contact}), so that neighbours are not known. Rename one, or reference to the common average."
            )
        at[shaft, contact] = number
    pairs = [(number, at[shaft, contact + 1]) for (shaft, contact), number in at.items() if (shaft, contact + 1) in at]
    places = np.array([channel["loc"][:3] for channel in info["chs"]], float).reshape(-1, 3)
    placed = np.isfinite(places).all(1) & places.any(1)
    kinds = np.array(info.get_channel_types())
    shafts = [contact_of(name)[0] for name in info["ch_names"]]
    many = {shaft for shaft, n in Counter(shafts).items() if n > LONGEST}
    unsure = [kind == "ecog" or shaft in many for kind, shaft in zip(kinds, shafts, strict=True)]
    lost = [info["ch_names"][a] for a, b in pairs if unsure[a] and not (placed[a] and placed[b])]
    if lost and not placed.any():
        raise UserError(
            f"{where}: contacts on the brain's surface (ECoG), or more than {LONGEST} with one name ({first_of(lost, 5)}), have no places, and "
            "the next number may be in another row of a grid, or on another shaft. Add electrodes.tsv, give the type SEEG in "
            "channels.tsv and names such as LA1 and LA2 if these are shafts, or reference to the common average."
        )
    pairs = [pair for pair in pairs if info["ch_names"][pair[0]] not in lost]
    return sorted(_near(pairs, shafts, places, placed))


def _near(
    pairs: list[tuple[int, int]], shafts: list[str], places: np.ndarray, placed: np.ndarray
) -> Iterator[tuple[int, int]]:
    """The pairs that are no further apart than usual on their shaft, or whose places are not known."""
    apart = {(a, b): np.linalg.norm(places[a] - places[b]) for a, b in pairs if placed[a] and placed[b]}
    usual: dict[str, list[float]] = {}
    for (a, _), distance in apart.items():
        usual.setdefault(shafts[a], []).append(distance)
    for a, b in pairs:
        if (a, b) not in apart or apart[a, b] <= FAR * np.median(usual[shafts[a]]) + 1e-9:
            yield a, b


def _good(info: mne.Info) -> np.ndarray:
    return ~np.isin(info["ch_names"], info["bads"])


def _rename(info: mne.Info, names: list[str]) -> None:
    with info._unlock():
        for channel, name in zip(info["chs"], names, strict=True):
            channel["ch_name"] = name
        info["bads"] = []
        info["projs"] = []
    info._update_redundant()


def _check_any(kept: list, names: list[str], where: str) -> None:
    if not kept:
        raise UserError(
            f"{where}: no two good contacts are neighbours by their names ({first_of(names, 6, ', ...')}). Expected names such as LA1 and LA2. "
            "Rename the channels, or reference to the common average."
        )


def _tell_lost(lost: list[int], names: list[str], where: str) -> None:
    if lost:
        text = f"{counted(len(lost), 'good contact')} without a good neighbour on their shaft: {first_of([names[at] for at in lost], 6, ', ...')}."
        tell("left out", where, text)
