"""Ctrl-C ends a command with one line and the status 130, at any point of the command."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 128 + signal.SIGINT

_received = False


@contextmanager
def quiet() -> Iterator[None]:
    """Around a whole command. Until `unwind` is called the first Ctrl-C ends it at once: there is nothing to clean up.

    Later it raises a KeyboardInterrupt, so that files and processes are cleared; whatever libraries make of that on its way
    out, one line is said. A second one ends the command at once.
    """
    global _received
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _received = False
    before = signal.signal(signal.SIGINT, _end)
    try:
        yield
    except BaseException as error:
        if not (_received or isinstance(error, KeyboardInterrupt)):
            raise
        _say()
        sys.exit(STATUS)
    finally:
        signal.signal(signal.SIGINT, before)


def unwind() -> None:
    """From here on Ctrl-C is an exception: there may be something to clear."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, _raise)


def _end(number: int, frame: FrameType | None) -> None:
    _say()
    os._exit(STATUS)


def _raise(number: int, frame: FrameType | None) -> None:
    global _received
    if _received:
        os._exit(STATUS)
    _received = True
    raise KeyboardInterrupt


def _say() -> None:
    """All processes get the signal; only the first one prints the line. Written past ``print``, which may be interrupted."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        os.write(2, b"n2s: stopped by Ctrl-C.\n")
