"""Tables of clips kept in the cache, with what was said when they were made: large corpora take minutes to read."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path

import pandas as pd

from n2s.findings import kept, tell
from n2s.paths import cache_dir, locked, written_whole

_VERSION = 3  # increase when any reader gives other clips from the same files


def kept_clips(key: dict, files: Iterable[Path], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The table that ``make`` gives: from the cache, unless a setting, or the size or time of one of the files, has changed.

    What ``make`` finds odd is said each time.
    """
    about = [(str(path), *_state(path)) for path in files]
    told = json.dumps([_VERSION, key, about], sort_keys=True)
    folder = cache_dir() / "corpora" / f"clips-{hashlib.sha256(told.encode()).hexdigest()[:24]}"
    with locked(folder):
        if not folder.is_dir():
            with kept() as found:
                clips = make()
            with written_whole(folder) as part:
                part.mkdir()
                clips.to_parquet(part / "clips.parquet")
                (part / "findings.json").write_text(json.dumps([astuple(one) for one in found]), "utf-8")
    for one in json.loads((folder / "findings.json").read_text("utf-8")):
        tell(*one)
    return pd.read_parquet(folder / "clips.parquet")


def _state(path: Path) -> tuple[int, int]:
    """Size and time of a file; zeros of a link to nothing, of which ``make`` says what is wrong."""
    if not path.exists():
        return 0, 0
    found = path.stat()
    return found.st_size, found.st_mtime_ns
