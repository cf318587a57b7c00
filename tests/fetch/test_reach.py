"""A server that is not there is said so within seconds; one that answers anything is there."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from n2s import studies
from n2s.errors import UserError
from n2s.fetch.reach import address_of, check_reachable
from n2s.fetch.run import download
from n2s.studies.card import Files, PlainFile, Wall


class Refusing(BaseHTTPRequestHandler):
    """Answers, and refuses."""

    def do_HEAD(self):
        self.send_error(403)

    def log_message(self, *_):
        pass


class Silent(BaseHTTPRequestHandler):
    """Takes the question and says nothing for a while."""

    def do_HEAD(self):
        time.sleep(1.0)

    def log_message(self, *_):
        pass


@pytest.fixture
def address(request):
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/x"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", [Refusing], indirect=True)
def test_a_server_that_refuses_is_there(address):
    check_reachable(address)


@pytest.mark.parametrize("address", [Silent], indirect=True)
def test_a_server_that_says_nothing_is_not_there(address):
    with pytest.raises(UserError, match="cannot be reached from here"):
        check_reachable(address, wait_s=0.1)


def test_a_download_without_network_ends_before_a_folder_is_made(tmp_path):
    begun = time.monotonic()
    with pytest.raises(
        UserError, match=r"127\.0\.0\.1:1 cannot be reached .* Run the command where there is a network"
    ):
        download(Files((PlainFile("http://127.0.0.1:1/a.bin", "a.bin"),)), tmp_path / "root")
    assert time.monotonic() - begun < 5 and not (tmp_path / "root").exists()


def test_every_data_set_has_an_address_to_ask():
    cards = [getattr(studies, name).card for name in studies.__all__ if getattr(getattr(studies, name), "card", None)]
    addresses = {address_of(card.source) for card in cards if not isinstance(card.source, Wall)}
    assert len(addresses) >= 8 and all(one.startswith("https://") for one in addresses)


def test_jobs_are_checked(tmp_path):
    with pytest.raises(UserError, match="jobs is 0; expected a whole number from 1 on"):
        download(Wall(("ask",)), tmp_path, jobs=0)
