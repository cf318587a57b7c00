"""Independent components of training stretches, and their removal as one spatial filter that any recording of the person takes."""

from collections.abc import Sequence

import mne
import numpy as np

from n2s.data.channel_types import TYPES
from n2s.data.steps import Learned, first_line
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_choice, check_number

METHODS = ("fastica", "picard", "infomax")
HIGHPASS_HZ = 1.0  # drifts would fill components
FIT_HZ = 250.0  # samples a second that an estimation sees at least: more do not change it
BLOCK = 2**16  # samples that are cleaned at once
MOST_MISSING = 0.5  # share of the channels of a filter that a recording may lack


def check_components(step: str, n_components: float | None, method: str) -> None:
    """Raise a `UserError` for a number or a method that ICA does not take."""
    check_choice(f"{step}: method", method, METHODS)
    if n_components is None:
        return
    check_number(f"{step}: n_components", n_components, above=0)
    if n_components >= 1 and (n_components < 2 or n_components % 1):
        raise UserError(
            f"{step}: n_components is {n_components:g}, expected 2 or more, or a share of the variance below 1."
        )


def joined(pieces: Sequence[mne.io.BaseRaw], step: str) -> mne.io.BaseRaw:
    """Pieces as one recording of the channels that all have, bad where they are bad in one; the pieces are used up.

    Raises
    ------
    UserError
        They have no channel in common, or another rate.
    """
    rates = sorted({float(one.info["sfreq"]) for one in pieces})
    if len(rates) > 1:
        raise UserError(
            f"{step}: recordings to learn from have rates {rates} Hz. Give a person's recordings one rate, or fit_on a task."
        )
    common = [name for name in pieces[0].ch_names if all(name in one.ch_names for one in pieces)]
    bads = sorted({name for one in pieces for name in one.info["bads"] if name in common})
    if not set(common) - set(bads):
        raise UserError(f"{step}: recordings to learn from have no good channel in common.")
    for one in pieces:
        if one.ch_names != common:
            one.pick(common, verbose="error")
        one.info["bads"] = bads
    if len(pieces) == 1:
        return pieces[0].load_data(verbose="error")
    return mne.concatenate_raws(list(pieces), on_mismatch="ignore", verbose="error")


def high_passed(pieces: Sequence[mne.io.BaseRaw]) -> list[mne.io.BaseRaw]:
    """The pieces without drifts, each filtered by itself."""
    return [one.load_data(verbose="error").filter(HIGHPASS_HZ, None, verbose="error") for one in pieces]


def rank_of(raw: mne.io.BaseRaw) -> int:
    """The rank of the good channels: what the data say, or what SSS left, where that is less.

    After compensation of movement the data have a higher rank than SSS has moments: the excess is noise.
    """
    seen = mne.compute_rank(raw, rank=None, verbose="error")
    known = mne.compute_rank(raw, rank="info", verbose="error")
    return min(sum(seen.values()), sum(known.values()))


def decompose(
    raw: mne.io.BaseRaw, n_components: float | None, method: str, seed: int, step: str
) -> tuple[mne.preprocessing.ICA, dict]:
    """Estimate components of the good channels of a recording without drifts; not more than its rank.

    Returns
    -------
    ica
        Fitted.
    notes
        ``n_components``, ``n_components_asked``, ``rank``.
    """
    rank = rank_of(raw)
    if rank < 2:
        raise UserError(f"{step}: the good channels have rank {rank}, and ICA needs 2 or more.")
    fewer = n_components is None or (n_components >= 1 and rank < n_components)
    parameters = {"infomax": {"extended": True}, "picard": {"ortho": False, "extended": True}}.get(method)
    try:
        ica = mne.preprocessing.ICA(
            rank if fewer else n_components if n_components < 1 else int(n_components),
            method=method,
            fit_params=parameters,
            random_state=seed,
            max_iter="auto",
            verbose="error",
        )
        decim = int(raw.info["sfreq"] // FIT_HZ) if raw.info["sfreq"] >= 2 * FIT_HZ else None
        ica.fit(raw, decim=decim, verbose="error")
        if ica.n_components_ > rank:  # a share of the variance that noise beyond the rank fills
            ica = mne.preprocessing.ICA(
                rank, method=method, fit_params=parameters, random_state=seed, max_iter="auto", verbose="error"
            ).fit(raw, decim=decim, verbose="error")
    except UserError:
        raise
    except Exception as error:  # MNE documents none: too short a recording, channels that are copies of others
        raise UserError(
            f"{step}: MNE's ICA failed ({type(error).__name__}: {first_line(error)}). Give more data, or remove it from preprocessing.steps."
        ) from error
    notes = {"n_components": int(ica.n_components_), "rank": rank}
    return ica, notes | ({"n_components_asked": n_components} if fewer and n_components is not None else {})


def tell_fewer(notes: dict, step: str) -> None:
    """Tell that the rank allowed fewer components than asked."""
    if "n_components_asked" in notes:
        tell(
            "corrected",
            step,
            f"{notes['n_components']} components are estimated, not n_components {notes['n_components_asked']:g}: the good channels have no "
            "higher rank (few channels, SSS, or a common reference).",
        )


def without(ica: mne.preprocessing.ICA, excluded: Sequence[int], raw: mne.io.BaseRaw) -> dict[str, np.ndarray]:
    """What removes components of an ICA, as `spatial` arrays."""
    n = ica.n_components_
    scale = np.broadcast_to(ica.pre_whitener_, (len(ica.ch_names), 1)) if ica.pre_whitener_.shape[1] == 1 else None
    if scale is None:
        raise ValueError("a whitener that is no scale")
    filters = ica.unmixing_matrix_ @ ica.pca_components_[:n] / scale.T
    patterns = scale * ica.pca_components_[:n].T @ ica.mixing_matrix_
    return spatial(ica.ch_names, filters[list(excluded)], patterns[:, list(excluded)], raw)


def spatial(
    names: Sequence[str], filters: np.ndarray, patterns: np.ndarray, raw: mne.io.BaseRaw
) -> dict[str, np.ndarray]:
    """What removes ``patterns (c, k)`` with the time courses ``filters (k, c)`` from channels.

    The covariance of the channels says what a filter would see of a channel that another recording lacks.
    """
    kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
    values = raw.get_data(picks=list(names), reject_by_annotation="omit", verbose="error")
    return {
        "names": np.array(list(names), str),
        "types": np.array([kinds[name] for name in names], str),
        "filters": np.asarray(filters, float).reshape(-1, len(names)),
        "patterns": np.asarray(patterns, float).reshape(len(names), -1),
        "covariance": np.cov(values),
    }


def remove(raw: mne.io.BaseRaw, learned: Learned, step: str) -> mne.io.BaseRaw:
    """Remove learned patterns from a loaded recording, in place.

    A filter's channel that is bad or absent here is predicted from the others, by the covariance of the training runs. A good channel that
    was bad in training cannot be cleaned: it is marked bad.

    Raises
    ------
    UserError
        The recording has fewer than half of the channels.
    """
    arrays = learned.arrays
    names, filters, patterns = arrays["names"].tolist(), arrays["filters"], arrays["patterns"]
    if not len(filters):
        return raw
    present = np.array([name in raw.ch_names and name not in raw.info["bads"] for name in names])
    if present.mean() < MOST_MISSING:
        raise UserError(
            f"{step}: of {len(names)} channels that it learned on, the recording has {int(present.sum())} good ones (it lacks "
            f"{first_of([name for name, here in zip(names, present, strict=True) if not here])}). Clean recordings of other channels apart."
        )
    drop_unknown(raw, names, set(arrays["types"].tolist()), step)
    if not present.all():
        lost = [name for name, here in zip(names, present, strict=True) if not here]
        tell(
            "corrected",
            step,
            f"its filters predict bad channels from the others, by the training runs: {first_of(lost)}.",
        )
        filters = filters[:, present] + filters[:, ~present] @ _predicts(arrays["covariance"], present)
    used = [raw.ch_names.index(name) for name, here in zip(names, present, strict=True) if here]
    there = np.array([name in raw.ch_names for name in names])
    cleaned = [raw.ch_names.index(name) for name, here in zip(names, there, strict=True) if here]
    for first in range(0, raw.n_times, BLOCK):
        stop = min(first + BLOCK, raw.n_times)
        sources = filters @ raw[used, first:stop][0]
        raw[cleaned, first:stop] = raw[cleaned, first:stop][0] - patterns[there] @ sources
    return raw


def drop_unknown(raw: mne.io.BaseRaw, names: Sequence[str], kinds: set[str], step: str) -> None:
    """Mark good channels of these types bad that were not learned on: their artifacts would stay."""
    known, typed = set(names), zip(raw.ch_names, raw.get_channel_types(), strict=True)
    more = [name for name, kind in typed if kind in kinds and kind in TYPES and name not in known]
    more = [name for name in more if name not in raw.info["bads"]]
    if more:
        raw.info["bads"] = sorted({*raw.info["bads"], *more})
        tell(
            "left out",
            step,
            f"channels that it could not learn on (bad or absent in training runs) are bad here, too: {first_of(more)}.",
        )


def _predicts(covariance: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(lost, present) The best linear prediction of lost channels, in units of each channel's deviation: types differ in size."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), np.finfo(float).tiny))
    correlation = covariance / np.outer(deviation, deviation)
    solved = correlation[np.ix_(~present, present)] @ np.linalg.pinv(
        correlation[np.ix_(present, present)], rcond=1e-6, hermitian=True
    )
    return solved * deviation[~present, None] / deviation[present]
