"""``n2s predict`` of an audio run: sounds, their spectrograms and their manifest, what is missing only; then scores and a page."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib import colormaps
from PIL import Image
from rich.console import Console
from rich.progress import track

from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.listening.manifest import STIMULUS, read_manifest, write_manifest
from n2s.listening.page import evenly, write_listening_page
from n2s.models.diffusion.spectrogram import FLOOR, SFREQ, log_mel
from n2s.paths import written_whole
from n2s.report.wandb_old import log_shown
from n2s.systems.clips.acoustic_stage import object_of
from n2s.systems.clips.decoder import Decoded
from n2s.systems.sound.method_scores import chosen_networks, print_methods, score_methods
from n2s.systems.sound.methods import SoundMethods
from n2s.systems.sound.sound_html import sounds_shown, write_sound_report
from n2s.systems.sound.stitching import FOLDER, clear_stitched, write_stitched
from n2s.systems.sound.task import BrainAudio

MADE = "made.json"  # in a method's folder: what its sounds were made with


class WriteSounds(Callback):
    """Write ``predictions/<method>/<clip>.wav`` and ``.png``, ``predictions/manifest.csv``, scores and the page.

    Sounds that are there already are kept, if they were made by the same weights, data and options; a clip's sound is
    written last, whole or not at all.

    Parameters
    ----------
    folder
        The run folder.
    seed
        Of the samples.
    """

    def __init__(self, folder: Path, seed: int = 0):
        self.folder, self.seed, self._parts = Path(folder), seed, []

    def on_predict_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Load what scores: a wrong name is told now, not after minutes."""
        if isinstance(module, BrainAudio):
            self._networks = chosen_networks(module.sounds)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what was decoded."""
        if isinstance(module, BrainAudio):
            self._parts.append(outputs.cpu())

    def on_predict_end(self, trainer: Trainer, module: LightningModule) -> None:
        """See Lightning."""
        if not isinstance(module, BrainAudio) or not trainer.is_global_zero:
            return
        data, console, folder = module.data, Console(), self.folder / "predictions"
        clips = clip_names(data)
        methods = SoundMethods(module, data, Decoded.joined(self._parts), clips, self.seed)
        made = _what_made(trainer, module, self.seed)
        with trainer.precision_plugin.forward_context():
            for name, make in methods.chosen().items():
                rows = np.array(
                    [row for row, clip in enumerate(clips) if name != "prompted" or clip in methods.prompts]
                )
                todo = _missing(folder / name, made | {"of": methods.made_of(name)}, rows, clips)
                kept = len(rows) - len(todo)
                batches = np.array_split(todo, -(-len(todo) // module.sounds.batch_size)) if len(todo) else []
                for some in track(batches, name, console=Console(stderr=True), disable=not batches, transient=True):
                    for row, wav in zip(some, make(some), strict=True):
                        _write(folder / name / clips[row], wav)
                console.print(
                    f"{name}: {len(todo)} sounds made{f', {kept} were there' if kept else ''}", highlight=False
                )
        names = sorted(path.parent.name for path in folder.glob(f"*/{MADE}"))
        current = [name for name in names if (_read_made(folder / name) or {}) | {"of": None} == made | {"of": None}]
        if len(current) < len(names):
            others = ", ".join(name for name in names if name not in current)
            console.print(f"left out, for they were made by other options: {others}", highlight=False)
        write_manifest(folder, _table(folder, current, methods))
        clear_stitched(folder)
        if module.sounds.stitch:
            stories = write_stitched(folder)["clip"].nunique()
            console.print(f"stories: {stories}, each joined in {folder / FOLDER}", soft_wrap=True, highlight=False)
        target = module.stages["semantic_target"]
        feature = None if target is None else object_of(target)
        found = score_methods(folder, self._networks, feature=feature, seed=self.seed)
        with written_whole(folder / "metrics.json") as path:
            path.write_text(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
        print_methods(found, console)
        self._page(console, module.sounds.page_clips)
        console.print(f"report: {write_sound_report(self.folder)}", soft_wrap=True, highlight=False)
        log_shown(trainer.loggers, self.folder, lambda: sounds_shown(self.folder))

    def _page(self, console: Console, n_clips: int) -> None:
        table = read_manifest(self.folder)
        shown = evenly(list(dict.fromkeys(table["clip"])), n_clips)
        table = table[table["clip"].isin(shown)]
        names = [name for name in dict.fromkeys(table.method) if name != STIMULUS]
        page = write_listening_page(self.folder / "listening.html", table, names)
        console.print(f"sounds: {self.folder / 'predictions'}", soft_wrap=True, highlight=False)
        console.print(f"page: {page.path} ({len(shown)} clips)", soft_wrap=True, highlight=False)


def clip_names(data: ClipData) -> list[str]:
    """A name for each test clip that is also a file's: subject, stimulus, start in ms; a number where it was heard again."""
    table = data.splits["test"].table
    stimulus = [name.split("/", 1)[1] for name in table.stimulus]
    start = (1000 * table.start_s).round().astype(int)
    names = pd.Series([f"{s}_{t}_{ms:07d}" for s, t, ms in zip(table.subject, stimulus, start, strict=True)])
    again = names.groupby(names).cumcount()
    names = names + [f"_{count + 1}" if count else "" for count in again]
    return [re.sub(r"[^\w.+-]+", "_", name) for name in names]


def _what_made(trainer: Trainer, module: BrainAudio, seed: int) -> dict:
    """What decides the numbers of a sound, in plain types."""
    checkpoint = Path(trainer.ckpt_path).stat()
    split, sampler = module.data.splits["test"], module.sounds.sampler
    digest = hashlib.sha256(split.table[["subject", "stimulus", "start_s"]].to_csv(index=False).encode())
    for brain in split.brain:
        digest.update(np.ascontiguousarray(brain))
    made = {
        "weights": [Path(trainer.ckpt_path).name, checkpoint.st_size, checkpoint.st_mtime_ns],
        "data": digest.hexdigest(),
        "sampler": None if sampler is None else [type(sampler).__name__, vars(sampler)],
        "precision": str(trainer.precision),
        "seed": seed,
    }
    return json.loads(json.dumps(made))  # as it is read again


def _missing(folder: Path, made: dict, rows: np.ndarray, clips: list[str]) -> np.ndarray:
    """Rows to make. Sounds that were made otherwise are removed first: a folder never holds two kinds."""
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
    """The picture of a clip first, its sound last."""
    mel = log_mel(wav[None, : len(wav) // 160 * 160])[0].numpy()
    shade = np.clip((mel - np.log(FLOOR)) / -np.log(FLOOR), 0, 1)
    with written_whole(place.with_name(f"{place.name}.png")) as path:
        Image.fromarray((255 * colormaps["magma"](shade.T[::-1])[..., :3]).astype(np.uint8)).save(path, format="png")
    with written_whole(place.with_name(f"{place.name}.wav")) as path:
        soundfile.write(path, wav.numpy(), SFREQ, subtype="PCM_16", format="WAV")


def _table(folder: Path, names: list[str], methods: SoundMethods) -> pd.DataFrame:
    """A row a sound of some methods."""
    table, prompts = methods.data.splits["test"].table, methods.prompts
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
                        "subject": row.subject,
                        "stimulus": row.stimulus,
                        "start_s": row.start_s,
                        "mel": f"{method}/{clip}.png",
                        "prompt": prompts.get(clip, "") if method == "prompted" else "",
                    }
                )
    return pd.DataFrame(found)
