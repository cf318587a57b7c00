"""The page of a run's sounds, read as a file and driven in a headless browser."""

import base64
import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from chromium import PROGRAMS, Browser, find_browser

from n2s import __main__ as command
from n2s.errors import UserError
from n2s.report.listening_page import _codes, evenly, write_listening_page
from n2s.runs.predictions import read_manifest, write_manifest

RATE, METHODS = 16_000, ("coarse_to_fine", "exchanged")
TEXT = 'she said "</script><b>stop</b>", & left'


def write_sounds(folder: Path, *, n_clips: int = 3, seconds: float = 0.15, rate: int = RATE) -> pd.DataFrame:
    """predictions/<method>/<clip>.wav, each a tone of its own in a little noise, and their manifest."""
    rng = np.random.default_rng(0)
    time_s = np.arange(round(seconds * rate)) / rate
    rows = []
    for clip in range(n_clips):
        for i, method in enumerate(("stimulus", *METHODS)):
            path = folder / method / f"clip{clip}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = 0.5 * np.sin(2 * np.pi * (300 + 100 * clip + 1000 * i) * time_s)
            soundfile.write(path, tone + 0.01 * rng.standard_normal(len(tone)), rate)
            rows.append({"clip": path.stem, "method": method, "path": path, "text": TEXT, "subject": f"S{clip}"})
    table = pd.DataFrame(rows)
    write_manifest(folder, table)
    return table


def content_of(page: Path) -> dict:
    text = page.read_text("utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def sound_of(uri: str) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def pitch_hz(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio)).argmax() * RATE / len(audio))


@pytest.fixture
def run(tmp_path) -> Path:
    write_sounds(tmp_path / "exp" / "run" / "predictions")
    return tmp_path / "exp" / "run"


@pytest.fixture
def n2s(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["n2s", *map(str, words)])
        try:
            command.main()
            status = 0
        except SystemExit as stopped:
            status = stopped.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_manifest_comes_back_as_it_was_and_can_be_moved(run, tmp_path):
    table = read_manifest(run)
    assert (
        (run / "predictions" / "manifest.csv")
        .read_text()
        .splitlines()[1]
        .startswith("clip0,stimulus,stimulus/clip0.wav")
    )
    run.rename(tmp_path / "moved")
    moved = read_manifest(tmp_path / "moved")
    pd.testing.assert_frame_equal(moved.drop(columns="path"), table.drop(columns="path"))
    assert moved.path[0] == str(tmp_path / "moved" / "predictions" / "stimulus" / "clip0.wav")
    assert list(moved.text.unique()) == [TEXT]
    assert not list((tmp_path / "moved" / "predictions").glob(".*"))


def test_sounds_without_a_manifest_are_found_by_their_folders(run):
    (run / "predictions" / "manifest.csv").unlink()
    table = read_manifest(run / "predictions")
    assert len(table) == 9 and set(table.method) == {"stimulus", *METHODS} and (table.text == "").all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="method"), "no column method"),
        (lambda t: pd.concat([t, t[:1]]), "two sounds of 'stimulus'"),
        (
            lambda t: t.assign(path=t.path.where(t.index != 4, "nowhere.wav")),
            "1 of 9 sounds are missing, such as .*nowhere",
        ),
        (lambda t: t.assign(clip=t["clip"].where(t.index != 4, " ")), "row 5 has no clip"),
    ],
)
def test_a_wrong_manifest_is_told_when_written_and_when_read(run, change, said):
    folder = run / "predictions"
    good = (folder / "manifest.csv").read_bytes()
    table = change(pd.read_csv(folder / "manifest.csv", dtype=str))
    with pytest.raises(UserError, match=said):
        write_manifest(folder, table)
    assert (folder / "manifest.csv").read_bytes() == good
    table.to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(UserError, match=said):
        read_manifest(run)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match="neither manifest.csv nor a sound"):
        read_manifest(tmp_path)


def test_the_page_holds_the_sounds_and_only_the_key_tells_whose_they_are(run):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    text = written.path.read_text("utf-8")
    assert not any(method in text for method in METHODS)
    assert "http://" not in text and "https://" not in text and "default-src 'none'" in text
    assert written.n_bytes == written.path.stat().st_size and written.codec == "FLAC" and written.missing == {}
    key, content = json.loads(written.key.read_text()), content_of(written.path)
    assert key["page"] == content["page"] and sorted(key["methods"]) == content["codes"]
    assert content["title"] == "exp, run"
    for number, clip in enumerate(content["clips"]):
        assert (clip["clip"], clip["text"], clip["subject"]) == (f"clip{number}", TEXT, f"S{number}")
        for code, part in clip["sounds"].items():
            method = key["methods"].get(code, code)
            audio, rate = sound_of(part["sound"])
            original, _ = soundfile.read(run / "predictions" / method / f"clip{number}.wav")
            assert rate == RATE and part["s"] == pytest.approx(0.15)
            np.testing.assert_allclose(audio, original, atol=1.01 / 2**15)  # lossless


def test_spectrograms_show_the_tones(run):
    from PIL import Image

    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    key, clip = json.loads(written.key.read_text()), content_of(written.path)["clips"][0]
    rows = {}
    for code, part in clip["sounds"].items():
        image = Image.open(io.BytesIO(base64.b64decode(part["image"].partition("base64,")[2]))).convert("L")
        assert image.size == (16, 64)  # 10 ms frames of 0.15 s, both ends; mel bands
        rows[key["methods"].get(code, code)] = int(np.asarray(image, float).mean(1).argmax())
    mel = 2595 * np.log10(1 + np.array([50, 8000, 300, 1300, 2300]) / 700)
    wanted = 64 * (1 - (mel[2:] - mel[0]) / (mel[1] - mel[0]))
    np.testing.assert_allclose([rows["stimulus"], *(rows[method] for method in METHODS)], wanted, atol=1.5)


def test_codes_do_not_follow_the_order_of_the_methods(tmp_path):
    methods = list("abcde")
    drawn = [_codes(tmp_path / "none.json", methods) for _ in range(60)]
    assert all(list(codes) == methods and len(set(codes.values())) == 5 for codes in drawn)
    first = {min(codes, key=codes.get) for codes in drawn}  # on the page, codes stand in alphabetical order
    assert first == set(methods)  # one of five is never first in 60 with a chance of 8e-6
    assert len({code for codes in drawn for code in codes.values()}) > 200  # of 300, out of 19^3


def test_other_sounds_give_another_key_and_leave_the_first(run):
    first = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    kept = first.key.read_bytes()
    soundfile.write(run / "predictions" / "stimulus" / "clip0.wav", np.zeros(2400), RATE)
    second = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert second.key != first.key and first.key.read_bytes() == kept


def test_the_same_sounds_give_the_same_page_again(run):
    first = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    key, page = first.key.read_bytes(), first.path.read_bytes()
    again = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    assert again.key == first.key and again.key.read_bytes() == key and again.path.read_bytes() == page
    first.key.write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        write_listening_page(run / "listening.html", read_manifest(run), METHODS)


def test_a_page_too_large_is_compressed_then_refused(tmp_path):
    write_sounds(tmp_path, n_clips=4, seconds=1.5)
    table = read_manifest(tmp_path)
    full = write_listening_page(tmp_path / "page.html", table, METHODS).n_bytes
    small = write_listening_page(tmp_path / "page.html", table, METHODS, max_mb=0.9 * full / 1e6)
    assert small.codec == "Ogg Vorbis" and small.n_bytes < 0.7 * full
    audio, rate = sound_of(content_of(small.path)["clips"][1]["sounds"]["stimulus"]["sound"])
    assert rate == RATE and len(audio) == 1.5 * RATE and pitch_hz(audio) == pytest.approx(400, abs=1)
    page = small.path.read_bytes()
    with pytest.raises(UserError, match=r"more than max_mb=.*--max_clips (\d)") as told:
        write_listening_page(tmp_path / "page.html", table, METHODS, max_mb=0.7 * small.n_bytes / 1e6)
    assert small.path.read_bytes() == page
    fits = evenly(
        list(dict.fromkeys(table["clip"])), int(str(told.value).partition("--max_clips ")[2].partition(",")[0])
    )
    limit = 0.7 * small.n_bytes / 1e6
    assert 0 < len(fits) < 4
    assert write_listening_page(tmp_path / "few.html", table[table["clip"].isin(fits)], METHODS, max_mb=limit)


def test_clips_are_taken_evenly():
    assert evenly(list("abcdefghi"), 3) == ["a", "e", "i"]
    assert evenly(list("abc"), 7) == ["a", "b", "c"]


def spoil(table: pd.DataFrame, row: int, audio: np.ndarray, rate: int = RATE) -> pd.DataFrame:
    soundfile.write(table.path[row], audio, rate, subtype="FLOAT")
    return table


@pytest.mark.parametrize(
    ("change", "methods", "said"),
    [
        (lambda t: t, ("coarse_to_fin",), "no sound of method 'coarse_to_fin'.*Nearest: coarse_to_fine"),
        (lambda t: t, (), "expected each once, and one at least"),
        (lambda t: t.drop(index=3), METHODS, "1 of 3 clips have no stimulus, such as 'clip1'"),
        (lambda t: pd.concat([t, t[:1]]), METHODS, "two sounds of 'stimulus'"),
        (
            lambda t: spoil(t, 4, np.zeros(9000), 22050),
            METHODS,
            "different sampling rates: 16000 Hz .*; 22050 Hz .*clip1",
        ),
        (lambda t: spoil(t, 4, np.zeros(900)), METHODS, "0.056 s of sound; expected 0.1 s"),
        (lambda t: spoil(t, 4, np.full(9000, np.nan)), METHODS, "9000 of 9000 samples are NaN"),
    ],
)
def test_sounds_that_cannot_be_compared_are_told(run, change, methods, said):
    with pytest.raises(UserError, match=said):
        write_listening_page(run / "listening.html", change(read_manifest(run)), methods)
    assert not list(run.glob("listening*"))


def test_a_file_that_is_no_sound(run):
    (run / "predictions" / "exchanged" / "clip1.wav").write_text("no sound")
    with pytest.raises(UserError, match="clip1.wav: cannot be read as audio"):
        write_listening_page(run / "listening.html", read_manifest(run), METHODS)


def test_the_command_tells_what_is_missing(run, n2s):
    table = read_manifest(run).drop(index=4)
    write_manifest(run / "predictions", table)
    status, out, _ = n2s("listen", run)
    assert status == 0 and (run / "listening.html").is_file()
    assert "1 of 3 clips have no sound of 'coarse_to_fine'" in out and "(3 clips, 2 methods, 0.1 MB, FLAC)" in out
    status, out, _ = n2s("listen", run / "predictions", "--page", run / "two.html", "--max_clips", 2)
    assert [clip["clip"] for clip in content_of(run / "two.html")["clips"]] == ["clip0", "clip2"]
    assert n2s("listen", run, "--max_clips", 0)[0] == 2
    assert "no such folder" in n2s("listen", run / "nowhere")[2]


# ------------------------------------------------------------------------------------------------ in a browser


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


def test_a_session_from_the_first_sound_to_the_table(browser, run, n2s, tmp_path):
    written = write_listening_page(run / "listening.html", read_manifest(run), METHODS)
    page_id = content_of(written.path)["page"]
    begin(browser, written.path, " Ana  B. ")
    assert title(browser) == "Pair 1 of 6"
    browser.press("5")  # too early: nothing was heard
    hear(browser, "s", "stimulus")
    browser.press("5")
    assert browser.run("document.querySelector('#progress').textContent") == "Rater Ana B.0 of 6 rated"
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
    assert {(row["page"], row["rater"]) for row in rows} == {(page_id, "Ana B.")}
    assert [int(row["order"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[4]["time"] > rows[5]["time"] > rows[3]["time"] and rows[0]["time"].endswith("Z")
    assert [rows[i]["clip"] for i in (0, 2, 4)] == [
        rows[i]["clip"] for i in (1, 3, 5)
    ]  # the methods of a clip together

    file = browser.downloads / f"ratings_Ana_B__{page_id}.csv"
    status, out, _ = n2s("ratings", file, "--key", written.key, "--out", tmp_path / "out")
    assert status == 0 and "coarse_to_fine" in out
    found = json.loads((tmp_path / "out" / "ratings.json").read_text())
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
    for wrong, said in (("manifest.csv", "is no key"), ("other.json", "not the key of this page")):
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
