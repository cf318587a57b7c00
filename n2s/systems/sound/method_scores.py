"""Every method of an audio run in one table: the scores of `n2s.evaluation.sound_scores`, subject by subject."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from n2s.evaluation.networks import Heard, Networks, hear
from n2s.evaluation.pairs import SFREQ, Sounds
from n2s.evaluation.sound_claims import claims_text, sound_claims
from n2s.evaluation.sound_scores import SCORES, absent, score_sounds
from n2s.evaluation.units import sound_units, units_of
from n2s.features.audio import read_audio
from n2s.features.feature import ClipFeature
from n2s.listening.manifest import STIMULUS, read_manifest
from n2s.metrics.claims import probability
from n2s.metrics.clip_scores import Units, same_for_all
from n2s.metrics.intervals import t_interval
from n2s.studies.study import Stimulus
from n2s.systems.sound.methods import METHODS
from n2s.systems.sound.options import SoundOptions

N_WAYS = (2, 5, 10, 50)


def chosen_networks(options: SoundOptions) -> Networks:
    """Those that the options name; a `UserError` where one is not there."""
    cnn14, vggish = (None if given is None else Path(given) for given in (options.cnn14, options.vggish))
    return Networks.load(cnn14_weights=cnn14, vggish_weights=vggish, clap=options.clap)


def score_methods(folder: Path, networks: Networks, *, feature: ClipFeature | None = None, seed: int = 0) -> dict:
    """Score all sounds of a manifest against what was heard.

    Subjects are scored apart: each clip is told from those that the same subject heard.

    Parameters
    ----------
    folder
        With the manifest.
    networks
        Those of the scores.
    feature
        What the semantic stage decodes: identification by the semantic stage's target. It is z-scored over the clips of each method: what
        all its sounds have in common tells no clip.
    seed
        Of the exchanges.

    Returns
    -------
    Plain JSON types: ``subjects``: subject -> method -> ``n_clips``, ``scores`` (see `score_sounds`), ``ahead``: how far it
    is ahead of chance in 2-way identification of each kind, and ``claims``: what may be said of it (see `sound_claims`);
    ``over_subjects``: the same as a mean with its t interval and ``deviation`` over subjects, where there are several;
    ``units``: what the intervals of one subject are over, by subject, in words; ``absent``: why scores are not there, by
    network; ``left_out``: methods with fewer than two sounds of a subject.
    """
    table = read_manifest(folder)
    console = Console(quiet=True)
    found, lacking, left_out, words = {}, {}, [], {}
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
            found[subject][method] = _entry(len(clips), scores)
    over = over_subjects(found) if len(found) > 1 else {}
    return {
        "subjects": found, "over_subjects": over, "units": words, "absent": lacking, "left_out": left_out,
        "methods": METHODS, "seed": seed,
    }  # fmt: skip


def _entry(n_clips: int, scores: dict) -> dict:
    ahead = {name.partition("@")[0]: one["ahead"] for name, one in scores.items() if name.endswith("@2")}
    return {"n_clips": n_clips, "scores": scores, "ahead": ahead, "claims": sound_claims(scores)}


def _units(rows: pd.DataFrame, clips: list[str], folder: Path) -> tuple[Units, str]:
    """What is independent among a subject's clips, and that in words: by the manifest, where it tells stimuli."""
    if "stimulus" not in rows:
        return sound_units(clips, None, folder / STIMULUS)
    units = units_of(rows.reset_index(drop=True))
    return units, f"{len(set(units.of))} {units.words}"


def over_subjects(found: dict) -> dict:
    """Method -> ``n_clips`` (of a subject, at most), ``scores``, ``ahead`` and ``claims``, of what every subject has."""
    several = list(found.values())
    over = {}
    for method in (name for name in several[0] if all(name in one for one in several)):
        ones = [one[method] for one in several]
        scores = {}
        for name, entry in ones[0]["scores"].items():
            entries = [one["scores"].get(name, {"generated": {"mean": None}}) for one in ones]
            values = [one["generated"]["mean"] for one in entries]
            if None not in values:
                kept = {key: entry[key] for key in ("label", "higher_is_better", "chance")}
                scores[name] = kept | {
                    "generated": _spread(values, SCORES[name.partition("@")[0]][2:]),
                    "ahead": _ahead([one["ahead"] for one in entries]),
                }
        over[method] = _entry(max(one["n_clips"] for one in ones), scores)
    return over


def _ahead(ones: list[dict | None]) -> dict | None:
    """How far subjects are ahead: of chance, or of exchanged sounds."""
    if None in ones or None in (means := [one["mean"] for one in ones]):
        return None
    found = _spread(means, (-np.inf, np.inf))
    p = (
        None
        if found["low"] is None
        else probability(lambda level: t_interval(np.array(means), level=level, bounds=(-np.inf, np.inf)))
    )
    return found | {"p": p, "of": ones[0]["of"], "interval": f"95% t interval over {len(means)} subjects"}


def _spread(values: list[float], bounds: tuple[float, float]) -> dict[str, float]:
    if same_for_all(np.array(values)):  # subjects are no sample of what is the same for all
        return {"mean": float(values[0]), "low": None, "high": None, "deviation": 0.0}
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
        first = next(iter(methods), None)
        for sentence in claims_text(methods[first]["claims"], f"sounds of {first}") if first else ():
            console.print(sentence, highlight=False)
    console.print(f"below a mean: its 95% interval, {interval_words(found)}", highlight=False)
    for reason in (*found["absent"].values(), *found["left_out"]):
        option = re.sub(r"--(?=cnn14|vggish|clap)", "--model.sounds.", reason)
        console.print(f"absent: {option}", highlight=False, soft_wrap=True)


def interval_words(found: dict) -> str:
    """What intervals are over, of one subject and of several."""
    own = f"of one subject over {'; '.join(dict.fromkeys(found['units'].values()))}"
    return f"{own}; of the mean of subjects over subjects" if found["over_subjects"] else own


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
