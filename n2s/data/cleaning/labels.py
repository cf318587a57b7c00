"""What components are, by their spectrum (muscles) or by a network that has seen many (MEGnet, ICLabel)."""

import importlib.util
import warnings

import mne
import numpy as np
from scipy.special import expit

from n2s.errors import UserError
from n2s.findings import tell

#: Names that MEGnet and ICLabel give, beside those of the brain. The first four are removed by default.
LABELS = ("eye blink", "eye movement", "heart beat", "muscle artifact", "line noise", "channel noise", "other")
MUSCLE_HZ = (
    7.0,
    45.0,
)  # MNE's: where muscles have a flatter spectrum than the brain (Dharmaprani 2016; Whitham 2007: to 75 Hz)
MUSCLE_SCORE = 0.5  # MNE's threshold
BAND_HZ = (1.0, 100.0)  # of what the networks have seen
MEGNET_HZ, MEGNET_S = 250.0, 60.0  # its rate, and the least length


def muscular(raw: mne.io.BaseRaw, ica: mne.preprocessing.ICA) -> list[int]:
    """Components with the spectrum of muscles; in EEG also at the rim and in one spot, as MNE judges.

    Raises
    ------
    UserError
        The recording holds no signal up to 45 Hz.
    """
    check_muscle_band(raw.info, "RemoveICA: find has muscle", MUSCLE_HZ)
    if set(ica.info.get_channel_types()) == {"eeg"}:
        if _without_place(ica.info):
            tell(
                "odd",
                "RemoveICA",
                "electrodes without positions: components of muscles are known by the slope of their spectrum alone.",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same
            return ica.find_bads_muscle(raw, threshold=MUSCLE_SCORE, verbose="error")[0]
    tell(
        "odd",
        "RemoveICA",
        "components of muscles are known by the slope of their spectrum alone: what else MNE judges was made for EEG, and muscles are much "
        "weaker in MEG.",
    )
    return np.flatnonzero(slope_scores(ica.get_sources(raw).get_data(), raw.info["sfreq"]) > MUSCLE_SCORE).tolist()


def slope_scores(sources: np.ndarray, sfreq: float) -> np.ndarray:
    """(k,) How much the slope of each source's spectrum (k, t), 7 to 45 Hz, is that of muscles: MNE's first criterion, 0.5 at a slope of -0.5."""
    power, hz = mne.time_frequency.psd_array_welch(
        sources, sfreq, *MUSCLE_HZ, n_fft=min(sources.shape[1], round(2 * sfreq)), verbose="error"
    )
    slopes = np.polyfit(np.log10(hz), np.log10(np.maximum(power, np.finfo(float).tiny)).T, 1)[0]
    return expit((slopes + 0.5) / 0.25)


def check_muscle_band(info: mne.Info, what: str, band_hz: tuple[float, float]) -> None:
    """Raise a `UserError` if a band is above what a recording holds."""
    low, high = band_hz
    nyquist = info["sfreq"] / 2
    if high < nyquist and low < info["lowpass"]:
        if info["lowpass"] < high:
            tell(
                "odd",
                what,
                f"the file was low-passed at {info['lowpass']:g} Hz, inside the band from {low:g} to {high:g} Hz.",
            )
        if what.startswith("AnnotateMuscle") or info["lowpass"] >= high:
            return
    raise UserError(
        f"{what}, whose band from {low:g} to {high:g} Hz the recording does not hold (rate {info['sfreq']:g} Hz, low-passed at "
        f"{min(info['lowpass'], nyquist):g} Hz). Recordings are cleaned at their source rate, before preprocessing.sfreq: give the file "
        "before it was filtered or resampled, or leave it out"
        + (
            f", or choose filter_freq below {min(info['lowpass'], nyquist):g} Hz."
            if what.startswith("AnnotateMuscle")
            else "."
        )
    )


def labelled(
    raw: mne.io.BaseRaw, ica: mne.preprocessing.ICA, wanted: list[str], probability: float
) -> dict[str, list[int]]:
    """Components by the label that MEGnet (MEG) or ICLabel (EEG) gives them, of those ``wanted``.

    Raises
    ------
    UserError
        The extra is not installed; no magnetometers or EEG; sensors have no positions; fewer than 60 s for MEGnet.
    """
    kinds = set(ica.info.get_channel_types())
    name = "megnet" if kinds & {"mag", "grad"} else "iclabel" if "eeg" in kinds else ""
    if not name or (name == "megnet" and "mag" not in kinds):
        raise UserError(
            f"RemoveICA: find has labels, and the channels are {sorted(kinds)}: networks know magnetometers (MEGnet) and EEG (ICLabel). "
            "Take labels out of find."
        )
    needed = ("mne_icalabel", "onnxruntime") if name == "megnet" else ("mne_icalabel",)
    if any(importlib.util.find_spec(one) is None for one in needed):
        raise UserError(
            f"RemoveICA: find has labels, for which {' and '.join(needed)} must be installed: pip install 'n2s[icalabel]'."
        )
    lost = _without_place(
        mne.pick_info(
            ica.info, mne.pick_types(ica.info, meg="mag" if name == "megnet" else False, eeg=name != "megnet")
        )
    )
    if lost:
        raise UserError(
            f"RemoveICA: find has labels, which are read from maps, and {lost} sensors have no position. Give positions (electrodes.tsv, "
            "a montage), or take labels out of find."
        )
    raw = _as_learned(raw, name)
    from mne_icalabel import label_components

    with warnings.catch_warnings(record=True) as warned, mne.use_log_level("error"):
        warnings.simplefilter("always")
        found = label_components(raw, ica, name)
    for text in dict.fromkeys(str(one.message).splitlines()[0] for one in warned if "ica" in str(one.filename).lower()):
        tell("odd", "RemoveICA", f"{name}: {text}")
    by: dict[str, list[int]] = {}
    for index, (label, value) in enumerate(zip(found["labels"], found["y_pred_proba"], strict=True)):
        if label in wanted and value >= probability:
            by.setdefault(label, []).append(index)
    return by


def _as_learned(raw: mne.io.BaseRaw, name: str) -> mne.io.BaseRaw:
    """The recording as the network has learned from: 1 to 100 Hz, at 250 Hz for MEGnet."""
    length_s = raw.n_times / raw.info["sfreq"]
    if name == "megnet" and length_s < MEGNET_S:
        raise UserError(
            f"RemoveICA: find has labels, and there are {length_s:.0f} s to learn from: MEGnet needs {MEGNET_S:g} s. Take labels out of find."
        )
    if name == "iclabel" and raw.info["sfreq"] < 2 * BAND_HZ[1]:
        raise UserError(
            f"RemoveICA: find has labels, and the recording has {raw.info['sfreq']:g} Hz: ICLabel reads spectra up to {BAND_HZ[1]:g} Hz. Give the "
            "file before it was resampled, or take labels out of find."
        )
    raw = raw.copy()
    if BAND_HZ[1] < min(raw.info["lowpass"], 0.45 * raw.info["sfreq"]):
        raw.filter(None, BAND_HZ[1], verbose="error")
    else:
        tell(
            "odd",
            "RemoveICA",
            f"{name} has learned from signals up to {BAND_HZ[1]:g} Hz; these end at {min(raw.info['lowpass'], raw.info['sfreq'] / 2):g} Hz.",
        )
    if name == "megnet" and abs(raw.info["sfreq"] - MEGNET_HZ) > 0.1:
        raw.resample(MEGNET_HZ, verbose="error")
    return raw


def _without_place(info: mne.Info) -> int:
    """How many channels have no position."""
    places = np.array([one["loc"][:3] for one in info["chs"]], float)
    return int((~np.isfinite(places).all(1) | (np.abs(places) < 1e-9).all(1)).sum())
