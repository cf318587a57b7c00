"""Bad channels that a recipe names, matched with the names in the recordings."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.studies.study import Study

#: EEG Fp1-REF, as EDF files have it: the kind before a name, and what stands for a reference after it.
_OF_EDF = re.compile(r"(?:EEG\s+)?(\S.*?)(?:-(?:ref|le|avg?|ar))?", re.IGNORECASE)
_OF_CTF = re.compile(r"(M[LRZ][A-Z]\d\d)-\d+")  # MLC11-2908: the number is that of the machine


def same_name(name: str) -> str:
    """What stays of a channel's name without case, spaces and leading zeros: ``MEG 001``, ``MEG001`` and ``meg1`` are one."""
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[\s_-]", "", name).casefold())


def sensor_key(name: str) -> str:
    """What tells a sensor from others, however its name is written: ``EEG Fp1-REF``, ``Fp1.`` and ``FP1`` are one, and so are two CTF machines' ``MLC11``."""
    plain = _OF_EDF.fullmatch(_OF_CTF.sub(r"\1", name.strip().rstrip(".")))
    return same_name(plain[1] if plain else name)


class Places:
    """Where the sensors of one recording are in another, by their names, or by what is left of them in `sensor_key`.

    Parameters
    ----------
    ch_names
        Of the recording in which they are looked for.
    asked
        All of the recording that they are from: a name whose key another one has is looked for as it is written.
    """

    def __init__(self, ch_names: Sequence[str], asked: Sequence[str]):
        self._same = {name: at for at, name in enumerate(ch_names)}
        here, there = (Counter(map(sensor_key, names)) for names in (ch_names, asked))
        keys = [sensor_key(name) for name in ch_names]
        self._alike = {key: at for at, key in enumerate(keys) if here[key] == 1 == there[key]}

    def of(self, name: str) -> int | None:
        """The number of a channel; None: there is no such sensor."""
        return self._same.get(name, self._alike.get(sensor_key(name)))


def found_bads(asked: Iterable[str], ch_names: list[str]) -> dict[str, str]:
    """The channel of this recording that each asked name means; names without a channel are left out.

    The same name wins, then one that differs only in case, spaces, hyphens and leading zeros, then one with the suffix of
    CTF or of a reference (``MLC11`` is ``MLC11-2908``, ``Fp1`` is ``Fp1-REF``), then one of the same `sensor_key` (``Fp1`` is ``EEG Fp1-REF``).
    A name that fits several channels means none.
    """
    found = {}
    for name in asked:
        alike = [one for one in ch_names if same_name(one) == same_name(name)]
        alike = alike or [one for one in ch_names if same_name(one.split("-")[0]) == same_name(name)]
        alike = alike or [one for one in ch_names if sensor_key(one) == sensor_key(name)]
        if name in ch_names or len(alike) == 1:
            found[name] = name if name in ch_names else alike[0]
    return found


def mark_bads(asked: list[str], ch_names: list[str], where: str) -> list[str]:
    """The channels of this recording that are bad by the recipe. Another spelling, and a name without a channel, are told."""
    found = found_bads(asked, ch_names)
    for name in asked:
        if name not in found:
            text = f"preprocessing.bads: the recording has no channel '{name}'.{nearest(name, ch_names)}"
            tell("odd", where, text)
        elif found[name] != name:
            tell("corrected", where, f"preprocessing.bads: '{name}' is taken for the channel '{found[name]}'.")
    return sorted(set(found.values()))


def check_bads(asked: list[str], studies: Mapping[str, Study]) -> None:
    """Refuse a name that no recording has. Headers are read only until all names are found.

    Raises
    ------
    UserError
        Some names fit no channel of any recording.
    """
    missing, known = list(asked), {}
    for study in studies.values():
        for recording in study.recordings():
            if not missing:
                return
            ch_names = study.load(recording).ch_names
            known |= dict.fromkeys(ch_names)
            missing = [name for name in missing if name not in found_bads(missing, ch_names)]
    if missing:
        told = "; ".join(f"'{name}'{nearest(name, list(known)).rstrip('.')}" for name in missing[:5])
        raise UserError(
            f"preprocessing.bads: no recording of {', '.join(studies)} has exactly one channel of this name: {told}. Expected "
            "names of channels as the recordings have them. Mend or remove the name."
        )
