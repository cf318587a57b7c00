"""Where n2s keeps its files, and how it writes them: whole or not at all."""

import errno
import hashlib
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from n2s.errors import UserError, nearest

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
os.umask(UMASK := os.umask(0o077))  # of this process: the system only tells it in exchange for another
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def cache_dir() -> Path:
    """The cache: ``N2S_CACHE``, by default the user's cache folder. It can be deleted at any time."""
    return Path(os.environ.get("N2S_CACHE") or platformdirs.user_cache_dir("n2s")).expanduser()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write a file or folder to; rename it to ``path`` at the end.

    A kill or a full disk leaves ``path`` as it was. If another process has finished a folder ``path`` in the
    meantime, that one stays and ours is dropped: both were made from the same settings. What killed processes of this
    machine have left in the folder is cleared away.

    Raises
    ------
    UserError
        The folder cannot be written, or is a file.
    """
    make_folder(path.parent)
    _clear_left(path.parent.absolute())
    temporary = path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.part")
    try:
        with writable(path.parent):
            yield temporary
            if temporary.is_dir() and path.is_dir():
                return
            _for_the_lab(temporary)
            try:
                os.replace(temporary, path)
            except OSError:
                if not (temporary.is_dir() and path.is_dir()):
                    raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _for_the_lab(made: Path) -> None:
    """Give files the permissions of any new file: safetensors and temporary files are their owner's alone, and a lab shares a cache and runs."""
    for file in made.rglob("*") if made.is_dir() else [made]:
        if file.is_file():
            file.chmod(file.stat().st_mode | 0o666 & ~UMASK)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents if they do not exist; a UserError if that fails."""
    with writable(folder, *CLOSED, errno.ENOENT):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def writable(folder: Path, *closed: int) -> Iterator[None]:
    """Write below a folder in this block: if that fails, a `UserError` says which folder to name."""
    try:
        yield
    except OSError as error:
        at, folder = Path(str(error.filename)).absolute(), folder.absolute()
        if error.errno not in (closed or CLOSED) or not (at.is_relative_to(folder) or folder.is_relative_to(at)):
            raise
        cached = folder.is_relative_to(cache_dir().absolute())
        at = final(at)
        name = "N2S_CACHE" if cached else "N2S_RUNS or --runs_dir (for prepared data N2S_CACHE)"
        raise UserError(
            f"{folder} cannot be written: {error.strerror or type(error).__name__} ({at}). Set {name} to a folder that you "
            "may write to."
        ) from error


@cache
def _clear_left(folder: Path) -> None:
    """Remove the unfinished files of dead processes from a folder; once a process and folder: large ones are slow."""
    for left in folder.glob(".*.part"):
        found = re.fullmatch(r"\..+\.([0-9a-f]{6})-(\d+)-[0-9a-f]{6}\.part", left.name)
        if not found or found[1] != _machine() or _alive(int(found[2])):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)  # another process may be clearing it too
        else:
            left.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """A short hash of the place in which this process' number is unique: the machine, and on Linux the container."""
    namespace = Path("/proc/self/ns/pid")
    inside = os.readlink(namespace) if namespace.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()} {inside}".encode()).hexdigest()[:6]


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, signal 0 would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's process
    return True


def final(path: str | Path) -> Path:
    """A path as the user knows it: without the temporary name that `written_whole` gives a file or folder."""
    path = Path(path)
    return Path(*(re.sub(r"^\.(.+)\.[0-9a-f]{6}-\d+-[0-9a-f]{6}\.part$", r"\1", part) for part in path.parts))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Keep other processes, of this machine or of others that share the cache, from making ``path`` meanwhile.

    Yields whether the lock is ours; without ``wait`` it may not be. A killed process releases it.
    """
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:24]
    lock = FileLock(cache_dir() / "locks" / f"{name}.lock")
    make_folder(Path(lock.lock_file).parent)
    try:
        with writable(Path(lock.lock_file).parent):
            lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def disk_room(path: Path, n_bytes: int, what: str) -> Iterator[None]:
    """Write ``path`` in this block: a full disk of the cache, before or during the write, is a `UserError`."""
    full = UserError(
        f"{what}: the disk of the cache {cache_dir()} is full: {n_bytes / 1e6:.0f} MB are needed. What is prepared so "
        "far is kept. Free some space, or set N2S_CACHE to a folder on another disk, and run the same command again."
    )
    make_folder(path.parent)
    if shutil.disk_usage(path.parent).free < n_bytes * 1.05:
        raise full
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise full from None
        raise


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk, the quota or a file's largest size is reached.

    numpy has no number for it, and safetensors only says the system's: their words are looked at.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in NO_ROOM
    words = rf"Not enough free space to write|\d+ requested and \d+ written|os error ({'|'.join(map(str, NO_ROOM))})\)"
    return re.search(words, str(error)) is not None


def data_file(file: str | Path) -> Path:
    """A file of data; a relative path that does not exist here is searched in ``N2S_DATA``.

    Raises
    ------
    UserError
        It is in neither place.
    """
    places = _places(file)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        beside = sorted({path.name for place in places if place.parent.is_dir() for path in place.parent.iterdir()})
        raise UserError(
            f"No file {' or '.join(str(place.absolute()) for place in places)}.{nearest(places[0].name, beside)} Give it as a path from "
            "here, an absolute one, or one below the folder that N2S_DATA names."
        )
    return found.resolve()


def _places(given: str | Path) -> list[Path]:
    """Where a path of data may be: as it is given, and below ``N2S_DATA``."""
    path = Path(given).expanduser()
    if path.is_absolute() or not os.environ.get("N2S_DATA"):
        return [path]
    return [path, Path(os.environ["N2S_DATA"]).expanduser() / path]


def data_folder(root: str | Path) -> Path:
    """The folder of a data set; a relative path that does not exist here is searched in ``N2S_DATA``.

    Raises
    ------
    UserError
        It is in neither place.
    """
    places = _places(root)
    for place in places:
        if place.is_dir():
            return place.resolve()
    parents = [place.parent for place in places if place.parent.is_dir()]
    beside = sorted({path.name for parent in parents for path in parent.iterdir() if path.is_dir()})
    raise UserError(
        f"No folder {' or '.join(str(place.absolute()) for place in places)}.{nearest(places[0].name, beside)} "
        "Give root as a path from here, an absolute one, or one below the folder that N2S_DATA names."
    )
