"""The README's two commands on the simulated study, with a tiny overlay: everything that a user is promised."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from chance import is_chance

from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.features import Mel
from n2s.losses import ClipLoss
from n2s.metrics.retrieval import ranks
from n2s.models import BrainEncoder
from n2s.studies import SimulatedMEG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OVERLAY = """
data:
  init_args:
    studies:
      simulated:
        class_path: n2s.studies.SimulatedMEG
        init_args: {n_subjects: 2, max_story_s: 40.0, stories: [lighthouse.en, orchestra, train]}
    batch_size: 16
    n_jobs: 1
model:
  init_args:
    encoder: {class_path: n2s.models.BrainEncoder, init_args: {n_virtual: 8, n_fourier: 32, hidden: 8, depth: 2}}
trainer: {max_epochs: 2, enable_progress_bar: false}
"""


def _n2s(command, folder, *more):
    """Run one of the README's commands in ``folder``, with the overlay."""
    words = command.split()[1:]
    return subprocess.run(
        [sys.executable, "-m", "n2s", *words, "--config", "tiny.yaml", *more],
        cwd=folder, capture_output=True, text=True, env=os.environ | {"WANDB_MODE": "offline"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """A run folder after fit and test, as the README says."""
    folder = tmp_path_factory.mktemp("user")
    os.environ["N2S_CACHE"] = str(tmp_path_factory.getbasetemp() / "cache")
    (folder / "tiny.yaml").write_text(OVERLAY)
    commands = re.findall(
        r"^(n2s (?:fit|test) --config meg_contrastive)$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert [command.split()[1] for command in commands] == ["fit", "test"]
    refused = _n2s(commands[1], folder)
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) <= 2  # nothing trained: nothing scored
    for command in commands:
        done = _n2s(command, folder)
        assert done.returncode == 0, done.stderr[-3000:]
    (run,) = (folder / "checkpoints" / "meg_contrastive+tiny").iterdir()
    return folder, run, done.stdout, commands


def test_a_run_holds_what_is_promised(tested):
    _, run, out, _ = tested
    for name in ("config.yaml", "run.json", "best.ckpt", "last.ckpt", "metrics.csv", "metrics.json", "report.html"):
        assert (run / name).stat().st_size > 0, name
    fit, test = sorted((run / "wandb").glob("offline-run-*"))
    assert list(fit.glob("*.wandb"))
    figures = {path.name.rpartition("_")[0].rpartition("_")[0] for path in test.rglob("*.png")}
    assert {"Accuracy by subject", "Accuracy by rank", "Throughput", "Spatial attention"} <= figures
    page = (run / "report.html").read_text()
    assert all(f">{title}</a>" in page for title in figures)
    assert page.count("data:image/webp;base64,") == len(figures)
    sweep = yaml.safe_load((ROOT / "configs" / "sweeps" / "meg_rate.yaml").read_text())
    assert sweep["metric"]["name"] in (run / "metrics.csv").read_text().splitlines()[0].split(",")
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "finished" and record["seed"] == 0
    assert "report.html" in out.replace("\n", "") and "shuffled" in out


def test_scores_come_with_controls_per_subject_and_intervals(tested):
    scores = json.loads((tested[1] / "metrics.json").read_text())["test"]
    assert scores["n_subjects"] == 2 and scores["n_windows"] == 2 * scores["n_candidates"]
    for row in ("model", "shuffled", "no_brain", "chance", "ceiling"):
        assert 0 <= scores[row]["top1"]["mean"] <= scores[row]["top10"]["mean"] <= 1
    assert set(scores["model"]["top10"]["per_subject"]) == {"simulated/01", "simulated/02"}
    assert scores["ceiling"]["top1"]["mean"] > 0.6 > scores["chance"]["top1"]["mean"]


@pytest.mark.nightly
def test_residencies_test_alike(tested):
    folder, run, _, commands = tested
    before = json.loads((run / "metrics.json").read_text())["test"]["model"]
    done = _n2s(commands[1], folder, "--data.residency", "host")
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((run / "metrics.json").read_text())["test"]["model"] == before


def test_noise_alone_scores_chance():
    """Trained on recordings without a response, nothing is retrieved: the 99.9% binomial bound over windows."""
    study = SimulatedMEG(
        n_subjects=2, max_story_s=60.0, stories=["lighthouse.en", "orchestra", "train"], signal_gain=0.0
    )
    data = MEGDataModule(
        {"noise": study}, Mel(n_mels=20, hop=320), preprocessing=Preprocessing(sfreq=50.0, highpass_hz=1.0), baseline_s=0.0,
        train_windows=Grid(1.0, jitter=True), batch_size=32, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    torch.manual_seed(0)
    encoder = BrainEncoder(2, 20, n_virtual=16, n_fourier=32, hidden=16, depth=3)
    loss = ClipLoss("both", "learned", True)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *loss.parameters()], lr=3e-3)
    loader, losses = data.train_dataloader(), []
    for epoch in range(15):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            estimate = encoder(batch.brain, batch.positions, batch.subject, batch.mask)
            value = loss(estimate, batch.target, estimate_ids=batch.segment, candidate_ids=batch.segment)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
    assert np.mean(losses[-3:]) < losses[0] - 0.3  # it does learn the training windows by heart
    batch = next(iter(data.test_dataloader()))
    with torch.inference_mode():
        encoder.eval()
        scores = loss.scores(
            encoder(batch.brain, batch.positions, batch.subject, batch.mask), data.segment_targets("test")
        )
    rank = ranks(scores, batch.segment)
    for k in (1, 5, 10):
        hits = float((rank < k).float().mean())
        assert is_chance(hits, len(rank), k / scores.shape[1])
