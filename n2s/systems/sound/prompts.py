"""Prompts: a text or a sound that replaces the decoded meaning of a clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from n2s.data.clip_data import ClipData
from n2s.errors import UserError, nearest
from n2s.features.audio import audio_duration_s
from n2s.features.clap import CLAP
from n2s.features.feature import ClipFeature
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.study import Stimulus

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


LABEL = "{label}"  # in a text: replaced by the clip's label


def read_prompts(given: str, clips: Sequence[str], labels: Sequence[str] = ()) -> dict[str, str]:
    """Read the prompt of each clip that has one.

    Parameters
    ----------
    given
        A text (`LABEL` in it is replaced by the clip's label) or a sound file for all clips; or a table, ``.csv``, with the
        columns ``clip`` and ``prompt``, each again a text or a sound file.
    clips
        Names of all clips.
    labels
        Labels of the clips.

    Raises
    ------
    UserError
        No such table, missing columns, a clip that does not exist or has two prompts, an empty prompt, no such sound file,
        or no label where it is needed.
    """
    if LABEL in given:
        unlabelled = [clip for clip, label in zip(clips, labels, strict=True) if not label]
        if unlabelled:
            raise UserError(
                f"model.sounds.prompt '{given}' takes each clip's label, and {len(unlabelled)} of {len(clips)} clips have "
                f"none ({unlabelled[0]}). Let the study give labels, or name a table of prompts."
            )
        return {clip: given.replace(LABEL, label) for clip, label in zip(clips, labels, strict=True)}
    if not given.lower().endswith(".csv"):
        return dict.fromkeys(clips, _checked(given, "model.sounds.prompt"))
    path = Path(given).expanduser()
    table = _table(path, ("clip", "prompt"), "model.sounds.prompt")
    for row, clip in enumerate(table["clip"], start=1):
        if clip not in clips:
            raise UserError(
                f"{path}: row {row} has a prompt for the clip '{clip}', which does not exist.{nearest(clip, list(clips))} "
                "predictions/manifest.csv of a run lists its clips."
            )
    if table["clip"].duplicated().any():
        twice = table["clip"][table["clip"].duplicated()].iloc[0]
        raise UserError(f"{path}: the clip '{twice}' has two prompts. Keep one.")
    return {
        clip: _checked(prompt, f"{path}, row {row}")
        for row, (clip, prompt) in enumerate(zip(table["clip"], table["prompt"], strict=True), start=1)
    }


def listed_prompts(given: str) -> list[str]:
    """The different prompts of `read_prompts`' option, for any clips: a table needs no column ``clip``."""
    if not given.lower().endswith(".csv"):
        return [_checked(given, "model.prompts")]
    path = Path(given).expanduser()
    table = _table(path, ("prompt",), "model.prompts")
    return list(dict.fromkeys(_checked(one, f"{path}, row {row}") for row, one in enumerate(table["prompt"], start=1)))


def semantic_vectors(prompts: Sequence[str], feature: ClipFeature) -> np.ndarray:
    """Encode prompts (n, d) with the feature that the semantic stage decodes.

    Raises
    ------
    UserError
        A text, if that feature does not read texts.
    """
    unique = list(dict.fromkeys(prompts))
    texts = [prompt for prompt in unique if not is_sound(prompt)]
    if texts and not isinstance(feature, CLAP):
        raise UserError(
            f"the prompt '{texts[0]}' is a text, and the semantic stage decodes {type(feature).__name__}, which hears "
            "sounds alone. Give a sound file, or fit the semantic stage with the target n2s.features.CLAP."
        )
    found = dict(zip(texts, feature.text(texts), strict=True)) if texts else {}
    for prompt in unique:
        if is_sound(prompt):
            path = Path(prompt).expanduser()
            found[prompt] = feature.extract(Stimulus(prompt, path), np.zeros(1), audio_duration_s(path))[0]
    feature.release()
    return np.stack([found[prompt] for prompt in prompts])


def study_prompts(data: ClipData) -> pd.DataFrame:
    """The clips that the data's studies keep as prompts, without repeats: ``kind``, ``stimulus``, ``audio``, ``start_s``, ``duration_s``.

    ``kind`` is the label, or the stimulus as ``study/stimulus`` if there is no label.

    Raises
    ------
    UserError
        There are no such clips.
    """
    tables = []
    for name, study in data.studies.items():
        runs = [run for key, run in data.runs.items() if key.startswith(f"{name}/") and isinstance(study, FMRIStudy)]
        for run in runs:
            clips = clip_table(study.clips(run), where=f"{study.name}, {run.name}")
            tables.append(
                clips.assign(
                    stimulus=f"{name}/" + clips.stimulus.astype(str),
                    audio=[str(study.audio(stimulus)) for stimulus in clips.stimulus],
                )[clips.split == "prompt"]
            )
    found = pd.concat(tables).drop_duplicates(["stimulus", "start_s"]) if tables else pd.DataFrame()
    if not len(found):
        raise UserError(
            f"model.sounds.study_prompts: {', '.join(data.studies)} keep no clips as prompts. Set prompt instead."
        )
    kind = found.label.where(found.label != "", found.stimulus)
    return found.assign(kind=kind)[["kind", "stimulus", "audio", "start_s", "duration_s"]].reset_index(drop=True)


def mean_vectors(clips: pd.DataFrame, feature: ClipFeature) -> dict[str, np.ndarray]:
    """Kind -> (d,): the mean of a feature over the clips of each kind, of `study_prompts`."""
    vectors = np.empty((len(clips), feature.n_features), np.float32)
    places = clips.reset_index(drop=True).groupby(["stimulus", "audio", "duration_s"]).indices
    for (stimulus, audio, duration_s), own in places.items():
        starts = clips.start_s.to_numpy(float)[own]
        vectors[own] = feature.extract(Stimulus(stimulus, Path(audio)), starts, float(duration_s))
    feature.release()
    kinds = clips.kind.to_numpy()
    return {str(kind): vectors[kinds == kind].mean(0) for kind in dict.fromkeys(kinds)}


def is_sound(prompt: str) -> bool:
    """Whether a prompt is a file; otherwise it is a text."""
    return Path(prompt).suffix.lower() in SOUNDS


def _table(path: Path, columns: tuple[str, ...], key: str) -> pd.DataFrame:
    """Read a table with these columns and at least one row."""
    expected = f"Expected CSV with the columns {', '.join(columns)}."
    if not path.is_file():
        raise UserError(f"{key}: no table at {path.absolute()}. {expected}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"{path}: not a table ({error}). {expected}") from error
    if not len(table) or any(name not in table for name in columns):
        found = ", ".join(map(str, table.columns)) or "none"
        raise UserError(
            f"{path}: {len(table)} rows with the columns {found}; expected {', '.join(columns)} and a row or more."
        )
    return table


def _checked(prompt: str, where: str) -> str:
    if not prompt.strip():
        raise UserError(f"{where}: the prompt is empty. Give a text or a sound file.")
    if is_sound(prompt) and not Path(prompt).expanduser().is_file():
        raise UserError(f"{where}: no sound file at {Path(prompt).expanduser().absolute()}.")
    return prompt
