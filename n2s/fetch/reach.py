"""Is the server of a data set there? Asked once, so that a machine without network says so within seconds."""

import http.client
import os
import urllib.error
import urllib.request

from n2s.errors import UserError
from n2s.fetch.listing import OPENNEURO, OSF_API
from n2s.studies.card import OSF, Files, HuggingFace, OpenNeuro

WAIT_S = 8.0  # longer than any server that is there takes to answer


def address_of(source: OpenNeuro | OSF | HuggingFace | Files) -> str:
    """The first address that a download asks."""
    if isinstance(source, OpenNeuro):
        return f"{OPENNEURO}?list-type=2&prefix={source.dataset}/&max-keys=1"
    if isinstance(source, OSF):
        return f"{OSF_API}/nodes/{source.projects[0]}/"
    if isinstance(source, HuggingFace):
        return os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return source.files[0].url


def check_reachable(address: str, *, wait_s: float = WAIT_S) -> None:
    """Raise a `UserError` if nothing answers at a web address; what the answer says does not matter.

    Parameters
    ----------
    address
        An address that begins with https:// or http://.
    wait_s
        For how long an answer is waited for, s.
    """
    server = address.split("/")[2]
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "n2s"})
        urllib.request.urlopen(request, timeout=wait_s).close()
    except urllib.error.HTTPError:
        return  # it answers
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"{server} cannot be reached from here ({reason}). Run the command where there is a network (a login node, not a compute "
            "node; behind a proxy set https_proxy), and copy the folder."
        ) from None
