"""Whatever the Hugging Face Hub answers instead of a file, as one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from n2s.errors import UserError


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Ask the Hub in this block: what it refuses, and what the network does, becomes a `UserError`.

    Parameters
    ----------
    what
        The sentence, with ``{}`` for what the Hub said.
    """
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
    )

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        of_network = (
            type(error).__module__.split(".")[0].startswith("httpx")
        )  # the Hub's library passes those of its own client on
        known = (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, LocalTokenNotFoundError, OSError)
        if not (of_network or isinstance(error, known)):
            raise
        lines = str(error).strip().splitlines()
        raise UserError(what.format(lines[0] if lines else type(error).__name__)) from None
