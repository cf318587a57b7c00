"""The files of a public data set, as its server lists them."""

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from n2s.errors import UserError
from n2s.studies.card import OSF, Files, OpenNeuro, PlainFile

OPENNEURO, OSF_API = "https://s3.amazonaws.com/openneuro.org", "https://api.osf.io/v2"


def files_of(source: OpenNeuro | OSF | Files, *, openneuro: str = OPENNEURO, osf: str = OSF_API) -> list[PlainFile]:
    """Every file with its size and, where it is published, its checksum.

    Parameters
    ----------
    source
        The place of the data set.
    openneuro, osf
        Addresses of the two archives.

    Raises
    ------
    UserError
        There is no network, the answer is not a listing, or its pages form a loop.
    """
    if isinstance(source, Files):
        return list(source.files)
    if isinstance(source, OpenNeuro):
        return list(_openneuro(source.dataset, openneuro))
    return [file for project in source.projects for file in _osf(f"{osf}/nodes/{project}/files/osfstorage/")]


def _openneuro(dataset: str, base: str) -> Iterator[PlainFile]:
    """The public bucket's own listing, a thousand files a page."""
    token, seen = None, set()
    while True:
        query = {"list-type": "2", "prefix": f"{dataset}/"} | ({"continuation-token": token} if token else {})
        address = f"{base}?{urllib.parse.urlencode(query)}"
        content = _get(address, seen)
        if b"<!DOCTYPE" in content or b"\0" in content:  # entities that unfold to gigabytes; no listing is UTF-16
            raise UserError(f"{address}: not the listing of a bucket.")
        try:
            page = ElementTree.fromstring(content)
        except (ElementTree.ParseError, ValueError) as error:
            raise UserError(f"{address}: not the listing of a bucket ({error}).") from None
        space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
        for item in page.findall(f"{space}Contents"):
            key, etag = item.findtext(f"{space}Key") or "", (item.findtext(f"{space}ETag") or "").strip('"')
            checksum = "" if "-" in etag or not etag else f"md5:{etag}"  # of a file sent in parts it is no MD5
            size = _size(item.findtext(f"{space}Size"), address)
            yield PlainFile(f"{base}/{urllib.parse.quote(key)}", key.removeprefix(f"{dataset}/"), checksum, size)
        token = page.findtext(f"{space}NextContinuationToken")
        if not token:
            return


def _osf(address: str) -> Iterator[PlainFile]:
    """Folders and their files, page by page."""
    waiting, seen = [address], set()
    while waiting:
        address = waiting.pop()
        content = _get(address, seen)
        try:
            page = json.loads(content)
            following = page["links"].get("next")
            files = [item for item in page["data"] if item["attributes"]["kind"] != "folder"]
            folders = [item for item in page["data"] if item["attributes"]["kind"] == "folder"]
            waiting += [str(following)] if following else []
            waiting += [str(item["relationships"]["files"]["links"]["related"]["href"]) for item in reversed(folders)]
            found = [_osf_file(item, address) for item in files]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{address}: not a listing of OSF ({type(error).__name__}: {error}).") from None
        yield from found


def _osf_file(item: dict, address: str) -> PlainFile:
    about = item["attributes"]
    digest = about.get("extra", {}).get("hashes", {}).get("sha256", "")
    checksum = f"sha256:{digest}" if digest else ""
    path = about["materialized_path"].lstrip("/")
    return PlainFile(str(item["links"]["download"]), path, checksum, _size(about.get("size"), address))


def _size(said: str | float | None, address: str) -> int:
    """Bytes of a file, 0 if the listing does not give them; a `UserError` if it is not a number of bytes."""
    if not said:
        return 0
    if not re.fullmatch("[0-9]{1,18}", str(said)):
        raise UserError(f"{address}: a file of {str(said)[:40]!r} bytes.")
    return int(said)


def _get(address: str, seen: set[str]) -> bytes:
    """The answer of an address; a `UserError` if it was asked before, or is not a web address."""
    if address in seen:
        raise UserError(f"{address}: the pages of the listing lead in a circle. Try again later.")
    seen.add(address)
    if not address.startswith(("https://", "http://")):  # file: would be read from this machine
        raise UserError(f"{address[:200]}: the listing names a page that is not in the web.")
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, headers={"User-Agent": "n2s"}), timeout=60
        ) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(f"{address}: cannot be read ({error}). Is there a network here?") from None
