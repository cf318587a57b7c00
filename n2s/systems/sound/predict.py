"""``n2s predict`` of an audio run: make missing sounds, their spectrograms and manifest; then scores and a page."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from matplotlib import colormaps
from PIL import Image
from rich.console import Console

from n2s.config_classes import object_of
from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.evaluation.networks import Networks
from n2s.listening.manifest import STIMULUS, read_manifest, write_manifest
from n2s.listening.page import evenly, write_listening_page
from n2s.models.diffusion.spectrogram import FLOOR, SFREQ, log_mel
from n2s.paths import written_whole
from n2s.progress import track
from n2s.studies.study import no_words
from n2s.systems.clips.decoded import Decoded
from n2s.systems.clips.decoder import ClipDecoder
from n2s.systems.sound.methods import METHODS, Make, SoundMethods
from n2s.systems.sound.result import SoundResult
from n2s.systems.sound.scoring import score_methods
from n2s.systems.sound.stitching import FOLDER, clear_stitched, write_stitched

MADE = "made.json"  # in a method's folder: the settings of its sounds


def predict_sounds(module: ClipDecoder, decoded: Decoded, networks: Networks, folder: Path, seed: int) -> SoundResult:
    """Write ``<method>/<clip>.wav`` and ``.png`` and ``manifest.csv`` into a folder, and the listening page beside it.

    Existing sounds are reused if they were made with the same weights, data and options. A clip's sound is written last,
    and atomically.

    Parameters
    ----------
    module
        The system with its weights and a trainer.
    decoded
        Its decoded outputs for all test clips.
    networks
        Networks that score the sounds.
    folder
        ``predictions`` of the run.
    seed
        Seed for the samples.
    """
    console, clips = Console(), clip_names(module.data)
    methods = SoundMethods(module, module.data, decoded, clips, seed)
    made = _what_made(module, seed)
    with module.trainer.precision_plugin.forward_context():
        for name, make in methods.chosen().items():
            _make_missing(name, make, folder, made | {"of": methods.made_of(name)}, methods, console)
    names = sorted(path.parent.name for path in folder.glob(f"*/{MADE}") if path.parent.name in METHODS)
    current = [name for name in names if (_read_made(folder / name) or {}) | {"of": None} == made | {"of": None}]
    if len(current) < len(names):
        others = ", ".join(name for name in names if name not in current)
        console.print(f"left out, because other options made them: {others}", highlight=False)
    write_manifest(folder, _table(folder, current, methods))
    clear_stitched(folder)
    if module.sounds.stitch:
        stories = write_stitched(folder)["clip"].nunique()
        console.print(f"stories: {stories}, each joined in {folder / FOLDER}", soft_wrap=True, highlight=False)
    _write_page(folder, module.sounds.page_clips, console)
    target = module.stages["semantic_target"]
    return score_methods(folder, networks, feature=None if target is None else object_of(target), seed=seed)


def clip_names(data: ClipData) -> list[str]:
    """A name for each test clip, valid as a file name: subject, stimulus, start in ms; a number for repeats."""
    table = data.splits["test"].table
    stimulus = [name.split("/", 1)[1] for name in table.stimulus]
    start = (1000 * table.start_s).round().astype(int)
    names = pd.Series([f"{s}_{t}_{ms:07d}" for s, t, ms in zip(table.subject, stimulus, start, strict=True)])
    again = names.groupby(names).cumcount()
    names = names + [f"_{count + 1}" if count else "" for count in again]
    return [re.sub(r"[^\w.+-]+", "_", name) for name in names]


def _make_missing(name: str, make: Make, folder: Path, made: dict, methods: SoundMethods, console: Console) -> None:
    """Make the missing sounds of one method."""
    clips, size = methods.clips, methods.module.sounds.batch_size
    rows = np.array([row for row, clip in enumerate(clips) if name != "prompted" or clip in methods.prompts])
    todo = _missing(folder / name, made, rows, clips)
    kept = len(rows) - len(todo)
    batches = np.array_split(todo, -(-len(todo) // size)) if len(todo) else []
    for some in track(batches, name, least=1):
        for row, wav in zip(some, make(some), strict=True):
            _write(folder / name / clips[row], wav)
    console.print(f"{name}: {len(todo)} sounds made{f', {kept} were there' if kept else ''}", highlight=False)


def _write_page(folder: Path, n_clips: int, console: Console) -> None:
    table = read_manifest(folder)
    shown = evenly(list(dict.fromkeys(table["clip"])), n_clips)
    table = table[table["clip"].isin(shown)]
    names = [name for name in dict.fromkeys(table.method) if name != STIMULUS]
    page = write_listening_page(folder.parent / "listening.html", table, names)
    console.print(f"sounds: {folder}", soft_wrap=True, highlight=False)
    console.print(
        f"page: {page.open} ({len(shown)} clips; for raters: {page.path.name}, without names)",
        soft_wrap=True,
        highlight=False,
    )


def _what_made(module: ClipDecoder, seed: int) -> dict:
    """All inputs that determine a sound, in plain types."""
    checkpoint = Path(module.trainer.ckpt_path)
    split, sampler = module.data.splits["test"], module.sounds.sampler
    digest = hashlib.sha256(split.table[["subject", "stimulus", "start_s"]].to_csv(index=False).encode())
    for brain in split.brain:
        digest.update(np.ascontiguousarray(brain))
    made = {
        "weights": [checkpoint.name, checkpoint.stat().st_size, checkpoint.stat().st_mtime_ns],
        "data": digest.hexdigest(),
        "sampler": None if sampler is None else [type(sampler).__name__, vars(sampler)],
        "precision": str(module.trainer.precision),
        "seed": seed,
    }
    return json.loads(json.dumps(made))  # as it will be read from the file


def _missing(folder: Path, made: dict, rows: np.ndarray, clips: list[str]) -> np.ndarray:
    """Rows to make. Sounds made with other settings are removed first: a folder never mixes both."""
    before = _read_made(folder)
    if before is None and folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} holds files that n2s predict did not write there. Move them away.")
    if before is not None and before != made:
        for path in folder.iterdir():
            if path.name != MADE:
                path.unlink()
    if before != made:
        with written_whole(folder / MADE) as path:
            path.write_text(json.dumps(made, indent=1))
    return np.array([row for row in rows if not (folder / f"{clips[row]}.wav").is_file()], dtype=int)


def _read_made(folder: Path) -> dict | None:
    file = folder / MADE
    return json.loads(file.read_text()) if file.is_file() else None


def _write(place: Path, wav: torch.Tensor) -> None:
    """Write the picture of a clip first, its sound last."""
    mel = log_mel(wav[None, : len(wav) // 160 * 160])[0].numpy()
    shade = np.clip((mel - np.log(FLOOR)) / -np.log(FLOOR), 0, 1)
    with written_whole(place.with_name(f"{place.name}.png")) as path:
        Image.fromarray((255 * colormaps["magma"](shade.T[::-1])[..., :3]).astype(np.uint8)).save(path, format="png")
    with written_whole(place.with_name(f"{place.name}.wav")) as path:
        soundfile.write(path, wav.numpy(), SFREQ, subtype="PCM_16", format="WAV")


def _table(folder: Path, names: list[str], methods: SoundMethods) -> pd.DataFrame:
    """One row per sound of some methods."""
    table, prompts = methods.data.splits["test"].table, methods.prompts
    said = {clip: _said(methods.data, row) for clip, row in zip(methods.clips, table.itertuples(), strict=True)}
    found = []
    for method in names:
        for clip, row in zip(methods.clips, table.itertuples(), strict=True):
            path = folder / method / f"{clip}.wav"
            if path.is_file():
                found.append(
                    {
                        "clip": clip,
                        "method": method,
                        "path": path,
                        "text": said[clip],
                        "subject": row.subject,
                        "stimulus": row.stimulus,
                        "start_s": row.start_s,
                        "duration_s": row.duration_s,
                        "mel": f"{method}/{clip}.png",
                        "prompt": prompts.get(clip, "") if method == "prompted" else "",
                    }
                )
    return pd.DataFrame(found)


def _said(data: ClipData, row: tuple) -> str:
    """The words whose middle is in a clip; of a study without words, its label."""
    words = data.stimuli[row.stimulus].words if row.stimulus in data.stimuli else no_words()
    middle_s = words.onset + words.duration / 2
    inside = (middle_s >= row.start_s) & (middle_s < row.start_s + row.duration_s)
    return " ".join(words.text[inside].astype(str)) or str(getattr(row, "label", "") or "")
