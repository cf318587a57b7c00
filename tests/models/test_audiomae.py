"""AudioMAE against naive computations: its counts, its order of tokens, its position tables, its windows, its files."""

import argparse
import math
import pickle

import pytest
import torch
import torch.nn.functional as F

from n2s.errors import UserError
from n2s.models.attention_blocks import ShiftedWindowBlock
from n2s.models.audiomae import AudioMAE, n_patches, patched, positions, unpatched

SMALL = {"dim": 24, "depth": 11, "n_heads": 2, "decoder_dim": 16, "decoder_depth": 4, "decoder_heads": 2}


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = AudioMAE(**SMALL).eval()
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def spectrogram():
    return torch.randn(2, 1, 1024, 128, generator=torch.Generator().manual_seed(1))


def test_published_size_and_names():
    with torch.device("meta"):
        model = AudioMAE()
    state = model.state_dict()
    decoder = {key: value for key, value in state.items() if key.startswith(("decoder_", "mask_token"))}
    assert sum(value.numel() for value in state.values()) == 136_992_768
    assert sum(value.numel() for value in decoder.values()) == 51_344_640
    parts = ["weight", "bias"]
    encoder_block = ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"]
    decoder_block = [
        "attn.qkv",
        "attn.proj",
        "attn.meta_mlp.fc1",
        "attn.meta_mlp.fc2",
        "norm1",
        "norm2",
        "mlp.fc1",
        "mlp.fc2",
    ]
    names = {"cls_token", "pos_embed", "mask_token", "decoder_pos_embed"}
    names |= {f"decoder_blocks.{i}.attn.tau" for i in range(16)}
    names |= {f"blocks.{i}.{layer}.{part}" for i in range(12) for layer in encoder_block for part in parts}
    names |= {f"decoder_blocks.{i}.{layer}.{part}" for i in range(16) for layer in decoder_block for part in parts}
    heads = ["patch_embed.proj", "norm", "decoder_embed", "decoder_norm", "decoder_pred"]
    assert set(state) == names | {f"{layer}.{part}" for layer in heads for part in parts}
    assert state["decoder_blocks.3.attn.tau"].shape == (16,) and state["pos_embed"].shape == (1, 513, 768)


@pytest.mark.parametrize("dim", [24, 768])
def test_position_table_has_upstreams_grid(dim):
    """8 rows of 64 columns, though there are 64 times of 8 frequencies: the trap of re-creating it."""
    table = positions(dim)[0]
    assert table[0].abs().max() == 0
    for n in (0, 1, 63, 64, 65, 511):
        row, column = divmod(n, 64)
        wanted = []
        for place in (column, row):
            angles = [place / 10000 ** (i / (dim / 4)) for i in range(dim // 4)]
            wanted += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
        assert torch.allclose(table[1 + n], torch.tensor(wanted), atol=1e-5)


def test_tokens_come_in_order_of_time(small):
    silent = torch.zeros(1, 1, 1024, 128)
    for time, frequency in ((0, 0), (0, 7), (5, 3), (63, 7)):
        marked = silent.clone()
        marked[0, 0, 16 * time : 16 * time + 16, 16 * frequency : 16 * frequency + 16] = 1.0
        embedded = [small.patch_embed["proj"](x).flatten(2).mT[0] for x in (silent, marked)]
        changed = (embedded[0] - embedded[1]).abs().sum(1).nonzero()[:, 0].tolist()
        assert changed == [8 * time + frequency]
        assert patched(marked)[0].sum(1).nonzero()[:, 0].tolist() == changed


def test_patches_and_back(spectrogram):
    patches = patched(spectrogram)
    assert torch.equal(unpatched(patches), spectrogram)
    assert torch.equal(patches[1, 8 * 3 + 2].reshape(16, 16), spectrogram[1, 0, 48:64, 32:48])


def naive_encode(model, x, output):
    """With functions of torch, from the state dict, head by head."""
    w, heads = model.state_dict(), 2
    dim = w["norm.weight"].numel()

    def linear(name, value):
        return value @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, value):
        return F.layer_norm(value, (dim,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    tokens = patched(x) @ w["patch_embed.proj.weight"].flatten(1).T + w["patch_embed.proj.bias"] + w["pos_embed"][:, 1:]
    first = (w["cls_token"] + w["pos_embed"][:, :1]).expand(len(x), 1, dim)
    tokens, found = torch.cat([first, tokens], 1), []
    for i in range(SMALL["depth"]):
        q, k, v = linear(f"blocks.{i}.attn.qkv", norm(f"blocks.{i}.norm1", tokens)).split(dim, -1)
        size = dim // heads
        mixed = [
            ((q[..., s] @ k[..., s].mT) / math.sqrt(size)).softmax(-1) @ v[..., s]
            for s in (slice(h * size, (h + 1) * size) for h in range(heads))
        ]
        tokens = tokens + linear(f"blocks.{i}.attn.proj", torch.cat(mixed, -1))
        hidden = F.gelu(linear(f"blocks.{i}.mlp.fc1", norm(f"blocks.{i}.norm2", tokens)))
        tokens = tokens + linear(f"blocks.{i}.mlp.fc2", hidden)
        found.append(norm("norm", tokens)[:, 1:])
    return found[-1] if output == "last" else sum(found[9:]) / len(found[9:])


@pytest.mark.parametrize("output", ["last", "contextual"])
def test_encoder_against_a_naive_one(small, spectrogram, output):
    with torch.inference_mode():
        assert torch.allclose(small.encode(spectrogram, output), naive_encode(small, spectrogram, output), atol=1e-4)
    if output == "contextual":
        assert not torch.allclose(small.encode(spectrogram), small.encode(spectrogram, output), atol=1e-2)


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (2, 2)])
def test_window_block_against_a_naive_one(shift):
    """Token by token: who shares a shifted window and does not lie across the edge is attended to."""
    torch.manual_seed(0)
    rows, columns, dim, heads = 8, 8, 12, 3
    block = ShiftedWindowBlock(dim, n_heads=heads, grid=(rows, columns), shift=shift).eval()
    torch.nn.init.uniform_(block.attn.tau, 0.3, 2.0)
    x = torch.randn(2, rows * columns, dim)
    q, k, v = block.attn.qkv(x).split(dim, -1)
    out = torch.zeros_like(x)
    place = [((n // columns - shift[0]) % rows, (n % columns - shift[1]) % columns) for n in range(rows * columns)]
    for n in range(rows * columns):
        near = []
        for m in range(rows * columns):
            same = all(a // 4 == b // 4 for a, b in zip(place[n], place[m], strict=True))
            # across the edge: their distance on the grid is not their distance in the window
            real = (n // columns - m // columns, n % columns - m % columns)
            if same and real == (place[n][0] - place[m][0], place[n][1] - place[m][1]):
                near.append((m, real))
        apart = torch.tensor([[math.copysign(math.log1p(abs(d)), d) for d in real] for _, real in near])
        bias = block.attn.meta_mlp(apart)
        index = [m for m, _ in near]
        for h in range(heads):
            s = slice(h * 4, h * 4 + 4)
            cosine = F.cosine_similarity(q[:, n, None, s], k[:, index, s], dim=-1)
            weight = (cosine / block.attn.tau[h].clamp(min=0.01) + bias[:, h]).softmax(-1)
            out[:, n, s] = (weight[..., None] * v[:, index, s]).sum(1)
    y = x + block.norm1(block.attn.proj(out))
    assert torch.allclose(block(x), y + block.norm2(block.mlp(y)), atol=1e-5)


def test_decoding_some_patches_is_decoding_all_with_the_rest_masked(small):
    tokens = torch.randn(1, 512, 24)
    with torch.inference_mode():
        x = small.decoder_embed(tokens)
        x[:, 80:] = small.mask_token
        x = x + small.decoder_pos_embed[:, 1:]
        for block in small.decoder_blocks:
            x = block(x)
        wanted = unpatched(small.decoder_pred(small.decoder_norm(x)))
        assert torch.allclose(small.decode(tokens[:, :80]), wanted, atol=1e-5)
        whole, outputs = small.decode_blocks(tokens)
        assert torch.equal(whole, small.decode(tokens)) and [o.shape for o in outputs] == [(1, 512, 16)] * 4
        assert not torch.allclose(whole[:, :, :160], wanted[:, :, :160])


@pytest.mark.parametrize(("duration_s", "n"), [(4.0, 208), (1.5, 80), (2.0, 112), (10.24, 512), (0.32, 16), (0.33, 32)])
def test_number_of_patches(duration_s, n):
    assert n_patches(duration_s) == n


class TestLoad:
    def test_published_layout(self, small, tmp_path):
        other = AudioMAE(**SMALL)
        saved = {"model": small.state_dict(), "args": argparse.Namespace(lr=1e-4), "epoch": 32}
        torch.save(saved, tmp_path / "pretrained.pth")
        other.load_upstream(tmp_path / "pretrained.pth")
        assert all(
            torch.equal(a, b) for a, b in zip(other.state_dict().values(), small.state_dict().values(), strict=True)
        )

    def test_encoder_alone(self, small, tmp_path):
        state = {k: v for k, v in small.state_dict().items() if not k.startswith(("decoder_", "mask_token"))}
        torch.save(state, tmp_path / "port.pth")
        other = AudioMAE(**SMALL)
        before = other.decoder_pred.weight.clone()
        other.load_upstream(tmp_path / "port.pth")
        assert torch.equal(other.norm.weight, small.norm.weight) and torch.equal(other.decoder_pred.weight, before)

    def test_wrong_keys_and_shapes_are_named(self, small, tmp_path):
        state = small.state_dict() | {"head.weight": torch.zeros(2)}
        del state["decoder_blocks.1.attn.tau"]
        state["norm.weight"] = torch.zeros(3)
        torch.save({"model": state}, tmp_path / "other.pth")
        said = r"norm.weight is \(3,\), not \(24,\); missing: decoder_blocks.1.attn.tau; unknown: head.weight"
        with pytest.raises(UserError, match=said):
            AudioMAE(**SMALL).load_upstream(tmp_path / "other.pth")

    def test_nothing_in_a_file_is_run(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (open, (str(tmp_path / "exploded"), "w"))

        (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"model": Bomb()}))
        with pytest.raises(UserError, match="without running code"):
            AudioMAE(**SMALL).load_upstream(tmp_path / "bomb.pth")
        assert not (tmp_path / "exploded").exists()
        with pytest.raises(UserError, match="no AudioMAE checkpoint"):
            AudioMAE(**SMALL).load_upstream(tmp_path / "absent.pth")


def test_bad_input(small):
    with pytest.raises(ValueError, match=r"\(1, 1, 100, 128\)"):
        small.encode(torch.zeros(1, 1, 100, 128))
    with pytest.raises(ValueError, match="513 tokens"):
        small.decode(torch.zeros(1, 513, 24))
    with pytest.raises(UserError, match="'first'"):
        small.encode(torch.zeros(1, 1, 1024, 128), "first")
