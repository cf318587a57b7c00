"""Work in threads of Python, each with one thread of BLAS: pieces never wait for each other, so a loaded machine only slows them."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

Piece = TypeVar("Piece")


def in_threads(work: Callable[[Piece], None], pieces: Iterable[Piece], device: torch.device) -> None:
    """Call ``work`` on each piece, on as many threads as PyTorch has been given (`torch.set_num_threads`).

    A BLAS that divides each small product among threads makes them wait for the slowest at its end: with another program
    on the machine, that is most of the time. Here each thread takes the next piece when it is ready. Limits of threads are
    put back afterwards. On a GPU pieces follow one another.

    Parameters
    ----------
    work
        Writes its result itself; called from several threads, and lets the interpreter go in BLAS and PyTorch.
    pieces
        What it is called on, in this order.
    device
        Where the data are.
    """
    pieces = list(pieces)
    threads = torch.get_num_threads()
    if device.type != "cpu":
        for piece in pieces:
            work(piece)
        return
    workers = max(1, min(threads, len(pieces)))
    try:
        torch.set_num_threads(max(1, threads // workers))
        with threadpool_limits(max(1, threads // workers), "blas"):
            if workers == 1:
                for piece in pieces:
                    work(piece)
                return
            with ThreadPoolExecutor(workers) as pool:
                for _ in pool.map(work, pieces):
                    pass
    finally:
        torch.set_num_threads(threads)
