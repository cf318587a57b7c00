"""A new system is one file and one recipe: the command, the page and W&B take it as it is."""

import json
import re
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).parents[1] / "toy"


@pytest.fixture
def toy(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    monkeypatch.syspath_prepend(str(TOY))
    yield TOY / "level.yaml"
    sys.modules.pop("level", None)


def test_it_is_short():
    lines = [
        line
        for line in (TOY / "level.py").read_text().splitlines()
        if line.strip() and not line.startswith(('"""', "from", "import"))
    ]
    assert len(lines) < 60


@pytest.mark.slow
def test_fit_test_report_and_wandb(toy, run_n2s, own_wandb, tmp_path):
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", toy)
        assert status == 0, err + out
    assert "shuffled brain" in out
    (run,) = (tmp_path / "checkpoints" / "level").iterdir()
    scores = json.loads((run / "metrics.json").read_text())["test"]["scores"]["correlation"]
    assert set(scores) == {"model", "shuffled"}
    assert set(scores["model"]) == {"all subjects", "simulated/01", "simulated/02"}
    assert scores["model"]["all subjects"]["kind"] == "95% t interval over subjects"
    page = run / "report.html"
    assert "shuffled brain" in page.read_text()
    assert list(run.glob("wandb/offline-run-*"))
    before = re.sub(r"\s+", " ", (run / "metrics.json").read_text())
    page.unlink()
    status, out, err = run_n2s("report", run)
    assert status == 0 and page.is_file(), err + out
    assert re.sub(r"\s+", " ", (run / "metrics.json").read_text()) == before


@pytest.mark.slow
def test_results_of_a_class_that_is_gone(toy, run_n2s, tmp_path):
    for verb in ("fit", "test"):
        assert run_n2s(verb, "--config", toy)[0] == 0
    (run,) = (tmp_path / "checkpoints" / "level").iterdir()
    record = json.loads((run / "run.json").read_text())
    record["results"]["test"]["test"] = "nowhere:Gone"
    (run / "run.json").write_text(json.dumps(record))
    status, _, err = run_n2s("report", run)
    assert status == 2 and "nowhere:Gone" in err and "Traceback" not in err
