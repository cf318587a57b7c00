"""A copy of prepared arrays on a node's own disk, for a cache on a shared disk."""

import errno
import os
import shutil
from pathlib import Path

from filelock import FileLock

from n2s.errors import UserError
from n2s.paths import cache_dir, written_whole


def near(path: Path) -> Path:
    """``path`` in the cache, or its copy in the folder ``N2S_LOCAL_CACHE`` if that is set.

    The first process of a node that asks copies it, whole or not at all; the others wait. A file in the cache
    never changes, so a copy of the same size is a copy of the same array. The folder can be deleted at any time.

    Raises
    ------
    UserError
        The node's disk is full, or the folder cannot be written.
    """
    folder = os.environ.get("N2S_LOCAL_CACHE")
    if not folder:
        return path
    root = Path(folder).expanduser()
    copy, size = root / path.relative_to(cache_dir()), path.stat().st_size
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(copy.with_name(f"{copy.name}.lock")):
            if not copy.is_file() or copy.stat().st_size != size:
                with written_whole(copy) as temporary:
                    shutil.copyfile(path, temporary)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UserError(
            f"{path} ({size / 1e6:.0f} MB) cannot be copied to N2S_LOCAL_CACHE={folder}: "
            f"{'its disk is full' if full else error}. Free some space there, name another folder of this node, or unset "
            "it: arrays are then read from the cache."
        ) from error
    return copy
