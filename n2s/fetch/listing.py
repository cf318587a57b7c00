"""What files a public data set has, asked of the place where it lies."""

import json
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
        Where the data set lies.
    openneuro, osf
        Addresses of the two archives.
    """
    if isinstance(source, Files):
        return list(source.files)
    if isinstance(source, OpenNeuro):
        return list(_openneuro(source.dataset, openneuro))
    return [file for project in source.projects for file in _osf(f"{osf}/nodes/{project}/files/osfstorage/")]


def _openneuro(dataset: str, base: str) -> Iterator[PlainFile]:
    """The public bucket's own listing, a thousand files a page."""
    token = None
    while True:
        query = {"list-type": "2", "prefix": f"{dataset}/"} | ({"continuation-token": token} if token else {})
        page = ElementTree.fromstring(_get(f"{base}?{urllib.parse.urlencode(query)}"))
        space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
        for item in page.findall(f"{space}Contents"):
            key, etag = item.findtext(f"{space}Key"), (item.findtext(f"{space}ETag") or "").strip('"')
            checksum = "" if "-" in etag or not etag else f"md5:{etag}"  # of a file sent in parts it is no MD5
            size = int(item.findtext(f"{space}Size") or 0)
            yield PlainFile(f"{base}/{urllib.parse.quote(key)}", key.removeprefix(f"{dataset}/"), checksum, size)
        token = page.findtext(f"{space}NextContinuationToken")
        if not token:
            return


def _osf(address: str | None) -> Iterator[PlainFile]:
    """Folders and their files, page by page."""
    while address:
        page = json.loads(_get(address))
        for item in page["data"]:
            about = item["attributes"]
            if about["kind"] == "folder":
                yield from _osf(item["relationships"]["files"]["links"]["related"]["href"])
            else:
                digest = about.get("extra", {}).get("hashes", {}).get("sha256", "")
                checksum = f"sha256:{digest}" if digest else ""
                path = about["materialized_path"].lstrip("/")
                yield PlainFile(item["links"]["download"], path, checksum, int(about.get("size") or 0))
        address = page["links"].get("next")


def _get(address: str) -> bytes:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, headers={"User-Agent": "n2s"}), timeout=60
        ) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise UserError(f"{address}: cannot be read ({error}). Is there a network here?") from None
