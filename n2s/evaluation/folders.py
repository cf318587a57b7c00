"""Evaluate a folder of generated sounds: read, embed, score."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from n2s.evaluation.networks import Networks, hear
from n2s.evaluation.pairs import SFREQ, Sounds, read_together, same_sounds
from n2s.evaluation.result import EvaluationResult
from n2s.evaluation.sound_scores import absent, score_sounds
from n2s.evaluation.units import sound_units
from n2s.models import cnn14 as cnn14_model
from n2s.models import vggish as vggish_model
from n2s.models.weights import find_weights

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
    stimulus: str | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> EvaluationResult:
    """Score a folder of generated sounds against a reference folder with the same file names.

    Parameters
    ----------
    reference, generated, ceiling
        Folders; see `n2s.evaluation.pairs.read_together`.
    cnn14, vggish
        Files of weights or their folders. Without one, its scores are absent.
    clap
        Hugging Face id or local folder.
    n_ways
        N of N-way identification; by default 2, 5, 10 and 50, up to the number of clips.
    stimulus
        Which clips belong to one stimulus: see `n2s.evaluation.units.sound_units`.
    seed
        Seed for the exchanges.
    console
        Shows progress.

    Raises
    ------
    UserError
        Anything that the user can fix: folders, names, sounds, weights, ``n_ways``.
    """
    console = console or Console(quiet=True)
    networks = Networks.load(cnn14_weights=cnn14, vggish_weights=vggish, clap=clap)
    sounds = read_together(reference, generated, *([] if ceiling is None else [ceiling]))
    n = len(sounds[0])
    n_ways = [n_way for n_way in N_WAYS if n_way <= n] if n_ways is None else n_ways
    units, assumed = sound_units(list(sounds[0].paths), stimulus, Path(reference).expanduser())
    heard = [hear(one, networks, console) for one in sounds]
    scores = score_sounds(
        *heard[:2],
        ceiling=heard[2] if ceiling is not None else None,
        units=units,
        n_ways=n_ways,
        seed=seed,
    )
    return EvaluationResult(
        str(reference),
        str(generated),
        None if ceiling is None else str(ceiling),
        n_clips=n,
        networks={
            "cnn14": None if cnn14 is None else _identity(cnn14, cnn14_model.PUBLISHED, cnn14_model.GET),
            "vggish": None if vggish is None else _identity(vggish, vggish_model.PUBLISHED, vggish_model.GET),
            "clap": None if clap is None else networks.clap.settings()["model"],
        },
        found=scores,
        absent=absent(heard[0]),
        notes=[note for one in sounds for note in one.notes] + _notes(sounds[0], scores),
        units=units.words,
        n_units=len(set(units.of)),
        assumed=assumed,
        seed=seed,
    )


def _identity(place: Path, published: str, get: str) -> str:
    with open(find_weights(place, published=published, get=get), "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


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
    low, high = min(reference.durations_s()), max(reference.durations_s())
    if low < high:
        notes.append(
            f"clips are of {low:.2f} to {high:.2f} s: identification by mel compares the first {low:.2f} s of each. Networks would find a "
            "clip by its length alone, so they identify none, and KL and the CLAP score have no exchanged clips beside them. Cut "
            "all clips to one length to have these."
        )
    same = same_sounds(reference)
    if same:
        notes.append(f"{same} reference clips are the same as another one: in identification they are one candidate.")
    left_out = scores["mel_psnr"]["generated"]["n_left_out"]
    if left_out:
        notes.append(f"{left_out} generated clips equal their reference: their PSNR is infinite and left out.")
    return notes
