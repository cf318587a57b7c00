"""Which models are compared: nested levels of networks, single feature spaces, controls, the banded model, single lags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from n2s.errors import UserError, first_of, nearest

#: The network that all feature spaces make where the recipe names none.
MODEL = "model"
#: The row of the banded model.
BANDED = "banded"


@dataclass(frozen=True)
class Fit:
    """One ridge regression of each subject and fold: rows with the same features share it.

    Parameters
    ----------
    parts
        Feature spaces and their seeds, in the order of the columns.
    shift
        Number of the circular shift, from 1; 0: the features as they are.
    bands
        How many of the parts each band has, in their order; empty: one penalty for all.
    lag
        Number of the only lag that is used; None: all.
    """

    parts: tuple[tuple[str, int], ...]
    shift: int = 0
    bands: tuple[int, ...] = ()
    lag: int | None = None

    @property
    def key(self) -> str:
        """Its name in checkpoints: ``mel + dutch.conv1@2, shift 1``."""
        names = " + ".join(f"{space}@{seed}" if seed else space for space, seed in self.parts)
        more = {"shift": self.shift or "", "bands": "-".join(map(str, self.bands))}
        more["lag"] = "" if self.lag is None else self.lag
        return ", ".join([names, *(f"{name} {value}" for name, value in more.items() if value != "")])


@dataclass(frozen=True)
class ModelRow:
    """A row of the table: the mean over its fits, one a seed of the network or a shift.

    ``key``, ``label``, ``role``, ``network`` and ``level`` are those of `n2s.systems.encoding.results.scored.BrainScores`.
    ``before`` is the row of the level before; "" for none. ``bands``: the name of each band.
    """

    key: str
    label: str
    role: Literal["model", "control"]
    fits: tuple[Fit, ...]
    network: str = ""
    level: int = 0
    before: str = ""
    bands: tuple[str, ...] = ()

    @property
    def spaces(self) -> tuple[str, ...]:
        """Its feature spaces."""
        return tuple(space for space, _ in self.fits[0].parts)

    def lags(self, n_lags: int) -> list[tuple[Fit, ...]]:
        """The same fits from each lag alone."""
        return [tuple(Fit(one.parts, one.shift, (), lag) for one in self.fits) for lag in range(n_lags)]


def model_rows(
    spaces: Mapping[str, int],
    *,
    networks: Mapping[str, Sequence[str]] | None = None,
    controls: Sequence[str] = (),
    alone: bool = True,
    banded: Sequence[str] | None = None,
    n_shifts: int = 3,
) -> list[ModelRow]:
    """The rows, in the order of the table; see `n2s.systems.BrainScore` for the options.

    Parameters
    ----------
    spaces
        Feature space -> number of seeds, in the recipe's order.
    networks, controls, alone, banded, n_shifts
        Options of the system.

    Raises
    ------
    UserError
        A name is no feature space, nothing is left for a model, or two networks of a row have other numbers of seeds.
    """
    known = dict(networks or {})
    named = {name for one in controls if one not in known for name in expanded(one, spaces, "model.controls")}
    if networks is None:
        known = {MODEL: [space for space in spaces if space not in named]}
        if not known[MODEL]:
            raise UserError(
                f"model.controls names all feature spaces ({first_of(spaces)}): nothing is left for a model. Take one out, or name the "
                "model's spaces in model.networks."
            )
    models = {name: value for name, value in known.items() if name not in controls}
    if not models:
        raise UserError(f"model.networks: {first_of(known)} are all controls. Add a network that is none.")
    found: list[ModelRow] = []
    for network, names in known.items():
        found += _nested(network, names, spaces, "control" if network in controls else "model", bare=networks is None)
    if alone:
        have = {row.spaces for row in found}
        models_own = (space for row in found if row.role == "model" for space in row.spaces)
        single = [space for space in dict.fromkeys(models_own) if (space,) not in have]
        single = [space for space in single if space not in named]
        found += [ModelRow(one, f"{one} alone", "model", _fits([one], spaces)) for one in single]
    if banded is not None:
        found.append(_banded(banded, spaces))
    for name in controls:
        if name not in known:
            found.append(ModelRow(name, name, "control", _fits(expanded(name, spaces, ""), spaces)))
    for network, names in models.items() if n_shifts else ():
        found.append(_shifted(network, _flat(network, names, spaces), spaces, n_shifts, only=len(models) == 1))
    return found


def expanded(name: str, spaces: Mapping[str, int], where: str) -> list[str]:
    """A feature space, or the layers of a network in their order: ``dutch`` -> ``dutch.conv1``, ``dutch.conv2``, ..."""
    found = [name] if name in spaces else [space for space in spaces if space.startswith(f"{name}.")]
    if not found:
        raise UserError(
            f"{where}: '{name}' is no feature space of the data.{nearest(name, list(spaces))} There are: {first_of(spaces)}. "
            "(data.features)"
        )
    return found


def _flat(network: str, names: Sequence[str], spaces: Mapping[str, int]) -> list[str]:
    found = [space for name in names for space in expanded(name, spaces, f"model.networks.{network}")]
    twice = [space for space in dict.fromkeys(found) if found.count(space) > 1]
    if twice or not found:
        raise UserError(
            f"model.networks.{network}: {f'{twice[0]} is there twice' if twice else 'no feature space'}. Give each space once, the base "
            "first, such as [mel, dutch]."
        )
    return found


def _nested(
    network: str, names: Sequence[str], spaces: Mapping[str, int], role: Literal["model", "control"], *, bare: bool
) -> list[ModelRow]:
    """A row for each level: the first space, the first two, and so on."""
    found: list[ModelRow] = []
    flat = _flat(network, names, spaces)
    for level, space in enumerate(flat):
        short = space.removeprefix(f"{network}.")
        label = f"+ {short}" if level else short
        found.append(
            ModelRow(
                key=f"{network}/{short}",
                label=label if bare else f"{network}: {label}",
                role=role,
                fits=_fits(flat[: level + 1], spaces),
                network=network,
                level=level,
                before=found[-1].key if level else "",
            )
        )
    return found


def _banded(names: Sequence[str], spaces: Mapping[str, int]) -> ModelRow:
    groups = [expanded(name, spaces, "model.banded") for name in names]
    flat = [space for group in groups for space in group]
    if len(groups) < 2 or len(set(flat)) < len(flat):
        raise UserError(
            f"model.banded: {list(names)}; expected two or more spaces or networks, none within another. null: no banded model."
        )
    bands = tuple(map(len, groups))
    fits = tuple(Fit(one.parts, bands=bands) for one in _fits(flat, spaces))
    return ModelRow(BANDED, f"banded: {' | '.join(names)}", "model", fits, bands=tuple(names))


def _shifted(network: str, flat: Sequence[str], spaces: Mapping[str, int], n_shifts: int, *, only: bool) -> ModelRow:
    """Seeds of the network take turns."""
    fits = _fits(flat, spaces)
    shifted = tuple(Fit(fits[number % len(fits)].parts, shift=number + 1) for number in range(n_shifts))
    label = "features shifted in time" if only else f"{network}: shifted in time"
    return ModelRow(f"{network} (shifted)", label, "control", shifted)


def _fits(flat: Sequence[str], spaces: Mapping[str, int]) -> tuple[Fit, ...]:
    """One fit a seed; spaces with one seed are in all of them."""
    counts = {spaces[space]: space for space in flat if spaces[space] > 1}
    if len(counts) > 1:
        told = ", ".join(f"{space} has {count}" for count, space in counts.items())
        raise UserError(f"networks of one row have different numbers of seeds: {told}. Give them equally many.")
    seeds = range(max(counts, default=1))
    return tuple(Fit(tuple((space, seed if spaces[space] > 1 else 0) for space in flat)) for seed in seeds)


def unique_fits(rows: Sequence[ModelRow], n_lags: Mapping[str, int] | None = None) -> dict[str, Fit]:
    """Key -> fit, of all rows; with ``n_lags`` (row -> number) those of single lags, too."""
    every = [fit for row in rows for fit in row.fits]
    every += [fit for row in rows if n_lags and row.key in n_lags for one in row.lags(n_lags[row.key]) for fit in one]
    return {fit.key: fit for fit in every}


def shift_rows(recording: np.ndarray, least: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Order of rows that moves each recording's rows in a circle, by ``least`` rows or more in either direction.

    Parameters
    ----------
    recording
        (n,) Whose row it is; rows of one recording follow each other.
    least
        In rows. A recording with fewer than twice as many rows is moved by half its length.
    rng
        Draws how far.

    Returns
    -------
    (n,) row numbers, and whether every recording was long enough.
    """
    order, long_enough = np.arange(len(recording)), True
    borders = np.flatnonzero(np.r_[True, recording[1:] != recording[:-1], True]) if len(recording) else [0]
    for start, stop in zip(borders[:-1], borders[1:], strict=True):
        length, draw = stop - start, rng.random()
        if length < 2 * least:
            by, long_enough = length // 2, False
        else:
            by = least + int(draw * (length - 2 * least + 1))
        order[start:stop] = np.roll(order[start:stop], by)
    return order, long_enough
