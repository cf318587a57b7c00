"""The test clips of each story as one sound, method by method."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.features.stitch import spanning, stitch
from n2s.listening.manifest import STIMULUS, read_manifest, write_manifest
from n2s.paths import written_whole

FOLDER = "stitched"  # in the folder of the predictions
PEAK = 0.99  # of full scale: a story that would clip is scaled to this peak


def write_stitched(folder: Path) -> pd.DataFrame:
    """Write ``stitched/<method>/<story>.wav`` and their ``stitched/manifest.csv`` beside the clips of a manifest.

    A story is one subject's stretch of one stimulus, from its first test clip to the end of its last; a repeat is another
    story. All methods' sounds of a story have equal length, to the sample: where a method has no clip there is silence.
    Where clips overlap more than once, only the necessary ones are used. Overlaps are faded by
    `n2s.features.stitch.stitch`; a story whose peak would clip is scaled as a whole.

    Parameters
    ----------
    folder
        ``predictions`` of a run. Its manifest has ``subject``, ``stimulus`` and ``start_s``, and the sounds that were heard.

    Returns
    -------
    The manifest's rows: ``clip`` (the story), ``method``, ``path``, ``text`` (empty), ``subject``, ``stimulus``, ``start_s``,
    ``duration_s``, ``n_clips`` (joined), ``silent_s`` (without a clip) and ``gain`` (1: unchanged).
    """
    clear_stitched(folder)
    table = read_manifest(folder)
    table = table.assign(start_s=table.start_s.astype(float))
    heard = table[table.method == STIMULUS]
    again = heard.groupby(["subject", "stimulus", "start_s"]).cumcount()
    rows = []
    for (subject, stimulus, take), clips in heard.groupby(["subject", "stimulus", again]):
        name = re.sub(r"[^\w.+-]+", "_", f"{subject}_{stimulus.split('/', 1)[-1]}" + (f"_{take + 1}" if take else ""))
        clips = clips.sort_values("start_s")
        for method in dict.fromkeys(table.method):
            own = table[(table.method == method) & table["clip"].isin(clips["clip"])]
            if not len(own):
                continue
            row = _story(clips, own.sort_values("start_s"), folder / FOLDER / method / f"{name}.wav")
            rows.append({"clip": name, "method": method, "subject": subject, "stimulus": stimulus} | row)
    found = pd.DataFrame(rows)
    write_manifest(folder / FOLDER, found)
    return found


def clear_stitched(folder: Path) -> None:
    """Remove what an earlier `write_stitched` wrote, and nothing else."""
    manifest = folder / FOLDER / "manifest.csv"
    if manifest.is_file():
        for path in pd.read_csv(manifest, dtype=str).path:
            if (folder / FOLDER / path).resolve().is_relative_to((folder / FOLDER).resolve()):
                (folder / FOLDER / path).unlink(missing_ok=True)
        manifest.unlink()


def _story(heard: pd.DataFrame, own: pd.DataFrame, path: Path) -> dict:
    """Join the clips of one method, on a time axis that starts with the first clip."""
    last = soundfile.info(heard.path.iloc[-1])
    sfreq, n = last.samplerate, last.frames
    first_s = heard.start_s.iloc[0]
    starts = np.rint((own.start_s.to_numpy() - first_s) * sfreq).astype(int)
    chosen = spanning(starts, n)
    sounds = [soundfile.read(one, dtype="float32")[0] for one in own.path.iloc[chosen]]
    story = np.zeros(round((heard.start_s.iloc[-1] - first_s) * sfreq) + n, np.float32)
    joined = stitch(sounds, starts[chosen])
    story[starts[0] : starts[0] + len(joined)] = joined
    covered = np.zeros(len(story), bool)
    for start in starts[chosen]:
        covered[start : start + n] = True
    peak = float(np.abs(story).max())
    gain = PEAK / peak if peak > PEAK else 1.0
    with written_whole(path) as temporary:
        soundfile.write(temporary, gain * story, sfreq, subtype="PCM_16", format="WAV")
    return {
        "path": path,
        "start_s": first_s,
        "duration_s": len(story) / sfreq,
        "n_clips": len(chosen),
        "silent_s": float((~covered).sum()) / sfreq,
        "gain": gain,
    }
