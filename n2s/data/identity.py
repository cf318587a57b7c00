"""Which stimuli are the same sound, whatever their names, files and formats: known by what is heard."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from n2s.features.audio import audio_rate_hz, mono_blocks
from n2s.paths import cache_dir, written_whole
from n2s.studies.study import Stimulus

_VERSION = 1  # bump when the hash of the same samples changes


def sound_identities(stimuli: Mapping[str, Stimulus]) -> dict[str, str]:
    """The identity of each stimulus' sound, by the stimulus' name: equal for equal sounds.

    It is a hash of the decoded samples, so that wav, flac, other headers, tags and file names, and one channel or
    several equal ones, make no difference; of the values, where a study brings features in place of audio. Each
    audio file is decoded once: its hash is kept in the cache, by the file's place, size and time of change.
    """
    return {name: _sound(stimulus) for name, stimulus in stimuli.items()}


def _sound(stimulus: Stimulus) -> str:
    if stimulus.audio is None:
        values = np.ascontiguousarray(stimulus.ready.values, dtype=np.float32) + np.float32(0)  # no negative zeros
        return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()
    path = stimulus.audio.resolve()
    about = path.stat()
    told = (_VERSION, str(path), about.st_size, about.st_mtime_ns, soundfile.__libsndfile_version__)
    kept = cache_dir() / "sounds" / hashlib.sha256(repr(told).encode()).hexdigest()[:32]
    found = kept.read_text() if kept.is_file() else ""
    if not re.fullmatch(r"[0-9a-f]{64}", found):  # a broken file is made again
        found = _decoded_sha256(path)
        with written_whole(kept) as temporary:
            temporary.write_text(found)
    return found


def _decoded_sha256(path: Path) -> str:
    digest = hashlib.sha256(str(audio_rate_hz(path)).encode())
    for block in mono_blocks(path):
        digest.update((block.numpy() + np.float32(0)).tobytes())
    return digest.hexdigest()
