"""The page's own frame: one file that fetches nothing, tables and figures to take away, words explained, light and dark."""

import base64
import csv
import gzip
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from chromium import Browser, find_browser

from n2s.metrics.result import Drawing, Shown
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.report import picture
from n2s.report.figures import blank_panels
from n2s.report.frame import framed
from n2s.report.glossary import TERMS, appearing
from n2s.report.page import write_page
from n2s.report.picture import MOST_POINTS, svg_of
from n2s.report.table import scores_csv

ROWS = {"model": Row('a "model", mine'), "shuffled": Row("shuffled brain", "control")}
SCORES = Scores(
    ROWS,
    {"top10": Measure("top-10 (%)", 100, 1)},
    {
        "top10": {
            "model": {ALL: Score(2 / 3, 0.5, 0.75, "t"), "s/01": Score(0.123456789)},
            "shuffled": {ALL: Score(0.25), "s/01": Score(None)},
        }
    },
)


def drawing(n_points: int = 3) -> Drawing:
    figure, (axes,) = blank_panels(1, width=3, height=2)
    axes.plot(np.arange(n_points), label="Zwölf")
    axes.set_xlabel("time (s)")
    return Drawing("A line", figure, "A <caption>.")


def test_the_csv_of_scores_has_all_digits_of_everybody():
    rows = list(csv.DictReader(io.StringIO(scores_csv(SCORES))))
    assert [(row["row"], row["who"]) for row in rows] == [
        ('a "model", mine', ALL), ('a "model", mine', "s/01"), ("shuffled brain", ALL), ("shuffled brain", "s/01"),
    ]  # fmt: skip
    assert float(rows[0]["mean"]) == 2 / 3 and float(rows[0]["low"]) == 0.5 and rows[0]["interval"] == "t"
    assert float(rows[1]["mean"]) == 0.123456789 and rows[3]["mean"] == "" and rows[2]["role"] == "control"


def test_a_figure_is_svg_with_its_text_and_the_same_each_time():
    svg = svg_of(drawing().figure)
    assert svg == svg_of(drawing().figure)
    texts = {
        "".join(one.itertext()).strip() for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    }
    assert "time (s)" in texts
    assert svg_of(drawing(MOST_POINTS + 1).figure) is None


def test_headings_of_one_name_have_anchors_of_their_own():
    page = framed(
        "A <run>", [("Same, here", "<p>1</p>"), ("Same here", "<p>2</p>"), ("Glossary", "<p>the mean of 5</p>")]
    )
    anchors = re.findall(r'<section id="([^"]+)"', page)
    assert len(set(anchors)) == len(anchors) == 3 and re.findall(r'<a href="#([^"]+)"', page) == anchors
    assert "<title>A &lt;run&gt; · n2s</title>" in page


def test_only_words_that_appear_are_explained():
    assert [term.word for term in appearing("Top-5 beside no brain, with a 95% t interval")] == [
        "top-10 accuracy",
        "no brain",
        "interval",
    ]
    assert appearing("chances stop windowsill rank-free ceilings!")[-1].word == "ceiling"
    page = framed("x", [("One", '<p title="WER">CER</p><pre>AUC</pre>')])
    assert "<dt>CER</dt>" in page and "<dt>WER</dt>" not in page and "<dt>AUC</dt>" not in page


def test_terms_are_plain_sentences_and_each_once():
    assert len({term.word.lower() for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert term.meaning.endswith(".") and term.meaning.count(".") <= 4, term.word
        assert re.search(term.written, term.word, re.IGNORECASE) or term.word in (
            "r",
            "p",
            "CER",
            "WER",
            "PER",
            "fréchet distance",
        ), term.word


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_buttons_terms_and_theme_work_in_a_browser(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "svg_of", svg_of)  # tests of other pages leave it out
    shown = Shown(
        scores=SCORES,
        tables={"Each, of all": (["who", "r"], [["s/01", "0.5 (0.4 to 0.6)"], ["s/02", "-"]])},
        drawings=[drawing()],
    )
    page = write_page(tmp_path / "report.html", tmp_path, [shown], {})
    packed = re.search(r'class="svg">([^<]+)<', page.read_text("utf-8"))[1]
    assert gzip.decompress(base64.b64decode(packed)).startswith(b"<?xml")
    browser = Browser(find_browser(), tmp_path)
    try:
        browser.open(page.as_uri())
        browser.wait('document.querySelectorAll("div.tools button").length === 3')
        browser.run('document.querySelectorAll("div.tools button").forEach(one => one.click())')
        files = {"summary.csv", "summary_each_of_all.csv", "a_line.svg"}
        browser.wait('document.querySelectorAll("abbr.term").length > 1')
        for _ in range(100):
            if {one.name for one in browser.downloads.iterdir()} >= files:
                break
            browser.run("new Promise(done => setTimeout(done, 50))")
        assert (browser.downloads / "summary.csv").read_text("utf-8-sig") == scores_csv(SCORES)
        table = list(csv.reader(io.StringIO((browser.downloads / "summary_each_of_all.csv").read_text("utf-8-sig"))))
        assert table == [["who", "r", "r low", "r high"], ["s/01", "0.5", "0.4", "0.6"], ["s/02", "-", "", ""]]
        assert ElementTree.parse(browser.downloads / "a_line.svg").getroot().tag.endswith("svg")
        browser.run('document.querySelector("abbr.term").focus()')
        browser.wait('!document.getElementById("tip").hidden && document.getElementById("tip").textContent.length > 20')
        paper = "getComputedStyle(document.body).backgroundColor"
        browser.run('document.documentElement.dataset.theme = "light"')
        browser.run('document.getElementById("theme").click()')
        browser.wait(f'{paper} === "rgb(20, 24, 29)"')
        browser.open(page.as_uri())  # the choice is remembered
        browser.wait(f'{paper} === "rgb(20, 24, 29)"')
    finally:
        browser.close()
