import re

import numpy as np
import pytest
from chromium import Browser, find_browser

from n2s.metrics.result import ReadAlong, Shown, TimedWord
from n2s.report.page import write_page
from n2s.report.reading import reading_html

SAID = [TimedWord(time_s, f"w{time_s:g}") for time_s in (3.0, 4.5, 5.0, 12.0, 29.9)]
DECODED = [TimedWord(3.2, "w3", "good"), TimedWord(11.0, "<b>&", "none")]


def text(start_s=2.0, samples=None):
    return ReadAlong("Read", "A <note>.", {"said": SAID, "S1": DECODED}, start_s, 30.0, {"good": "same"}, samples, 8000)


def test_words_lie_in_lines_of_time():
    html = reading_html(text())
    lines = re.findall(r"<tr.*?</tr>", html)
    assert len(lines) == 2 * 3  # 2 to 30 s in lines of 10 s
    cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", lines[0])]
    assert cells == ["w3", "w4.5 w5", "", "", ""]
    assert re.findall(r"<br>(\d:\d\d)<", html) == ["0:02", "0:12", "0:22"]
    assert '<span data-t="3.20" class="good">w3</span>' in html and "&lt;b&gt;&amp;" in html and "&lt;note&gt;" in html
    assert "<audio" not in html and "No sound" in html


def test_a_sound_has_a_player():
    html = reading_html(text(samples=np.zeros(8000, np.float32)))
    assert html.count("<audio") == 1 and "No sound" not in html and 'data-start="2.000"' in html


def test_no_words_and_no_time():
    html = reading_html(ReadAlong("Read", "", {"said": []}, 5.0, 5.0))
    assert html.count("<tr") == 1 and "<span data-t" not in html


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_the_mark_moves_with_the_sound(tmp_path):
    page = write_page(
        tmp_path / "report.html", tmp_path, [Shown(reading=[text(samples=np.zeros(30 * 8000, np.float32))])], {}
    )
    browser = Browser(find_browser(), tmp_path)
    try:
        browser.open(page.as_uri())
        now = '[...document.querySelectorAll("div.n2s-read span.now")].map(one => one.textContent).join(" ")'
        browser.run('void (document.querySelector("div.n2s-read audio").currentTime = 9.5)')  # 11.5 s of the story
        browser.wait(f'{now} === "w5 <b>&"')
        browser.run('document.querySelectorAll("div.n2s-read table span[data-t]")[1].click()')
        browser.wait(f'{now}.startsWith("w4.5 w3")')
    finally:
        browser.close()
