import json
import re
import shutil
from html.parser import HTMLParser

import mne
import numpy as np
import pytest
from planted import planted_result, planted_run, write_tones

from n2s.commands.report import report
from n2s.errors import UserError
from n2s.report import write_report
from n2s.systems.contrastive.summary import summarize

SECTIONS = [
    "Summary",
    "Accuracy by subject",
    "Accuracy by rank",
    "Learning curves",
    "Throughput",
    "Spatial attention",
    "Similarity of brain and speech",
    "Segments as spectrograms",
    "Segments to listen to",
    "Configuration and origin",
]


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    audio = write_tones(tmp_path_factory.mktemp("audio"), ("kites", "harbour"))
    return planted_run(tmp_path_factory.mktemp("runs") / "meg_contrastive" / "first", planted_result(audio=audio))


@pytest.fixture(scope="module")
def page(tested):
    return write_report(tested).read_text()


@pytest.fixture
def run_dir(tested, tmp_path):
    return shutil.copytree(tested, tmp_path / "run")


def headings(page: str) -> list[str]:
    found = re.findall(r'class="accordion-button.*?<a href="#[^"]*"[^>]*>(.*?)</a>', page, flags=re.DOTALL)
    return [heading.strip() for heading in found]


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
            fetched.extend([named[key] for key in ("src", "srcset") if key in named] + [tag] * (tag == "link"))

    Fetched().feed(page)
    assert len(fetched) == 1 + 6 + 20  # logo, figures, sounds
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


def test_the_command_writes_it_again_and_tells_what_is_missing(run_dir, capsys):
    for name in ("metrics.csv", "run.json", "test/attention.npz"):
        (run_dir / name).unlink()
    (run_dir / "report.html").unlink(missing_ok=True)
    report(run_dir)
    assert str(run_dir / "report.html") in capsys.readouterr().out
    page = (run_dir / "report.html").read_text()
    assert headings(page) == SECTIONS
    for name in ("metrics.csv", "run.json", "test/attention.npz"):
        assert re.search(f"Left out: the run has no {name}", page)


def test_two_test_sets_are_named_and_noise_is_said_to_be_inside_chance(run_dir):
    other = planted_result(n_subjects=1, with_ideal=False, noise=1e6, seed=5)
    other.save(run_dir / "test" / "unseen")
    summaries = json.loads((run_dir / "metrics.json").read_text())
    summaries["unseen"] = summarize(other, seed=0, n_permutations=5)
    (run_dir / "metrics.json").write_text(json.dumps(summaries))
    page = write_report(run_dir).read_text()
    found = headings(page)
    assert found[:2] == ["Summary: test", "Summary: unseen"]
    assert len(found) == 6 + 5 + 4  # the other set has no sounds
    assert "no ceiling is known" in page
    assert page.index("is outside the") < page.index("is inside the")


def test_sounds_that_are_alike_are_told_below_the_scores(run_dir):
    summaries = json.loads((run_dir / "metrics.json").read_text())
    summaries["test"]["sounds"] = ["LEAK? 'a' <one> & 'b'"]
    (run_dir / "metrics.json").write_text(json.dumps(summaries))
    assert "LEAK? &#x27;a&#x27; &lt;one&gt; &amp; &#x27;b&#x27;" in write_report(run_dir).read_text()


def test_a_failed_report_leaves_the_old_one(run_dir, monkeypatch):
    (run_dir / "report.html").write_text("old")

    def full_disk(self, path, **_):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mne.Report, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_report(run_dir)
    assert (run_dir / "report.html").read_text() == "old"
    assert not list(run_dir.glob(".*part"))


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("", "no such folder"),
        ("config.yaml", "no run folder"),
        ("metrics.json", "not tested yet"),
        ("test/test.npz", r"no test\.npz"),
    ],
)
def test_what_is_no_tested_run_is_refused(run_dir, lost, told):
    if lost:
        (run_dir / lost).unlink()
    with pytest.raises(UserError, match=told):
        report(run_dir if lost else run_dir / "nowhere")


def test_damaged_scores_are_refused(run_dir):
    (run_dir / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: not JSON"):
        write_report(run_dir)
    (run_dir / "metrics.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        write_report(run_dir)
    np.savez(run_dir / "test" / "test.npz", scores=np.zeros(3))
    (run_dir / "metrics.json").write_text('{"test": {"seed": 0}}')
    with pytest.raises(UserError, match="cannot be read"):
        write_report(run_dir)
