"""Files beside a page: only those that exist are linked, with a path that works from the page."""

import json
from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.training.results import write_reports


@dataclass
class WithMap(Result):
    value: float

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "maps").mkdir()
        (folder / "maps" / "a map.html").write_text("<p>a map</p>")

    def scores(self) -> Scores:
        measure = Measure("level", uncontrolled="a test of links")
        return Scores({"model": Row("model")}, {"level": measure}, {"level": {"model": {ALL: Score(self.value)}}})

    def shown(self) -> list[Shown]:
        return [Shown(scores=self.scores(), files={"Map <1>": "maps/a map.html", "absent": "maps/none.html"})]


def test_links_lead_from_the_page_to_the_files(tmp_path):
    of = f"{WithMap.__module__}:WithMap"
    results = {"test": {"": of, "other": of}, "predict": {"": of}}
    started = {"id": "a", "status": "finished", "started": "2026-01-01T00:00:00", "started_from": "", "resumed": []}
    (tmp_path / "run.json").write_text(json.dumps(started | {"results": results}))
    for name in ("test", "test/other", "predictions/result"):
        WithMap(0.5).save(tmp_path / name)
    pages = {page.parent: page.read_text("utf-8") for page in write_reports(tmp_path)}
    assert {"test/maps/a%20map.html", "test/other/maps/a%20map.html"} <= _links(pages[tmp_path])
    assert "result/maps/a%20map.html" in _links(pages[tmp_path / "predictions"])
    for folder, page in pages.items():
        assert "Map &lt;1&gt;" in page and "none.html" not in page
        assert all((folder / link.replace("%20", " ")).is_file() for link in _links(page) if link.endswith("map.html"))


def _links(page: str) -> set[str]:
    return {part.split('"')[0] for part in page.split('<a href="')[1:]}
