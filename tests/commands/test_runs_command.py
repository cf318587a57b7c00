"""``n2s runs``: what it lists, and what it deletes and does not."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from n2s.metrics.result import Result, Shown, record
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.metrics.verdict import Claim
from n2s.training import listing
from n2s.training.run import Run


def write(experiment, name, status, *, started="2026-01-01T00:00:00+00:00", files=(), scores=None, **more) -> Run:
    run = Run(Path("checkpoints") / experiment / name)
    run.folder.mkdir(parents=True)
    run.update(id=name, status=status, started=started, started_from=None, resumed=[], **more)
    for file in files:
        path = run.folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"0" * 1000)
    if scores:
        rows = {row: {"all subjects": {"mean": mean}} for row, mean in scores.items()}
        (run.folder / "metrics.json").write_text(json.dumps({"test": {"scores": {"top1": rows}}}))
        run.update(results={"test": {"test": "x:Y"}})
    return run


@pytest.fixture
def some(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    both = ("best.ckpt", "last.ckpt", "wandb/x")
    write("meg", "tested", "finished", files=both, scores={"model": 0.5, "linear": 0.3, "chance": 0.125})
    write("meg", "stopped", "unfinished", started="2026-01-02T00:00:00+00:00", files=both)
    write("meg", "only_last", "finished", started="2026-01-03T00:00:00+00:00", files=("last.ckpt",), validates=False)
    broken = Path("checkpoints/fmri/broken")
    broken.mkdir(parents=True)
    (broken / "run.json").write_text("{")


def test_table_and_json(some, run_n2s):
    status, out, _ = run_n2s("runs")
    assert status == 0
    (line,) = [line.split() for line in out.splitlines() if " tested " in line and "run" not in line]
    assert [line[0], line[1]] == ["tested", "tested"]
    assert "top1 0.5  chance 0.125" in out
    assert "4 runs (" in out
    told = {one["run"]: one for one in json.loads(run_n2s("runs", "--json")[1])}
    states = {name: one["state"] for name, one in told.items()}
    assert states == {"tested": "tested", "stopped": "stopped", "only_last": "finished", "broken": "damaged"}
    assert (told["tested"]["value"], told["tested"]["control"], told["tested"]["control_name"]) == (
        0.5,
        0.125,
        "chance",
    )
    assert told["stopped"]["n_bytes"] > 3000
    assert [one["run"] for one in json.loads(run_n2s("runs", "--experiment", "fmri", "--json")[1])] == ["broken"]


def test_clean_asks_and_takes_only_what_is_not_needed(some, run_n2s):
    status, _, err = run_n2s("runs", "--clean")
    assert status == 2
    assert "Nobody can be asked here: add --yes. Nothing was deleted." in err
    assert Path("checkpoints/meg/tested/last.ckpt").exists()
    status, out, _ = run_n2s("runs", "--clean", "--yes")
    assert status == 0
    assert "2 kB are free" in out
    kept = sorted(str(path.relative_to("checkpoints/meg")) for path in Path("checkpoints/meg").rglob("*.ckpt"))
    assert kept == ["only_last/last.ckpt", "stopped/best.ckpt", "stopped/last.ckpt", "tested/best.ckpt"]
    assert Path("checkpoints/meg/stopped/wandb").is_dir()
    assert "nothing to clean" in run_n2s("runs", "--clean")[1]


def test_delete(some, run_n2s):
    with Run(Path("checkpoints/meg/stopped")).lock():
        assert listing.listed(Run(Path("checkpoints/meg/stopped"))).state == "running"
        status, _, err = run_n2s("runs", "--delete", "stopped", "--yes")
        assert status == 2
        assert "a process trains in" in err
    assert Path("checkpoints/meg/stopped").is_dir()
    assert run_n2s("runs", "--delete", "stopped", "--yes")[0] == 0
    assert not Path("checkpoints/meg/stopped").exists()
    assert run_n2s("runs", "--delete", "checkpoints/fmri/broken", "--yes")[0] == 0
    assert not Path("checkpoints/fmri").exists()  # the last run of its experiment
    assert "Nearest: tested" in run_n2s("runs", "--delete", "testd", "--yes")[2]


def test_nothing_yet(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    assert run_n2s("runs")[1].startswith("no runs in checkpoints yet. Next: n2s fit")
    assert run_n2s("runs", "--experiment", "x")[0] == 2


@pytest.mark.parametrize(
    ("n", "said"), [(12, "12 B"), (1200, "1.2 kB"), (3_456_000, "3.46 MB"), (7_000_000_000, "7 GB")]
)
def test_sizes(n, said):
    assert listing.told_bytes(n) == said


def test_scores_are_those_of_the_table(tmp_path):
    """Percent and ranks from 1, as the page has them; a run of an older n2s shows its plain numbers."""
    file = tmp_path / "metrics.json"
    rows = {"model": Row("model"), "chance": Row("chance", "control")}
    values = {"rank": {row: {ALL: Score(mean)} for row, mean in (("model", 1.5), ("chance", 39.5))}}
    scores = Scores(rows, {"rank": Measure("median rank", digits=1, higher_is_better=False, first=1)}, values)
    content = {"scores": scores.plain(), "format": scores.described()}
    file.write_text(json.dumps({"test": content}))
    assert listing._score(file) == ("rank", 1.5, "chance", 39.5, "median rank 2.5", "chance 40.5")
    assert (
        Scores.read(**dict(zip(("plain", "described"), json.loads(json.dumps(content)).values(), strict=True)))
        == scores
    )
    file.write_text(json.dumps({"test": {"scores": scores.plain()}}))
    assert listing._score(file)[-2:] == ("rank 1.5", "chance 39.5")


def test_the_score_is_the_one_that_the_verdict_is_about(tmp_path):
    """A page that says "top-10 is above chance" and a list that shows top-1 would tell two stories."""
    file = tmp_path / "metrics.json"
    rows = {"model": Row("model"), "ridge": Row("ridge"), "chance": Row("chance", "control")}
    top1 = {row: {ALL: Score(mean)} for row, mean in (("model", 0.1), ("ridge", 0.2), ("chance", 0.01))}
    top10 = {row: {ALL: Score(mean, mean - 0.05, mean + 0.05)} for row, mean in (("model", 0.6), ("ridge", 0.7))}
    measures = {"top1": Measure("top-1 (%)", 100, 1), "top10": Measure("top-10 (%)", 100, 1)}
    scores = Scores(rows, measures, {"top1": top1, "top10": top10 | {"chance": {ALL: Score(0.1)}}})

    @dataclass
    class Found(Result):
        def scores(self):
            return scores

        def shown(self):
            return [Shown(), Shown(scores=scores, claim=Claim(score="top10", row="ridge"))]

    entry = record(Found())
    assert entry["judgement"]["sentences"][0].startswith("Above chance and every control: top-10 accuracy of 'ridge'")
    assert {key: entry["judgement"][key] for key in ("state", "score", "row", "control")} == {
        "state": "above", "score": "top10", "row": "ridge", "control": "chance"
    }  # fmt: skip
    file.write_text(json.dumps({"test": entry}))
    assert listing._score(file)[-2:] == ("top-10 70.0%", "chance 10.0%")
