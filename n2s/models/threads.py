"""Work in threads of Python, each with one thread of BLAS, so that a loaded machine slows the pieces and no more."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Piece = TypeVar("Piece")


def in_threads(work: Callable[[Piece], object], pieces: Iterable[Piece], device: torch.device) -> None:
    """Call ``work`` on each piece, on as many threads as PyTorch has been given (`torch.set_num_threads`).

    A BLAS that divides each small product among threads makes them wait for the slowest at its end: with another program
    on the machine, that is most of the time. Here each thread takes the next piece when it is ready. Limits of threads are
    put back afterwards. On a GPU pieces follow one another.

    Parameters
    ----------
    work
        Writes its result itself; called from several threads, and lets the interpreter go in BLAS and PyTorch.
    pieces
        What it is called on, in this order; give the largest first.
    device
        Where the data are.
    """
    pieces = list(pieces)
    if device.type != "cpu":
        for piece in pieces:
            work(piece)
        return
    threads = torch.get_num_threads()
    workers = max(1, min(threads, len(pieces)))
    inference, grad = torch.is_inference_mode_enabled(), torch.is_grad_enabled()  # each thread has its own

    def one(piece: Piece) -> None:
        with torch.inference_mode(inference), torch.set_grad_enabled(grad):
            work(piece)

    try:
        torch.set_num_threads(threads // workers)
        with _libraries().limit(limits=threads // workers, user_api="blas"):
            if workers == 1:
                for piece in pieces:
                    work(piece)
                return
            with ThreadPoolExecutor(workers) as pool:
                for _ in pool.map(one, pieces):
                    pass
    finally:
        torch.set_num_threads(threads)


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that are loaded, looked for once: that takes milliseconds."""
    return ThreadpoolController()
