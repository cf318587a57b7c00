"""One file over HTTP, resumed where it broke off, and checked."""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from n2s.errors import UserError
from n2s.studies.card import PlainFile

CHUNK = 2**20
N_TRIES, WAIT_S = 6, 1.0  # tries without a new byte; the wait doubles
TIMEOUT_S = 60.0


def transfer(
    file: PlainFile, root: Path, *, told: Callable[[int], None] = lambda n_bytes: None, wait_s: float = WAIT_S
) -> Path:
    """Fetch a file; nothing is fetched that is there already.

    What has come is kept under a hidden name beside the target, and a later call goes on from there, unless the server
    says that the file has changed.

    Parameters
    ----------
    file
        Its address, its path under ``root``, and its checksum and size where they are known.
    root
        Folder of the data set.
    told
        Called with how many more bytes of the file are there (negative: a new beginning).
    wait_s
        Before the second try.

    Raises
    ------
    UserError
        The path leads out of ``root``, the server refuses, gives up on every try, or the file's size or checksum is another.
    """
    if not file.url.startswith(("https://", "http://")):  # file: would be read from this machine
        raise UserError(f"{file.url[:200]}: no address in the web.")
    target = _target(file, root)
    if target.is_file() and (not file.size or target.stat().st_size == file.size):
        told(target.stat().st_size)
        return target
    part = target.with_name(f".{target.name}.part")
    tag = target.with_name(f".{target.name}.part.etag")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        tag.exists()  # an error where the disk has no such long names
    except OSError as error:
        raise UserError(f"{file.url}: there can be no file {target} ({error}).") from None
    told(part.stat().st_size if part.exists() else 0)
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _more(file, part, tag, told):
                break
            problem = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # the part is longer than the file is now
                part.unlink()
                told(-before)
                problem = "the file has changed"
            elif error.code in (408, 429) or error.code >= 500:
                problem = f"HTTP {error.code}"
            else:
                raise UserError(f"{file.url}: the server answers {error.code} {error.reason}.") from None
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
        if failures >= N_TRIES:
            raise UserError(
                f"{file.url}: no byte more in {N_TRIES} tries ({problem}). What has come is kept; run the same command again."
            )
        time.sleep(wait_s * 2**failures / 2)
    _check(file, part, tag)
    part.replace(target)
    tag.unlink(missing_ok=True)
    return target


def _target(file: PlainFile, root: Path) -> Path:
    """Where to write a file; a `UserError` if its path leads out of the folder, also through a link, or is not a path."""
    target = root / file.path
    try:
        inside = target.resolve().is_relative_to(root.resolve()) and target.resolve() != root.resolve()
        here = target.is_dir()
    except (ValueError, OSError, RuntimeError) as error:  # NUL, longer than a disk allows, links in a circle
        raise UserError(f"{file.url}: its path {file.path[:200]!r} is none ({error}).") from None
    if not inside:
        raise UserError(f"{file.url}: its path {file.path} leads out of {root}.")
    if here:
        raise UserError(f"{file.url}: its path {file.path} is a folder's.")
    return target


def _more(file: PlainFile, part: Path, tag: Path, told: Callable[[int], None]) -> bool:
    """Take up the transfer; whether the file is whole."""
    have = part.stat().st_size if part.exists() else 0
    if file.size and have == file.size:
        return True
    request = urllib.request.Request(file.url, headers={"User-Agent": "n2s"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag.exists():
            request.add_header("If-Range", tag.read_text())
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        begun = answer.status == 206
        if not begun and have:
            told(-have)  # the server sends all of it: it cannot resume, or the file has changed
            have = 0
        etag = answer.headers.get("ETag", "")
        if etag and not etag.startswith("W/"):
            tag.write_text(etag)
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else file.size
        with open(part, "ab" if begun else "wb") as out:
            while block := answer.read1(CHUNK):
                out.write(block)
                have += len(block)
                told(len(block))
    return have == whole if whole else True


def _check(file: PlainFile, part: Path, tag: Path) -> None:
    found = part.stat().st_size
    if file.size and found != file.size:
        problem = f"has {found} bytes, {file.size} were announced"
    elif file.checksum:
        kind, _, wanted = file.checksum.partition(":")
        with open(part, "rb") as opened:
            digest = hashlib.file_digest(opened, kind).hexdigest()
        problem = "" if digest == wanted.lower() else f"has {kind} {digest}, {wanted} was announced"
    else:
        problem = ""
    if problem:
        part.unlink()
        tag.unlink(missing_ok=True)
        raise UserError(f"{file.url}: what came {problem}. It was thrown away; run the same command again.")


def check_room(files: list[PlainFile], root: Path) -> None:
    """Raise a `UserError` where the disk has no room for what is missing."""
    missing = sum(file.size for file in files if not _target(file, root).is_file())
    free = shutil.disk_usage(root).free
    if free < missing:
        raise UserError(
            f"{root}: {missing / 1e9:.1f} GB are to come, {free / 1e9:.1f} GB are free. Choose another --root."
        )
