"""The page of a run's sounds in a headless browser: compared, rated, exported, summarised."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from chromium import PROGRAMS, Browser, find_browser
from method_sounds import METHODS, TEXT, content_of, write_sounds

from n2s.listening.manifest import read_manifest
from n2s.listening.page import write_listening_page


@pytest.fixture
def run(tmp_path) -> Path:
    write_sounds(tmp_path / "exp" / "run" / "predictions")
    return tmp_path / "exp" / "run"


@pytest.fixture
def n2s(run_n2s):
    return run_n2s


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    browser = Browser(program, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def begin(browser: Browser, page: Path, rater: str) -> None:
    browser.open(f"{page.as_uri()}#rate")
    browser.run("document.getElementById('rater').focus()")
    browser.type(rater)
    browser.press("Enter")


def hear(browser: Browser, key: str, which: str) -> None:
    browser.press(key)
    browser.wait(f"document.querySelector('#{which} .state').textContent === 'heard'")


def title(browser: Browser) -> str:
    return browser.run("document.querySelector('h2').textContent")


def exported(browser: Browser, name: str) -> list[dict]:
    browser.run("[...document.querySelectorAll('.steps button')].find((b) => b.textContent === 'Export CSV').click()")
    with open(browser.downloaded(name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_session_from_the_first_sound_to_the_table(browser, run, n2s, tmp_path):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    page_id = content_of(written.path)["page"]
    begin(browser, written.path, ' Ana,  "B" ')
    assert title(browser) == "Pair 1 of 6"
    browser.press("5")  # too early: nothing was heard
    hear(browser, "s", "stimulus")
    browser.press("5")
    assert browser.run("document.querySelector('#progress').textContent") == 'Rater Ana, "B"0 of 6 rated'
    browser.press("Enter")
    assert title(browser) == "Pair 1 of 6"
    given = [3, 7, 1, 6, 2, 5]
    for number, rating in enumerate(given):
        assert title(browser) == f"Pair {number + 1} of 6"
        hear(browser, "s", "stimulus")
        hear(browser, "r", "reconstruction")
        browser.press(str(rating))
        if number == 2:
            browser.reload()  # goes on at the first pair that is not rated
            assert title(browser) == "Pair 4 of 6"
        else:
            browser.press("Enter" if number % 2 else "ArrowRight")
    assert title(browser) == "All pairs are rated. Thank you!"
    for _ in range(2):
        browser.press("ArrowLeft")
    browser.press("4")  # the fifth again, without hearing it again
    given[4] = 4
    rows = exported(browser, f"ratings_Ana_B__{page_id}.csv")
    assert list(rows[0]) == ["page", "rater", "clip", "method", "rating", "time", "order"]
    assert [int(row["rating"]) for row in rows] == given
    assert {(row["page"], row["rater"]) for row in rows} == {(page_id, 'Ana, "B"')}
    assert [int(row["order"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[4]["time"] > rows[5]["time"] > rows[3]["time"] and rows[0]["time"].endswith("Z")
    assert [rows[i]["clip"] for i in (0, 2, 4)] == [
        rows[i]["clip"] for i in (1, 3, 5)
    ]  # the methods of a clip together

    file = browser.downloads / f"ratings_Ana_B__{page_id}.csv"
    status, out, _ = n2s("ratings", file, "--key", written.key, "--out", tmp_path / "out")
    assert status == 0 and "decoded" in out and "note" not in out
    found = json.loads((tmp_path / "out" / "ratings.json").read_text())
    assert list(found["methods"]["decoded"]["per_rater"]) == ['Ana, "B"']
    names = json.loads(written.key.read_text())["methods"]
    for method in METHODS:
        own = [int(row["rating"]) for row in rows if names[row["method"]] == method]
        assert len(own) == 3 and found["methods"][method]["mean"] == pytest.approx(np.mean(own))
    assert browser.complaints() == []
    assert {address.partition(":")[0] for address in browser.requests()} <= {"file", "data", "blob"}


def test_each_rater_has_an_order_of_their_own_and_always_the_same(browser, tmp_path):
    write_sounds(tmp_path, n_clips=8, seconds=0.1)
    written = write_listening_page(tmp_path / "page.html", read_manifest(tmp_path), METHODS)
    orders, page_id = {}, content_of(written.path)["page"]
    for rater in ("ana", "ben", "cleo"):
        begin(browser, written.path, rater)
        rows = exported(browser, f"ratings_{rater}_{page_id}.csv")
        orders[rater] = [(row["clip"], row["method"]) for row in rows]
        assert {row["rating"] for row in rows} == {""} == {row["time"] for row in rows}  # nothing is rated yet
        browser.run("sessionStorage.clear()")
    assert len({tuple(order) for order in orders.values()}) == 3
    assert len({tuple(sorted(order)) for order in orders.values()}) == 1 and len(set(orders["ana"])) == 16
    first = [method for order in orders.values() for _, method in order[::2]]
    assert 5 < first.count(first[0]) < 19  # which method comes first in a clip is random too
    again = browser.run("orderOf('ana').map(([clip, code]) => [clip.clip, code])")
    assert [tuple(trial) for trial in again] == orders["ana"]


def test_names_of_methods_come_with_the_key_alone(browser, run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    browser.open(written.path.as_uri())

    def captions():
        return browser.run("[...document.querySelectorAll('figcaption span:first-child')].map((s) => s.textContent)")

    codes = content_of(written.path)["codes"]
    assert captions() == ["stimulus", *(f"method {code}" for code in codes)] * 3
    assert browser.run("document.querySelector('section p').textContent") == f"“{TEXT}”"
    for wrong, said in (("manifest.csv", "is not a key"), ("other.json", "not the key of this page")):
        path = run / "predictions" / wrong
        if wrong == "other.json":
            path.write_text(json.dumps({"page": "another", "methods": dict.fromkeys(codes, "x")}))
        browser.choose_file("input[type=file]", path)
        browser.wait(f"document.getElementById('keynote').textContent.includes('{said}')")
    browser.choose_file("input[type=file]", written.key)
    browser.wait("document.getElementById('keynote').textContent.includes('are shown')")
    assert captions() == ["stimulus", *METHODS] * 3
    browser.reload()
    assert captions() == ["stimulus", *METHODS] * 3
    browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Hide names').click()")
    assert captions()[1:3] == [f"method {code}" for code in codes]
    assert browser.complaints() == []


@pytest.mark.slow
def test_clips_are_heard_by_keys(browser, run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    browser.open(written.path.as_uri())
    for key, clip in (("ArrowDown", 0), ("j", 1), ("ArrowDown", 2), ("ArrowDown", 2), ("k", 1)):
        browser.press(key)
        assert browser.run("[...document.querySelectorAll('section')].indexOf(document.activeElement)") == clip
    codes = content_of(written.path)["codes"]
    for key, code in (("0", "stimulus"), ("1", codes[0]), ("2", codes[1])):
        browser.press(key)
        assert browser.run("audio.src === DATA.clips[1].sounds['" + code + "'].sound") is True
        browser.wait("playing === null")  # it came to its end
    assert browser.run("audio.duration") == pytest.approx(0.15, abs=0.001)


@pytest.mark.slow
def test_ratings_can_be_exported_where_the_browser_keeps_nothing(browser, run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    refuse = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {get() { throw new Error('no') }})"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=refuse)["identifier"]
    begin(browser, written.path, "dora")
    hear(browser, "s", "stimulus")
    hear(browser, "r", "reconstruction")
    browser.press("2")
    assert "does not keep ratings" in browser.run("document.querySelector('#progress').textContent")
    rows = exported(browser, f"ratings_dora_{content_of(written.path)['page']}.csv")
    assert [row["rating"] for row in rows] == ["2", "", "", "", "", ""]
    browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    browser.run("window.onbeforeunload = null; session = null")
