"""A command of a command: run in this process as if it had been typed."""

import gc
import os
import sys
from collections.abc import Callable, Mapping


def typed(main: Callable[[], None], *words: str, environment: Mapping[str, str]) -> None:
    """Run ``n2s words``, with some variables of the environment; whatever it sets there is gone afterwards.

    ``main`` is `n2s.cli.main.main`, which reads the command line.
    """
    argv, before = sys.argv, dict(os.environ)
    sys.argv = [argv[0], *words]
    os.environ.update(environment)
    try:
        main()
    finally:
        sys.argv = argv
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        gc.collect()  # a trainer and its data refer to each other
