"""Make the results of a test of a decoder of clips, from decoded clips and data."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from torch import nn

from n2s.data.clip_data import ClipData
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.metrics.spectrogram import unit_decibels
from n2s.models.brain_to_sound import BrainToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems.clips.decoded import Decoded
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.voxel_figures import voxel_table
from n2s.systems.system import System

CHUNK = 256  # clips per block of the sum of features


def clip_results(decoder: System, seed: int) -> dict[str, ClipResult]:
    """One result per study, by its name; ``test`` if there is one study.

    Parameters
    ----------
    decoder
        After its test.
    seed
        Seed for the results' controls.
    """
    data, found = decoder.data, {}
    studies = list(dict.fromkeys(data.splits["test"].table.study))
    networks = dict(zip(decoder.subjects, decoder.networks, strict=True))
    for study in studies:
        result = clip_result(data, decoder.tested, study, prompts=decoder.prompts)
        result.seed, result.sounds = seed, list(data.notes)
        result.voxels = _voxels(data, {name: networks[name] for name in networks if name in set(result.subject)})
        found["test" if len(data.studies) == 1 else study] = result
    return found


def clip_result(
    data: ClipData, decoded: Decoded, study: str, *, prompts: Mapping[str, np.ndarray] | None = None
) -> ClipResult:
    """A study's decoded and true test clips, training mean, ideal observer's scores and prompts."""
    table = data.splits["test"].table.iloc[decoded.row.numpy()]
    own = np.flatnonzero(table.study == study)
    table = table.iloc[own]
    clip, first, target = np.unique(table.clip_index, return_index=True, return_inverse=True)
    mean, deviation = data.train_moments("target")
    rows = table.iloc[first]
    audio = [str(data.stimuli[name].audio) for name in rows.stimulus]
    clips = rows[["stimulus", "start_s", "duration_s", "group", "label"]].assign(audio=audio).reset_index(drop=True)
    trained = _trained_on(data, sorted(table.subject.unique()))
    spectrograms = _spectrograms(data, decoded, own, clip, trained) if decoded.spectrogram is not None else {}

    def scaled(values: np.ndarray) -> np.ndarray:
        return (values.reshape(len(values), -1) - mean) / deviation

    return ClipResult(
        predicted=scaled(decoded.feature.numpy()[own]),
        candidates=scaled(data.targets(clip)),
        target=target,
        subject=table.subject.to_numpy().astype(str),
        clips=clips,
        ideal=_ideal(data, study, own, decoded, clips),
        fine_only=None if decoded.fine_only is None else scaled(decoded.fine_only.numpy()[own]),
        prompts=scaled(np.stack(list(prompts.values()))) if prompts else None,
        prompt_names=np.array(list(prompts)) if prompts else None,
        response_s=float(data.response.lasts_s(0.0)),
        own_mean=None if trained is None else scaled(_means(trained, data.targets)),
        **spectrograms,
    )


def _voxels(data: ClipData, networks: Mapping[str, nn.Module]) -> pd.DataFrame | None:
    """The weights of the subjects' ridges; None if there is none."""
    tables = []
    for subject, network in networks.items():
        ridge = network.ridge if isinstance(network, BrainToSound) else network
        if isinstance(ridge, FittedRidge):
            strength = ridge.coefficients.norm(dim=1).cpu().numpy()
            tables.append(voxel_table(subject, strength, data.voxel_places[data.subjects.index(subject)]))
    return pd.concat(tables, ignore_index=True) if tables else None


def _trained_on(data: ClipData, subjects: list[str]) -> list[np.ndarray] | None:
    """The training clips of each subject; None if all were trained on the same stimuli."""
    table = data.splits["train"].table
    parts = [table[table.subject == name] for name in subjects]
    if all(set(part.stimulus) == set(parts[0].stimulus) for part in parts):
        return None
    return [part.clip_index.to_numpy() for part in parts]


def _means(trained: list[np.ndarray], values: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(s, ...) The mean of each subject's training clips."""
    found = []
    for clips in trained:
        parts = np.array_split(clips, -(-len(clips) // CHUNK))
        found.append(sum(values(some).sum(0, dtype=np.float64) for some in parts) / len(clips))
    return np.stack(found).astype(np.float32)


def _spectrograms(
    data: ClipData, decoded: Decoded, own: np.ndarray, clip: np.ndarray, trained: list[np.ndarray] | None
) -> dict[str, np.ndarray]:
    target = isinstance(data.target, ClipSpectrogram)
    feature = data.target if target else data.spectrogram
    mean = data.train_moments("target" if target else "spectrogram")[0].reshape(feature.shape)

    def scaled(values: np.ndarray) -> np.ndarray:
        return unit_decibels(feature.magnitude(values)).astype(np.float32)

    values = data.targets if target else data.spectrograms
    found = {
        "mel_predicted": scaled(decoded.spectrogram.numpy()[own]),
        "mel_candidates": scaled(values(clip)),
        "mel_mean": scaled(mean),
    }
    if trained is not None:
        found["mel_own_mean"] = scaled(_means(trained, values))
    return found if decoded.ceiling is None else found | {"mel_ceiling": scaled(decoded.ceiling.numpy()[own])}


def _ideal(data: ClipData, study: str, own: np.ndarray, decoded: Decoded, clips: pd.DataFrame) -> np.ndarray | None:
    """(n, k) log-likelihoods, summed over the averaged presentations, if the study has an ideal observer."""
    split = data.splits["test"]
    place = pd.Series(np.arange(len(own)), decoded.row.numpy()[own])  # a row of the split -> of the result
    heard = split.heard[split.heard.row.isin(place.index)]
    asked = [
        (name.split("/", 1)[1], float(start_s)) for name, start_s in zip(clips.stimulus, clips.start_s, strict=True)
    ]
    window_s = data.response.lasts_s(float(clips.duration_s.max()))
    scores = np.zeros((len(own), len(clips)))
    for run, rows in heard.groupby("recording"):
        found = data.studies[study].ideal_scores(
            data.runs[run], rows.time_s.to_numpy(), asked, offset_s=data.response.lag_s, duration_s=window_s
        )
        if found is None:
            return None
        np.add.at(scores, place[rows.row].to_numpy(), found)
    return scores.astype(np.float32)
