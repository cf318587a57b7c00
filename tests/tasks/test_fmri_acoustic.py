"""The fine stage after the coarse one: what it is given, what it minimises, what its checkpoint holds, what a test leaves."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fmri_runs import newest, scores
from torch.nn.functional import mse_loss

from n2s.models import AcousticDecoder, AudioMAE
from n2s.models.brain_to_sound import BrainToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems import Acoustic
from n2s.systems.clips.result import ClipResult


def state_of(run):
    return torch.load(run / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_coarse_to_fine_by_the_command(semantic, acoustic):
    status, _, err = acoustic("fit")
    assert status == 2 and "model.semantic_run: no trained run at Semantic or" in " ".join(err.split())
    assert semantic("fit")[0] == 0
    status, _, err = acoustic("fit", trainer={"max_epochs": 3})
    assert status == 0, err
    shutil.rmtree("checkpoints/Semantic")  # a test needs nothing of it
    status, out, err = acoustic("test", "--ckpt_path", "last")
    assert status == 0 and "mel" in out, err
    run, found = newest("Acoustic"), scores("Acoustic")
    assert (run / "report.html").stat().st_size > 0
    for name in ("mel_pcc", "mel_psnr"):
        assert {"model", "shuffled", "mean_prediction", "ceiling"} <= found[name].keys()
        assert found[name]["model"]["per_subject"].keys() == {"tiny/01", "tiny/02"}
    result = ClipResult.load(run / "test" / "test")
    assert result.predicted.shape == (24, 64 * 16) and result.mel_predicted.shape == (24, 128, 128)
    own = [np.corrcoef(p.ravel(), t.ravel())[0, 1]
           for p, t in zip(result.mel_predicted, result.mel_candidates[result.target], strict=True)]  # fmt: skip
    assert found["mel_pcc"]["model"]["mean"] == pytest.approx(np.mean(own), abs=1e-3)
    errors = np.square(result.mel_ceiling - result.mel_candidates[result.target]).mean((1, 2))
    assert found["mel_psnr"]["ceiling"]["mean"] == pytest.approx(-10 * np.log10(errors).mean(), abs=0.01)
    losses = (run / "metrics.csv").read_text()
    assert "train/tokens" in losses and "val/mel_of_true" in losses


@pytest.mark.slow
def test_fine_only_has_no_semantic_token(fitted, acoustic):
    assert acoustic("fit", model={"semantic": False})[0] == 0
    state = state_of(newest("Acoustic"))
    assert not [name for name in state if ".tokens.semantic." in name]


@pytest.mark.slow
@pytest.mark.nightly
def test_a_test_sets_its_tokens_beside_those_of_the_ablation(fitted, acoustic):
    fine = {"semantic": False}
    assert acoustic("fit", "--experiment", "fine", model=fine, data={"subjects": ["02"]})[0] == 0
    assert acoustic("fit")[0] == 0
    beside = {"fine_only_run": "fine"}
    status, _, err = acoustic("test", model=beside)
    assert status == 2 and "fine" in err and "has no network of tiny/01; there are tiny/02" in " ".join(err.split())
    status, out, err = acoustic("test", model=beside, data={"subjects": ["02"]})
    assert status == 0 and "coarse to fine ahead of fine only" in " ".join(out.split()), err
    found = scores("Acoustic")["semantic"]
    compared = ClipResult.load(newest("Acoustic") / "test" / "test")
    gap = found["ahead_of_fine_only"]
    assert gap["mean"] == pytest.approx(found["model"]["mean"] - found["fine_only"]["mean"])
    status, _, err = acoustic("test", "--experiment", "fine", model=fine, data={"subjects": ["02"]})
    assert status == 0, err
    alone = ClipResult.load(newest("fine") / "test" / "test")
    np.testing.assert_allclose(compared.fine_only, alone.predicted, atol=1e-5)  # what the ablation's own test decodes
    assert np.abs(compared.fine_only - compared.predicted).max() > 1e-3
    assert found["fine_only"]["mean"] == pytest.approx(scores("fine")["semantic"]["model"]["mean"])
    for model, message in (
        (beside | fine, "this run has no semantic token either"),
        ({"fine_only_run": "Acoustic"}, "has a semantic token. Fit it with model.semantic false"),
    ):
        status, _, err = acoustic("test", model=model)
        assert status == 2 and message in " ".join(err.split()), err


@pytest.mark.slow
@pytest.mark.parametrize("p_truth", [0.0, 0.5, 1.0])
def test_the_semantic_token_is_the_truth_or_what_was_predicted_out_of_fold(fitted, acoustic, monkeypatch, p_truth):
    given, validated, losses = [], [], Acoustic._losses

    def seen(self, batch, vectors):
        if self.trainer.training:
            given.append((self.trainer.datamodule, batch, vectors))
        else:
            validated.append(vectors)
        return losses(self, batch, vectors)

    monkeypatch.setattr(Acoustic, "_losses", seen)
    assert acoustic("fit", model={"p_truth": p_truth})[0] == 0
    told = 0
    for data, batch, vectors in given:
        with np.load(newest("Semantic") / "out_of_fold" / f"tiny_0{batch.brain_index + 1}.npz") as kept:
            place = {key: row for row, key in enumerate(kept["key"])}
            rows = [place[key] for key in data.splits["train"].table.key.iloc[batch.row.numpy()]]
            true, predicted = kept["true"][rows], kept["predicted"][rows]
        of_truth = (vectors.numpy() == true).all(1)
        assert (of_truth | (vectors.numpy() == predicted).all(1)).all()
        told += of_truth.sum()
    n = sum(len(batch) for _, batch, _ in given)
    assert n == 96 and abs(told / n - p_truth) < 0.16
    assert validated and all(vectors is None for vectors in validated)  # what the ridge says


@pytest.fixture
def network():
    torch.manual_seed(0)
    ridge = FittedRidge()
    ridge.voxel_mean, ridge.intercept, ridge.weights = torch.zeros(9), torch.randn(4), torch.randn(4, 3)
    ridge.selected = torch.stack([torch.randperm(9)[:3] for _ in range(4)])
    moments = torch.randn(64, 16), torch.rand(64, 16) + 0.5
    sizes = {"decoder_dim": 16, "decoder_depth": 3, "decoder_heads": 2}
    made = BrainToSound(
        ridge,
        torch.tensor([3, 1, 8]),
        *moments,
        decoder=AcousticDecoder(dim=16, depth=1, n_heads=2, hidden=16, dropout=0.0, max_patches=64),
        audiomae=AudioMAE(dim=16, depth=0, n_heads=2, **sizes),
        semantic=True,
    )
    return made.eval()


def test_a_network_sees_its_voxels_and_the_ridges_word(network):
    brain = torch.randn(5, 9)
    vectors = brain @ network.ridge.coefficients + network.ridge.intercept
    memory = torch.stack([network.tokens.semantic(vectors), network.tokens.voxels(brain[:, [3, 1, 8]])], 1)
    expected = network.mean + network.deviation * network.decoder(memory, 64)
    torch.testing.assert_close(network(brain), expected)
    torch.testing.assert_close(network(brain, vectors), expected)
    other = brain.clone()
    unseen = [v for v in range(9) if v not in (3, 1, 8)]
    other[:, unseen] += 1.0
    torch.testing.assert_close(network(other, vectors), expected)  # but through the ridge, the others tell nothing
    assert not torch.allclose(network(other), expected)


def test_the_loss_is_equation_1(network):
    class Batch:
        brain, target, spectrogram = torch.randn(2, 9), torch.randn(2, 64, 16), torch.randn(2, 128, 128)
        subject, inputs = 0, (brain,)

    task = Acoustic(network.decoder, network.audiomae)
    task.network = lambda batch: network
    loss, parts = task._losses(Batch, None)
    tokens = network(Batch.brain)
    decoder = network.audiomae
    mel, blocks = decoder.decode_blocks(tokens)
    best, true_blocks = decoder.decode_blocks(Batch.target)
    crop = lambda values: values[:, 0, :128].transpose(1, 2)  # noqa: E731 (8 times of 16 frames)
    expected = {
        "tokens": mse_loss(tokens, Batch.target),
        "blocks": sum(mse_loss(one[:, :64], other[:, :64]) for one, other in zip(blocks, true_blocks, strict=True)),
        "mel_of_true": mse_loss(crop(best), Batch.spectrogram),
        "mel": mse_loss(crop(mel), Batch.spectrogram),
    }
    assert len(blocks) == 3
    for name, value in expected.items():
        assert float(parts[name]) == pytest.approx(float(value), rel=1e-5), name
    assert float(loss) == pytest.approx(sum(float(value) for value in expected.values()), rel=1e-5)
    # the true tokens' blocks are a target: they are not moved towards the decoded ones
    first = decoder.decoder_embed.weight
    (given,) = torch.autograd.grad(parts["blocks"], first, retain_graph=True)
    fixed = sum(mse_loss(o[:, :64], t[:, :64].detach()) for o, t in zip(blocks, true_blocks, strict=True))
    (expected_gradient,) = torch.autograd.grad(fixed, first)
    torch.testing.assert_close(given, expected_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [None, 1e-2])
def test_audiomaes_decoder_is_tuned_at_its_own_rate_or_frozen(fitted, acoustic, rate):
    assert acoustic("fit", model={"audiomae_lr": rate})[0] == 0
    state = state_of(newest("Acoustic"))
    key = "audiomae.decoder_blocks.0.mlp.fc1.weight"
    one, other = state[f"networks.0.{key}"], state[f"networks.1.{key}"]
    assert torch.equal(one, other) == (rate is None)  # they start alike, and each subject tunes its own
    assert not [name for name in state if ".audiomae.blocks." in name]  # the encoder is not carried along
    assert not torch.equal(state["networks.0.decoder.queries"], state["networks.1.decoder.queries"])


@pytest.mark.slow
@pytest.mark.nightly
def test_a_run_that_goes_on_ends_with_the_same_bits_though_another_semantic_run_has_come(
    fitted, semantic, acoustic, monkeypatch
):
    assert acoustic("fit", trainer={"max_epochs": 2})[0] == 0
    whole = state_of(newest("Acoustic"))
    step = Acoustic.training_step

    def killed(self, batch, index):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(Acoustic, "training_step", killed)
    assert acoustic("fit", "--fresh", trainer={"max_epochs": 2})[0] != 0
    monkeypatch.setattr(Acoustic, "training_step", step)
    assert semantic("fit", model={"alpha": 1e5})[0] == 0  # newer, and other
    status, out, err = acoustic("fit", trainer={"max_epochs": 2})
    assert status == 0 and "continues from last.ckpt" in out, err
    again = state_of(newest("Acoustic"))
    assert len(list(Path("checkpoints/Acoustic").iterdir())) == 2
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"n_voxels": 9}}, "9 voxels are wanted of 8"),
        ({"model": {"p_truth": 1.5}}, "p_truth is 1.5"),
        (
            {"data": {"spectrogram": None}},
            "data.spectrogram has the shape None; the losses of 64 patches need (128, 128)",
        ),
        ({"data": {"lag_s": 3.0}}, "are not those that the ridge was fitted to"),
        ({"data": {"target": {"class_path": "n2s.features.MelStatistics"}}}, "data.target has the shape (60,)"),
        ({"data": {"val_fraction": 0.5}}, "are not those that the ridge was fitted to"),
        ({"model": {"semantic_run": "elsewhere"}}, "no trained run at elsewhere or checkpoints/elsewhere"),
        ({"model": {"audiomae_checkpoint": "pretrained.pth"}}, "no AudioMAE checkpoint at pretrained.pth"),
    ],
)
def test_what_does_not_fit_is_told_before_training(fitted, acoustic, changes, message):
    status, _, err = acoustic("fit", **changes)
    assert status == 2 and message in " ".join(err.split()), err
    assert not list(Path("checkpoints").glob("Acoustic/*/*.ckpt"))
