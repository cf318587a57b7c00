"""Sounds of two methods to put on a listening page."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.listening.manifest import write_manifest

RATE, METHODS = 16_000, ("decoded", "exchanged")
TEXT = 'she said "</script><b>stop</b>", & left'


def write_sounds(folder: Path, *, n_clips: int = 3, seconds: float = 0.15, rate: int = RATE) -> pd.DataFrame:
    """predictions/<method>/<clip>.wav, each a tone of its own in a little noise, and their manifest."""
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * rate)) / rate
    rows = []
    for clip in range(n_clips):
        for i, method in enumerate(("stimulus", *METHODS)):
            path = folder / method / f"clip{clip}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = 0.5 * np.sin(2 * np.pi * (300 + 100 * clip + 1000 * i) * time_s)
            soundfile.write(path, tone + 0.01 * rng.standard_normal(len(tone)), rate)
            rows.append({"clip": path.stem, "method": method, "path": path, "text": TEXT, "subject": f"S{clip}"})
    table = pd.DataFrame(rows)
    write_manifest(folder, table)
    return table


def content_of(page: Path) -> dict:
    text = page.read_text("utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])
