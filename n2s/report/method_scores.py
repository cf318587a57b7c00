"""Every method of an audio run in one table: the scores of `n2s.report.sound_scores`, subject by subject."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from n2s.features.audio import read_audio
from n2s.features.feature import ClipFeature
from n2s.metrics.intervals import bootstrap_interval, t_interval
from n2s.report.sound_methods import METHODS
from n2s.report.sound_networks import Heard, Networks, hear
from n2s.report.sound_pairs import SFREQ, Sounds
from n2s.report.sound_scores import SCORES, absent, by_clip, score_sounds
from n2s.runs.predictions import STIMULUS, read_manifest
from n2s.studies.study import Stimulus
from n2s.tasks.sound_options import SoundOptions

N_WAYS = (2, 5, 10, 50)
SHUFFLED = "shuffled"  # the method that the others are to be ahead of


def chosen_networks(options: SoundOptions) -> Networks:
    """Those that the options name; a `UserError` where one is not there."""
    cnn14, vggish = (None if given is None else Path(given) for given in (options.cnn14, options.vggish))
    return Networks.load(cnn14_weights=cnn14, vggish_weights=vggish, clap=options.clap)


def score_methods(
    folder: Path, networks: Networks, *, feature: ClipFeature | None = None, seed: int = 0, n_resamples: int = 500
) -> dict:
    """Score all sounds of a manifest against what was heard.

    Subjects are scored apart: they heard the same clips, and in identification a clip must have no twin.

    Parameters
    ----------
    folder
        With the manifest.
    networks
        Those of the scores.
    feature
        What the semantic stage decodes: identification by the semantic stage's target. It is z-scored over the clips of each method: what
        all its sounds have in common tells no clip.
    seed, n_resamples
        Of the intervals and exchanges.

    Returns
    -------
    Plain JSON types: ``subjects``: subject -> method -> ``n_clips``, ``scores`` (see `score_sounds`) and, of methods with
    all clips, ``ahead``: how far it is ahead of ``shuffled`` in 2-way identification, clip by clip, with an interval;
    ``over_subjects``: the same as a mean with its t interval and ``deviation`` over subjects, where there are several;
    ``absent``: why scores are not there, by network; ``left_out``: methods with fewer than two sounds of a subject.
    """
    table = read_manifest(folder)
    console = Console(quiet=True)
    found, lacking, left_out = {}, {}, []
    for subject, rows in table.groupby("subject"):
        paths = {method: dict(zip(own["clip"], own.path, strict=True)) for method, own in rows.groupby("method")}
        true = paths.pop(STIMULUS)
        heard = _heard(folder, true, networks, feature, console)
        lacking = absent(heard)
        found[subject], identified = {}, {}
        for method in (name for name in METHODS if name in paths):
            clips = [clip for clip in true if clip in paths[method]]
            if len(clips) < 2:
                left_out.append(f"{method} of {subject}: {len(clips)} sound")
                continue
            places = [list(true).index(clip) for clip in clips]
            own = {clip: paths[method][clip] for clip in clips}
            generated = _heard(folder, own, networks, feature, console)
            n_ways = [n_way for n_way in N_WAYS if n_way <= len(clips)]
            scores = score_sounds(_part(heard, places), generated, n_ways=n_ways, n_resamples=n_resamples, seed=seed)
            found[subject][method] = {"n_clips": len(clips), "scores": scores}
            if len(clips) == len(true):
                identified[method] = _two_way(heard, generated)
        for method in identified.keys() - {SHUFFLED} if SHUFFLED in identified else ():
            found[subject][method]["ahead"] = {
                kind: _difference(values, identified[SHUFFLED][kind], n_resamples=n_resamples, seed=seed)
                for kind, values in identified[method].items()
            }
    over = over_subjects(found) if len(found) > 1 else {}
    return {
        "subjects": found, "over_subjects": over, "absent": lacking, "left_out": left_out, "methods": METHODS, "seed": seed
    }  # fmt: skip


def over_subjects(found: dict) -> dict:
    """Method -> ``n_clips`` (of a subject, at most), ``scores`` and ``ahead``, of what every subject has."""
    several = list(found.values())
    over = {}
    for method in (name for name in several[0] if all(name in one for one in several)):
        ones = [one[method] for one in several]
        scores = {}
        for name, entry in ones[0]["scores"].items():
            values = [one["scores"].get(name, {"generated": {"mean": None}})["generated"]["mean"] for one in ones]
            if None not in values:
                kept = {key: entry[key] for key in ("label", "higher_is_better", "chance")}
                scores[name] = kept | {"generated": _spread(values, SCORES[name.partition("@")[0]][2:])}
        over[method] = {"n_clips": max(one["n_clips"] for one in ones), "scores": scores}
        if all("ahead" in one for one in ones):
            over[method]["ahead"] = {
                kind: _spread([one["ahead"][kind]["mean"] for one in ones], (-1.0, 1.0)) for kind in ones[0]["ahead"]
            }
    return over


def _spread(values: list[float], bounds: tuple[float, float]) -> dict[str, float]:
    mean, low, high = map(float, t_interval(np.array(values), bounds=bounds))
    return {"mean": mean, "low": low, "high": high, "deviation": float(np.std(values, ddof=1))}


def print_methods(found: dict, console: Console) -> None:
    """A table a subject: methods below each other; an interval where a score has one."""
    several = {f"mean of {len(found['subjects'])} subjects": found["over_subjects"]} if found["over_subjects"] else {}
    for subject, methods in (found["subjects"] | several).items():
        names = list(dict.fromkeys(name for one in methods.values() for name in one["scores"]))
        shown = Table(title=f"{subject}: {max((one['n_clips'] for one in methods.values()), default=0)} clips")
        shown.add_column("method", no_wrap=True)
        for name in names:
            entry = next(one["scores"][name] for one in methods.values() if name in one["scores"])
            chance = f"\nchance {entry['chance']:.2f}" if entry["chance"] is not None else ""
            shown.add_column(entry["label"] + chance, justify="right")
        for method, one in methods.items():
            shown.add_row(method, *(_cell(one["scores"].get(name)) for name in names))
        console.print(shown)
        ahead = methods.get("coarse_to_fine", {}).get("ahead", {})
        for kind, row in ahead.items():
            mean, low, high = (f"{100 * row[end]:+.1f}" for end in ("mean", "low", "high"))
            console.print(
                f"coarse_to_fine ahead of shuffled, 2-way by {SCORES[kind][0]}: {mean} points, {low} to {high}",
                highlight=False,
            )
    over = ", over subjects its 95% t interval" if several else ""
    console.print(f"below a mean: its 95% bootstrap interval over clips{over}", highlight=False)
    for reason in (*found["absent"].values(), *found["left_out"]):
        option = re.sub(r"--(?=cnn14|vggish|clap)", "--model.sounds.", reason)
        console.print(f"absent: {option}", highlight=False, soft_wrap=True)


def _two_way(reference: Heard, generated: Heard) -> dict[str, np.ndarray]:
    """(n,) probability of each clip to be told from one other, by each kind of identification."""
    scores, order = by_clip(reference, generated, [2]), np.arange(len(reference.mel))
    return {name.partition("@")[0]: score(order) for name, score in scores.items() if name.endswith("@2")}


def _difference(one: np.ndarray, other: np.ndarray, *, n_resamples: int, seed: int) -> dict:
    """Mean difference of pairs, with the bootstrap interval over clips."""
    gap = one - other
    found = bootstrap_interval(
        lambda rows: gap[rows].mean(), len(gap), bounds=(-1.0, 1.0), n_resamples=n_resamples, seed=seed
    )
    return {"mean": float(found.mean), "low": float(found.low), "high": float(found.high)}


def _heard(
    folder: Path, paths: dict[str, str], networks: Networks, feature: ClipFeature | None, console: Console
) -> Heard:
    """What is heard in sounds, by clip."""
    files = {clip: Path(path) for clip, path in paths.items()}
    sounds = Sounds(folder, files, [read_audio(path, SFREQ) for path in files.values()], [])
    found = hear(sounds, networks, console)
    if feature is None:
        return found
    clips = zip(files.items(), sounds.durations_s(), strict=True)
    values = np.stack([feature.extract(Stimulus(clip, path), np.zeros(1), time_s)[0] for (clip, path), time_s in clips])
    return replace(found, semantic=(values - values.mean(0)) / np.maximum(values.std(0), 1e-9))


def _part(heard: Heard, places: list[int]) -> Heard:
    """What was heard in some clips."""
    parts = {
        name: None
        if value is None
        else [value[place] for place in places]
        if isinstance(value, list)
        else value[places]
        for name, value in vars(heard).items()
    }
    return replace(heard, **parts)


def _cell(entry: dict | None) -> str:
    if entry is None or entry["generated"]["mean"] is None:
        return ""
    mean, low, high = (entry["generated"][key] for key in ("mean", "low", "high"))
    return f"{mean:.3f}" if low is None else f"{mean:.3f}\n{low:.2f} to {high:.2f}"
