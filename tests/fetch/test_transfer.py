"""Transfers from a real server on this machine that behaves badly."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.fetch.transfer import check_room, transfer
from n2s.studies.card import PlainFile

DATA = np.random.default_rng(0).bytes(3_000_000)


class Server(ThreadingHTTPServer):
    """``drop``: bytes after which the next answers end; ``ranges``: whether it can resume; ``data``, ``tag``: the file."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.tag, self.ranges, self.drop, self.asked, self.sent = DATA, '"one"', True, [], [], 0
        self.status = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data.bin"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status:
            self.send_error(server.status)
            return
        fresh = self.headers.get("If-Range") in (None, server.tag)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges and fresh else 0
        body = server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        self.end_headers()
        if server.drop:
            body = body[: server.drop.pop(0)]
            self.close_connection = True
        server.sent += len(body)
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    one = Server()
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


def plain(server, *, data=DATA, checksum=True, size=True):
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}" if checksum else ""
    return PlainFile(server.url, "sub-01/data.bin", digest, len(data) if size else 0)


def fetched(server, root, file=None, **options):
    heard = []
    path = transfer(file or plain(server), root, told=heard.append, wait_s=0.01, **options)
    return path, sum(heard)


@pytest.mark.parametrize("size", [True, False])
def test_a_dropped_connection_is_taken_up_where_it_broke(server, tmp_path, size):
    server.drop = [1_000_000, 700_000]
    path, heard = fetched(server, tmp_path, plain(server, size=size))
    assert path.read_bytes() == DATA and heard == len(DATA)
    assert server.asked[0] is None and len(server.asked) == 3
    assert all(one.startswith("bytes=") and one != "bytes=0-" for one in server.asked[1:])
    assert server.sent == len(DATA)  # not a byte twice
    assert [one.name for one in path.parent.iterdir()] == ["data.bin"]


def test_a_later_call_goes_on(server, tmp_path):
    server.drop = [1_000_000] + [0] * 20
    with pytest.raises(UserError, match="no byte more in 6 tries.*is kept"):
        fetched(server, tmp_path)
    assert not (tmp_path / "sub-01" / "data.bin").exists()
    server.drop, server.asked = [], []
    path, heard = fetched(server, tmp_path)
    assert path.read_bytes() == DATA and heard == len(DATA) and server.asked == ["bytes=1000000-"]
    server.asked = []
    assert fetched(server, tmp_path)[1] == len(DATA) and server.asked == []  # what is there is not asked for


def test_a_server_that_cannot_resume(server, tmp_path):
    server.ranges, server.drop = False, [1_000_000]
    path, heard = fetched(server, tmp_path)
    assert path.read_bytes() == DATA and heard == len(DATA)


def test_a_file_that_changed_in_between_is_begun_anew(server, tmp_path):
    server.drop = [1_000_000] + [0] * 20
    with pytest.raises(UserError):
        fetched(server, tmp_path)
    other = np.random.default_rng(1).bytes(2_000_000)
    server.data, server.tag, server.drop = other, '"two"', []
    path, heard = fetched(server, tmp_path, plain(server, data=other))
    assert path.read_bytes() == other and heard == len(other)


def test_a_wrong_checksum_is_thrown_away(server, tmp_path):
    file = plain(server, data=DATA[:-1] + b"!")
    with pytest.raises(UserError, match="sha256 .* was announced. It was thrown away"):
        fetched(server, tmp_path, file)
    assert list((tmp_path / "sub-01").iterdir()) == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_told_at_once(server, tmp_path, status):
    server.status = status
    with pytest.raises(UserError, match=f"the server answers {status}"):
        fetched(server, tmp_path)
    assert len(server.asked) == 1


def test_nothing_is_written_elsewhere(server, tmp_path):
    (tmp_path / "root").mkdir()
    with pytest.raises(UserError, match="leads out of"):
        transfer(PlainFile(server.url, "../evil.bin"), tmp_path / "root")


def test_no_room(tmp_path):
    with pytest.raises(UserError, match="GB are to come"):
        check_room([PlainFile("http://x", "a", size=10**18)], tmp_path)
