"""The evaluation of a folder of generated sounds: read, hear, score, write."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from n2s.models import cnn14 as cnn14_model
from n2s.models import vggish as vggish_model
from n2s.models.weights import find_weights
from n2s.paths import written_whole
from n2s.report.sound_networks import Networks, hear
from n2s.report.sound_pairs import SFREQ, Sounds, read_together, same_sounds
from n2s.report.sound_scores import N_PERMUTATIONS, absent, score_sounds

N_WAYS = (2, 5, 10, 50)


def evaluate_sounds(
    reference: Path,
    generated: Path,
    *,
    ceiling: Path | None = None,
    cnn14: Path | None = None,
    vggish: Path | None = None,
    clap: str | None = None,
    n_ways: Sequence[int] | None = None,
    n_resamples: int = 500,
    seed: int = 0,
    console: Console | None = None,
) -> dict:
    """Score a folder of generated sounds against one of the same names.

    Parameters
    ----------
    reference, generated, ceiling
        Folders; see `n2s.report.sound_pairs.read_together`.
    cnn14, vggish
        Files of weights or their folders; scores that need one that is not given are absent.
    clap
        Hugging Face id or local folder.
    n_ways
        Of identification; by default 2, 5, 10 and 50, as far as there are clips.
    n_resamples, seed
        Of the intervals and of the exchanges.
    console
        Shows progress.

    Returns
    -------
    Plain JSON types: ``reference``, ``generated``, ``ceiling`` (folders), ``n_clips``, ``networks`` (what was used, by
    hash), ``scores`` (see `n2s.report.sound_scores.score_sounds`), ``absent`` (why, by the name of the network),
    ``intervals`` and ``notes`` in words, ``n_resamples`` and ``seed``.

    Raises
    ------
    UserError
        Anything that the user can mend: folders, names, sounds, weights, ``n_ways``.
    """
    console = console or Console(quiet=True)
    networks = Networks.load(cnn14_weights=cnn14, vggish_weights=vggish, clap=clap)
    sounds = read_together(reference, generated, *([] if ceiling is None else [ceiling]))
    n = len(sounds[0])
    n_ways = [n_way for n_way in N_WAYS if n_way <= n] if n_ways is None else n_ways
    heard = [hear(one, networks, console) for one in sounds]
    scores = score_sounds(
        *heard[:2],
        ceiling=heard[2] if ceiling is not None else None,
        n_ways=n_ways,
        n_resamples=n_resamples,
        seed=seed,
    )
    return {
        "reference": str(reference),
        "generated": str(generated),
        "ceiling": None if ceiling is None else str(ceiling),
        "n_clips": n,
        "networks": {
            "cnn14": None if cnn14 is None else _identity(cnn14, cnn14_model.PUBLISHED, cnn14_model.GET),
            "vggish": None if vggish is None else _identity(vggish, vggish_model.PUBLISHED, vggish_model.GET),
            "clap": None if clap is None else networks.clap.settings()["model"],
        },
        "scores": scores,
        "absent": absent(heard[0]),
        "intervals": _intervals(scores),
        "notes": [note for one in sounds for note in one.notes] + _notes(sounds[0], scores),
        "n_resamples": n_resamples,
        "seed": seed,
    }


def write_metrics(found: dict, path: Path) -> Path:
    """Write what `evaluate_sounds` gives as JSON, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
    return path


def _identity(place: Path, published: str, get: str) -> str:
    with open(find_weights(place, published=published, get=get), "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _intervals(scores: dict) -> list[str]:
    lines = [
        "k-way: the true clip found among k, by correlation",
        "generated, ceiling: 95% bootstrap interval over clips (Wilson's, where each is right or wrong)",
        f"shuffled: generated sounds exchanged among clips, range of 95% of {N_PERMUTATIONS} exchanges",
    ]
    sets = "FD and FAD compare sets: their intervals are from halves of the clips, and exchanges change nothing"
    return lines + ([sets] if {"fd", "fad"} & set(scores) else [])


def _notes(reference: Sounds, scores: dict) -> list[str]:
    notes = []
    for name, n_features in (("fd", 2048), ("fad", 128)):
        if name in scores:
            n = scores[name]["n"]
            what = "clips" if name == "fd" else "examples of 0.96 s"
            few = f", fewer than its {n_features} dimensions" if n < n_features else ""
            notes.append(
                f"{scores[name]['label']} is of {n} {what}{few}: it falls as N grows. Compare it with values of "
                "the same N alone."
            )
    short = sum(len(clip) < 2 * SFREQ for clip in reference.audio)
    if "fd" in scores and short:
        notes.append(f"{short} of {len(reference)} clips are shorter than 2 s: CNN14 heard them filled up with zeros.")
    same = same_sounds(reference)
    if same:
        notes.append(f"{same} reference clips are the same as another one: they tie, and ties count as wrong.")
    left_out = scores["mel_psnr"]["generated"]["n_left_out"]
    if left_out:
        notes.append(f"{left_out} generated clips equal their reference: their PSNR is infinite and left out.")
    return notes
