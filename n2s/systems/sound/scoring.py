"""The scores of every method of an audio run, subject by subject: those of `n2s.evaluation.sound_scores`."""

from collections.abc import Mapping
from dataclasses import replace
from os.path import relpath
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from n2s.evaluation.networks import Heard, Networks, hear
from n2s.evaluation.pairs import SFREQ, Sounds
from n2s.evaluation.sound_scores import absent, score_sounds
from n2s.evaluation.units import sound_units, units_of
from n2s.features.audio import read_audio
from n2s.features.feature import ClipFeature
from n2s.listening.manifest import STIMULUS, clip_place, read_manifest
from n2s.listening.page import evenly
from n2s.metrics.clip_scores import Units
from n2s.studies.study import Stimulus
from n2s.systems.sound.methods import METHODS
from n2s.systems.sound.options import SoundOptions
from n2s.systems.sound.result import SoundResult

N_WAYS = (2, 5, 10, 50)
N_CLIPS = 4  # clips of each subject to show


def chosen_networks(options: SoundOptions) -> Networks:
    """The networks that the options name; a `UserError` if one is missing."""
    cnn14, vggish = (None if given is None else Path(given) for given in (options.cnn14, options.vggish))
    return Networks.load(cnn14_weights=cnn14, vggish_weights=vggish, clap=options.clap)


def score_methods(
    folder: Path, networks: Networks, *, feature: ClipFeature | None = None, seed: int = 0
) -> SoundResult:
    """Score all sounds of a manifest against what was heard.

    Subjects are scored separately: identification is among the clips that the same subject heard.

    Parameters
    ----------
    folder
        Folder with the manifest.
    networks
        Networks for the scores.
    feature
        The target of the semantic stage, for identification by it. It is z-scored over the clips of each method: this
        removes what all sounds of a method have in common.
    seed
        Seed for the exchanges.
    """
    table = read_manifest(folder)
    console = Console(quiet=True)
    found, lacking, left_out, words, shown = {}, {}, [], {}, []
    for subject, rows in table.groupby("subject"):
        paths = {method: dict(zip(own["clip"], own.path, strict=True)) for method, own in rows.groupby("method")}
        true = paths.pop(STIMULUS)
        heard = _heard(folder, true, networks, feature, console)
        lacking = absent(heard)
        found[subject] = {}
        units, words[subject] = _units(rows[rows.method == STIMULUS], list(true), folder)
        for method in (name for name in METHODS if name in paths):
            clips = [clip for clip in true if clip in paths[method]]
            if len(clips) < 2:
                left_out.append(f"{method} of {subject}: {len(clips)} sound")
                continue
            places = [list(true).index(clip) for clip in clips]
            own = {clip: paths[method][clip] for clip in clips}
            generated = _heard(folder, own, networks, feature, console)
            n_ways = [n_way for n_way in N_WAYS if n_way <= len(clips)]
            some = units._replace(of=units.of[places])
            scores = score_sounds(_part(heard, places), generated, units=some, n_ways=n_ways, seed=seed)
            found[subject][method] = {"n_clips": len(clips), "scores": scores}
        of_all = {STIMULUS: true} | {method: paths[method] for method in found[subject]}
        shown += _shown(subject, of_all, folder, _titles(rows))
    sounds = pd.DataFrame(shown, columns=["subject", "clip", "method", "path", "title"])
    return SoundResult(str(folder), found, words, lacking, left_out, sounds, seed)


def _titles(rows: pd.DataFrame) -> dict[str, str]:
    """Clip -> what a person knows it by: its words and its place; its name where the manifest has neither."""
    return {
        row.clip: ", ".join(filter(None, (f"“{row.text}”" if row.text else "", clip_place(row)))) or row.clip
        for row in rows[rows.method == STIMULUS].itertuples()
    }


def _shown(subject: str, paths: Mapping[str, Mapping[str, str]], folder: Path, titles: Mapping[str, str]) -> list[dict]:
    """Rows of the sounds of some clips, evenly taken from all; paths are relative to the folder."""
    rows = []
    for clip in evenly(list(paths[STIMULUS]), N_CLIPS):
        for method, own in paths.items():
            if clip in own:
                title = titles.get(clip, clip)
                rows.append(
                    {
                        "subject": subject,
                        "clip": clip,
                        "method": method,
                        "path": relpath(own[clip], folder),
                        "title": title,
                    }
                )
    return rows


def _units(rows: pd.DataFrame, clips: list[str], folder: Path) -> tuple[Units, str]:
    """The independent units of a subject's clips, and their description: from the manifest, if it has stimuli."""
    if "stimulus" not in rows:
        return sound_units(clips, None, folder / STIMULUS)
    units = units_of(rows.reset_index(drop=True))
    return units, f"{len(set(units.of))} {units.words}"


def _heard(
    folder: Path, paths: dict[str, str], networks: Networks, feature: ClipFeature | None, console: Console
) -> Heard:
    """The networks' features of sounds, by clip."""
    files = {clip: Path(path) for clip, path in paths.items()}
    sounds = Sounds(folder, files, [read_audio(path, SFREQ) for path in files.values()], [])
    found = hear(sounds, networks, console)
    if feature is None:
        return found
    clips = zip(files.items(), sounds.durations_s(), strict=True)
    values = np.stack([feature.extract(Stimulus(clip, path), np.zeros(1), time_s)[0] for (clip, path), time_s in clips])
    return replace(found, semantic=(values - values.mean(0)) / np.maximum(values.std(0), 1e-9))


def _part(heard: Heard, places: list[int]) -> Heard:
    """The features of some clips."""
    parts = {
        name: None
        if value is None
        else [value[place] for place in places]
        if isinstance(value, list)
        else value[places]
        for name, value in vars(heard).items()
    }
    return replace(heard, **parts)
