"""Listings of the two archives, as they answer, from a server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest

from n2s.errors import UserError
from n2s.fetch.listing import files_of
from n2s.fetch.run import of_subjects
from n2s.studies.card import OSF, OpenNeuro, PlainFile

SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def s3(query):
    """Two pages."""
    assert query["prefix"] == ["ds1/"]
    if "continuation-token" not in query:
        items = "<Contents><Key>ds1/README</Key><Size>5</Size><ETag>&quot;0a1b&quot;</ETag></Contents>"
        return f"<ListBucketResult {SPACE}>{items}<NextContinuationToken>t/2</NextContinuationToken></ListBucketResult>"
    assert query["continuation-token"] == ["t/2"]
    items = "<Contents><Key>ds1/sub-01/a b.fif</Key><Size>7</Size><ETag>&quot;0a1b-3&quot;</ETag></Contents>"
    return f"<ListBucketResult {SPACE}>{items}</ListBucketResult>"


def osf(path, base):
    """A folder with a file, and a second page."""

    def file(name, size):
        about = {"kind": "file", "materialized_path": name, "size": size, "extra": {"hashes": {"sha256": "ff"}}}
        return {"attributes": about, "links": {"download": f"{base}/get{name}"}}

    folder = {
        "attributes": {"kind": "folder"},
        "relationships": {"files": {"links": {"related": {"href": f"{base}/inside"}}}},
    }
    pages = {
        "/nodes/p1/files/osfstorage/": ([folder], f"{base}/second"),
        "/inside": ([file("/sub-01/x.con", 3)], None),
        "/second": ([file("/participants.tsv", 4)], None),
    }
    data, following = pages[path]
    return json.dumps({"data": data, "links": {"next": following}})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        base = f"http://127.0.0.1:{self.server.server_port}"
        address = urlparse(self.path)
        text = s3(parse_qs(address.query)) if address.path == "/bucket" else osf(address.path, base)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def base():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_openneuro(base):
    found = files_of(OpenNeuro("ds1"), openneuro=f"{base}/bucket")
    assert found == [
        PlainFile(f"{base}/bucket/ds1/README", "README", "md5:0a1b", 5),
        PlainFile(f"{base}/bucket/ds1/sub-01/a%20b.fif", "sub-01/a b.fif", "", 7),
    ]


def test_osf(base):
    found = files_of(OSF(("p1",)), osf=base)
    assert [(one.path, one.size, one.checksum) for one in found] == [
        ("sub-01/x.con", 3, "sha256:ff"),
        ("participants.tsv", 4, "sha256:ff"),
    ]


def test_no_network():
    with pytest.raises(UserError, match="Is there a network here"):
        files_of(OSF(("p1",)), osf="http://127.0.0.1:1")


def test_some_subjects():
    files = [PlainFile("", "participants.tsv"), PlainFile("", "sub-01/a"), PlainFile("", "sub-02/a")]
    assert [one.path for one in of_subjects(files, ["sub-02"])] == ["participants.tsv", "sub-02/a"]
    with pytest.raises(UserError, match="no subject 03; there are 01, 02"):
        of_subjects(files, ["03"])
