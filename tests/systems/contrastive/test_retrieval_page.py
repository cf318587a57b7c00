import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from planted import planted_result, planted_run, with_attention, write_tones

from n2s.commands.report import report
from n2s.errors import UserError
from n2s.training.results import write_reports

SECTIONS = [
    "Summary",
    "Accuracy by subject",
    "Accuracy by rank",
    "Spatial attention",
    "Similarity of brain and speech",
    "Segments as spectrograms",
    "Segments to listen to",
    "Learning curves",
    "Throughput",
    "Configuration and origin",
]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    audio = write_tones(tmp_path_factory.mktemp("audio"), ("kites", "harbour"))
    return with_attention(planted_result(audio=audio))


@pytest.fixture(scope="module")
def tested(tmp_path_factory, result):
    return planted_run(tmp_path_factory.mktemp("runs") / "meg_contrastive" / "first", test=result)


@pytest.fixture(scope="module")
def page(tested):
    return written(tested)


@pytest.fixture
def run_dir(tested, tmp_path):
    return shutil.copytree(tested, tmp_path / "run")


def written(run_dir) -> str:
    (page,) = write_reports(run_dir)
    return page.read_text()


def headings(page: str) -> list[str]:
    found = re.findall(r'<section id="[^"]+"><h2>(.*?)</h2>', page)
    assert found + ["Glossary"] == re.findall(r'<li><a href="#[^"]*">(.*?)</a>', page)
    return found


@pytest.mark.slow
def test_the_sections_stand_in_reading_order_in_one_small_file(page):
    assert headings(page) == SECTIONS
    assert len(page) < 6_000_000
    assert page.count("data:image/webp;base64,") == 6
    assert page.count("<audio") == 5 * 4


def test_the_page_stands_alone(page):
    fetched = []

    class Fetched(HTMLParser):
        def handle_starttag(self, tag, attrs):
            named = dict(attrs)
            fetched.extend(named[key] for key in ("src", "srcset") if key in named)
            fetched.extend([named["href"]] if tag == "link" else [])

    Fetched().feed(page)
    assert len(fetched) == 1 + 6 + 20  # mark, figures, sounds
    assert all(address.startswith("data:") for address in fetched)
    assert not re.findall(r"@import\s+['\"u]|url\(['\"]?https?:", page)


def test_the_headline_and_its_controls_are_the_numbers_of_metrics_json(tested, page):
    summary = json.loads((tested / "metrics.json").read_text())["test"]
    for row in ("model", "shuffled", "no_brain", "ceiling"):
        assert f"{100 * summary[row]['top10']['mean']:.1f}%" in page
    assert f"{100 * summary['model']['top1']['low']:.1f} to {100 * summary['model']['top1']['high']:.1f}%" in page
    assert "160 brain windows of 4 subjects (planted)" in page
    assert "40 unique segments of 3.0 s from 2 held-out stories" in page
    assert "is outside the" in page


def test_texts_are_escaped(page):
    assert "words of kites &lt;" in page
    assert "words of kites <" not in page
    assert "&lt;b&gt;5 &gt; 3 &amp; 2&lt;/b&gt;" in page
    assert "<td>git: commit</td><td>0123abc</td>" in page
    assert "9f8e19" in page


@pytest.mark.slow
def test_the_command_writes_it_again_and_says_what_is_missing(run_dir, capsys):
    (run_dir / "metrics.csv").unlink()
    (run_dir / "report.html").unlink(missing_ok=True)
    scores = (run_dir / "metrics.json").read_text()
    report(run_dir)
    assert str(run_dir / "report.html") in capsys.readouterr().out
    page = (run_dir / "report.html").read_text()
    assert headings(page) == SECTIONS
    assert page.count("Left out: the run has no metrics.csv") == 2
    assert (run_dir / "metrics.json").read_text() == scores


@pytest.mark.slow
def test_two_test_sets_are_named_and_noise_is_inside_chance(result, tmp_path):
    other = replace(planted_result(n_subjects=1, with_ideal=False, noise=1e6, seed=5), n_permutations=5)
    run_dir = planted_run(tmp_path / "run", test=result, unseen=other)
    page = written(run_dir)
    found = headings(page)
    assert found[0] == "Summary: test" and found[7] == "Summary: unseen"
    assert len(found) == 7 + 5 + 3  # the other set has no sounds and no attention
    assert "no ceiling is known" in page
    assert page.index("is outside the range") < page.index("is inside the range")
    assert "corrected for 12 tests on this page" in page  # two rows, three accuracies, two sets


@pytest.mark.slow
def test_notes_are_below_the_scores(result, tmp_path):
    line = np.linspace(0, 1, 306)[:, None].repeat(2, 1)
    noted = replace(
        result, sounds=["LEAK? 'a' <one> & 'b'"], gaps=["a gap"], scaled_by=["itself"], sensor_positions=line
    )
    page = written(planted_run(tmp_path / "run", test=noted))
    assert "LEAK? &#x27;a&#x27; &lt;one&gt; &amp; &#x27;b&#x27;" in page
    assert "a gap" in page and "brain scaled by: itself" in page and "no map of the spatial attention" in page
    assert "Spatial attention" not in headings(page)


@pytest.mark.slow
def test_a_failed_report_leaves_the_old_one(run_dir, monkeypatch):
    (run_dir / "report.html").write_text("old")

    write = Path.write_text

    def full_disk(path, text, *rest, **options):
        if "report.html" not in path.name:
            return write(path, text, *rest, **options)
        write(path, text[:100], *rest, **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_reports(run_dir)
    assert (run_dir / "report.html").read_text() == "old"
    assert not list(run_dir.glob(".*part"))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("", "no such folder"),
        ("run.json", "not a run folder"),
        ("test/test/arrays.npz", r"no arrays\.npz"),
        ("test/test/windows.parquet", "cannot be read"),
    ],
)
def test_what_is_no_tested_run_is_refused(run_dir, lost, message):
    if lost:
        (run_dir / lost).unlink()
    with pytest.raises(UserError, match=message):
        report(run_dir if lost else run_dir / "nowhere")


def test_damaged_scores_are_refused(run_dir):
    record = (run_dir / "run.json").read_text()
    (run_dir / "run.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        write_reports(run_dir)
    (run_dir / "run.json").write_text(record.replace('"results"', '"no_results"'))
    with pytest.raises(UserError, match="no results yet"):
        write_reports(run_dir)
    (run_dir / "run.json").write_text(record)
    np.savez(run_dir / "test" / "test" / "arrays.npz", similarity=np.zeros(3))
    with pytest.raises(UserError, match="cannot be read"):
        write_reports(run_dir)
