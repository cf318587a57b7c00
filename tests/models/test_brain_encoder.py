import copy
import json
import math

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from n2s.errors import UserError
from n2s.models import BrainEncoder

SMALL = {"n_virtual": 6, "n_fourier": 18, "hidden": 8, "depth": 4}


def _inputs(b=4, c=9, t=20, n_subjects=3):
    torch.manual_seed(0)
    return torch.randn(b, c, t), torch.rand(b, c, 2), torch.arange(b) % n_subjects


def _published_weights(n_subjects=3, virtual=6, fourier=18, hidden=8, depth=4, outputs=5):
    """Random weights under the published names and shapes, as brainmagick's networks have them."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator) * 0.3

    weights = {
        "merger.heads": normal(virtual, fourier),
        "initial_linear.0.weight": normal(virtual, virtual, 1),
        "initial_linear.0.bias": normal(virtual),
        "subject_layers.weights": normal(n_subjects, virtual, virtual),
        "final.0.weight": normal(2 * hidden, hidden, 1),
        "final.0.bias": normal(2 * hidden),
        "final.2.weight": normal(2 * hidden, outputs, 1),
        "final.2.bias": normal(outputs),
    }
    for k in range(depth):
        layer = f"encoders.meg.sequence.{k}"
        weights[f"{layer}.0.weight"] = normal(hidden, hidden if k else virtual, 3)
        weights[f"{layer}.0.bias"] = normal(hidden)
        weights[f"{layer}.1.weight"] = normal(hidden)
        weights[f"{layer}.1.bias"] = normal(hidden)
        weights[f"{layer}.1.running_mean"] = normal(hidden)
        weights[f"{layer}.1.running_var"] = normal(hidden).exp()
        weights[f"{layer}.1.num_batches_tracked"] = torch.tensor(7)
        if k % 2:
            weights[f"encoders.meg.glus.{k}.0.weight"] = normal(2 * hidden, hidden, 3)
            weights[f"encoders.meg.glus.{k}.0.bias"] = normal(2 * hidden)
    return weights


def _published_forward(w, brain, positions, subject, depth):
    """The whole network, written with functions and the published names; every sensor valid, evaluation mode."""
    n = round(math.sqrt(w["merger.heads"].shape[1] / 2))
    x_waves, y_waves = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    place = (positions + 0.2) / 1.4
    angle = 2 * math.pi * (place[..., :1] * x_waves.reshape(-1) + place[..., 1:] * y_waves.reshape(-1))
    attention = F.softmax(F.linear(torch.cat([angle.cos(), angle.sin()], -1), w["merger.heads"]), dim=1)
    x = torch.einsum("bco,bct->bot", attention, brain)
    x = F.conv1d(x, w["initial_linear.0.weight"], w["initial_linear.0.bias"])
    x = torch.stack([w["subject_layers.weights"][s].T @ row for s, row in zip(subject, x, strict=True)])
    for k in range(depth):
        layer, dilation = f"encoders.meg.sequence.{k}", 2 ** (k % 5)
        y = F.conv1d(x, w[f"{layer}.0.weight"], w[f"{layer}.0.bias"], padding=dilation, dilation=dilation)
        statistics = w[f"{layer}.1.running_mean"], w[f"{layer}.1.running_var"]
        y = F.gelu(F.batch_norm(y, *statistics, w[f"{layer}.1.weight"], w[f"{layer}.1.bias"]))
        x = x + y if k else y
        if k % 2:
            x = F.glu(
                F.conv1d(x, w[f"encoders.meg.glus.{k}.0.weight"], w[f"encoders.meg.glus.{k}.0.bias"], padding=1), 1
            )
    x = F.gelu(F.conv1d(x, w["final.0.weight"], w["final.0.bias"]))
    return F.conv_transpose1d(x, w["final.2.weight"], w["final.2.bias"])


def test_the_papers_parameter_count():
    assert sum(p.numel() for p in BrainEncoder().parameters()) == 9_565_054
    assert sum(p.numel() for p in BrainEncoder(n_subjects=27, n_outputs=1024).parameters()) == 9_565_054


def test_published_weights_give_the_published_network():
    weights = _published_weights(depth=7)
    brain, positions, subject = _inputs()
    encoder = BrainEncoder.from_brainmagick(weights)
    assert not encoder.training
    expected = _published_forward(weights, brain, positions, subject, depth=7)
    torch.testing.assert_close(encoder(brain, positions, subject), expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 0.1  # a comparison that could fail


def test_published_weights_of_the_papers_size():
    encoder = BrainEncoder.from_brainmagick(_published_weights(27, 270, 2048, 320, 10, 1024))
    assert sum(p.numel() for p in encoder.parameters()) == 9_565_054


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda w: w.pop("merger.heads"), "merger.heads.*missing or have an unexpected number of axes"),
        (lambda w: w.update({"merger.heads": torch.zeros(2, 6, 18)}), "merger.heads: 2"),
        (lambda w: w.pop("final.0.bias"), r"lack 1 keys \['final.0.bias'\]"),
        (lambda w: w.update(lstm=torch.zeros(1)), r"1 unknown ones \['lstm'\]"),
        (lambda w: w.pop("encoders.meg.sequence.2.0.weight"), r"lack 1 keys \['encoders.meg.sequence.2.0.weight'\]"),
        (
            lambda w: w.update({"final.0.bias": torch.zeros(3)}),
            r"final.0.bias \(ours: head.0.bias\).*\(3,\).*\(16,\)",
        ),
    ],
)
def test_spoilt_published_weights(spoil, message):
    weights = _published_weights()
    spoil(weights)
    with pytest.raises(UserError, match=message):
        BrainEncoder.from_brainmagick(weights)


def test_every_parameter_learns():
    brain, positions, subject = _inputs()
    encoder = BrainEncoder(3, 5, **SMALL)
    encoder(brain, positions, subject).square().sum().backward()
    still = [name for name, p in encoder.named_parameters() if not p.grad.abs().sum() > 0]
    # batch norm takes away any constant: the biases before it have no effect
    assert all(name.endswith("body.0.bias") for name in still)


def test_rows_do_not_see_each_other_in_evaluation():
    brain, positions, subject = _inputs()
    encoder = BrainEncoder(3, 5, **SMALL).eval()
    together = encoder(brain, positions, subject)
    alone = torch.cat([encoder(brain[i : i + 1], positions[i : i + 1], subject[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone)


def test_padded_channels_change_nothing():
    brain, positions, subject = _inputs()
    encoder = BrainEncoder(3, 5, **SMALL).eval()
    expected = encoder(brain, positions, subject)
    padded = torch.cat([brain, torch.full((4, 2, 20), torch.inf)], 1), torch.cat([positions, torch.zeros(4, 2, 2)], 1)
    mask = torch.arange(11).expand(4, -1) < 9
    torch.testing.assert_close(encoder(*padded, subject, mask), expected)


def test_a_subject_to_fine_tune(tmp_path):
    brain, positions, _ = _inputs()
    encoder = BrainEncoder(3, 5, **SMALL).eval()
    unseen = encoder(brain, positions, torch.full((4,), -1))
    index = encoder.add_subject()
    assert index == 3
    new = torch.full((4,), index)
    torch.testing.assert_close(encoder(brain, positions, new), unseen)

    encoder.requires_grad_(False)
    encoder.subjects.requires_grad_(True)
    before = copy.deepcopy(encoder.state_dict())
    optimizer = torch.optim.Adam(encoder.parameters(), 1e-2)
    encoder(brain, positions, new).square().sum().backward()
    optimizer.step()
    after = encoder.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["subjects.weights"]
    assert torch.equal(before["subjects.weights"][:3], after["subjects.weights"][:3])

    encoder.save_pretrained(tmp_path)
    again = BrainEncoder.from_pretrained(tmp_path)
    torch.testing.assert_close(again(brain, positions, new), encoder(brain, positions, new))


def test_saved_and_loaded_like_a_hugging_face_model(tmp_path):
    brain, positions, subject = _inputs()
    encoder = BrainEncoder(3, n_outputs=5, dropout=0.1, **SMALL).eval()
    encoder.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["hidden"] == 8
    assert "license: bsd-3-clause" in (tmp_path / "README.md").read_text()
    again = BrainEncoder.from_pretrained(tmp_path)
    assert not again.training and again.convs[0].body[3].p == 0.1
    assert torch.equal(again(brain, positions, subject), encoder(brain, positions, subject))


def test_a_file_that_lacks_a_weight_is_refused(tmp_path):
    encoder = BrainEncoder(3, 5, **SMALL)
    encoder.save_pretrained(tmp_path)
    weights = encoder.state_dict()
    weights.pop("head.2.weight")
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="head.2.weight"):
        BrainEncoder.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("brain", (4, 9)),
        ("brain", (4,)),
        ("positions", (4, 8, 2)),
        ("positions", (2, 9, 2)),
        ("subject", (3,)),
        ("mask", (4, 8)),
    ],
)
def test_shapes_that_do_not_belong_together(name, shape):
    brain, positions, subject = _inputs()
    inputs = {"brain": brain, "positions": positions, "subject": subject, "mask": torch.ones(4, 9, dtype=torch.bool)}
    inputs[name] = torch.zeros(shape)
    with pytest.raises(ValueError, match=r"Found .*expected brain \(b, c, t\)"):
        BrainEncoder(3, 5, **SMALL)(**inputs)


def test_bfloat16_autocast_is_close():
    brain, positions, subject = _inputs()
    encoder = BrainEncoder(3, 5, **SMALL).eval()
    expected = encoder(brain, positions, subject)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = encoder(brain, positions, subject)
    assert found.dtype == torch.bfloat16
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


PARTS = {"n_virtual": 12, "n_fourier": 32, "hidden": 16, "depth": 4}


@pytest.mark.parametrize(
    ("part", "fewer"),
    [
        ("spatial_attention", 12 * 32),
        ("initial", 12 * 12 + 12),
        ("subject_layer", 3 * 12 * 12),
        ("skip", 0),
        ("gates", 2 * (16 * 32 * 3 + 32)),
    ],
)
def test_a_part_is_taken_out(part, fewer):
    whole = BrainEncoder(n_subjects=3, n_outputs=5, **PARTS)
    without = BrainEncoder(n_subjects=3, n_outputs=5, **PARTS, **{part: False})
    n = [sum(p.numel() for p in encoder.parameters()) for encoder in (whole, without)]
    assert n[0] - n[1] == fewer
    out = without(torch.randn(2, 9, 40), torch.rand(2, 9, 2), torch.tensor([0, 2]))
    assert out.shape == (2, 5, 40)
    out.sum().backward()


def test_without_head_the_last_layer_is_linear_and_as_wide_as_the_features():
    encoder = BrainEncoder(n_subjects=1, n_outputs=5, **PARTS, head=False, activation="relu")
    assert encoder(torch.randn(2, 9, 40), torch.rand(2, 9, 2), torch.zeros(2, dtype=torch.long)).shape == (2, 5, 40)
    assert any(isinstance(module, torch.nn.ReLU) for module in encoder.modules())
    assert not any(isinstance(module, torch.nn.GELU) for module in encoder.modules())


def test_without_attention_the_channels_pass_and_must_fit():
    encoder = BrainEncoder(n_subjects=1, n_outputs=5, **PARTS, spatial_attention=False).eval()
    brain, subject = torch.randn(2, 9, 40), torch.zeros(2, dtype=torch.long)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[:, 4] = False
    expected = encoder(brain, torch.rand(2, 9, 2), subject, mask)
    brain[:, 4] = 1e6  # what a masked channel holds does not matter
    torch.testing.assert_close(encoder(brain, torch.rand(2, 9, 2), subject, mask), expected)
    with pytest.raises(UserError, match="13 channels do not fit into n_virtual 12"):
        encoder(torch.randn(2, 13, 40), torch.rand(2, 13, 2), subject)
