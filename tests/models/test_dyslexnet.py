"""DyslexNet against the published computation, put together here from transformers' BERT, and its weights in both forms."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from n2s.errors import UserError
from n2s.models import DyslexNet

SMALL = {"n_channels": 6, "n_times": 11, "n_classes": 3, "dim": 24, "depth": 3, "n_heads": 4, "embed_dim": 10, "factor_dim": 5}  # fmt: skip
RECIPE = {"n_channels": 306, "n_times": 125, "n_classes": 2, "dim": 1024, "depth": 2, "n_heads": 4, "embed_dim": 256, "factor_dim": 64}  # fmt: skip


class Published(nn.Module):
    """Three linear maps, positions, BERT with one shared layer, mean, classifier."""

    def __init__(self, n_channels, n_times, n_classes, dim, depth, n_heads, embed_dim, factor_dim):
        super().__init__()
        self.embedding = nn.Linear(n_channels, embed_dim)
        self.factorization = nn.Linear(embed_dim, factor_dim)
        self.projection = nn.Linear(factor_dim, dim)
        self.pos_encoding = nn.Parameter(torch.zeros(1, n_times, dim))
        config = BertConfig(vocab_size=1, hidden_size=dim, num_hidden_layers=depth, num_attention_heads=n_heads,
                            intermediate_size=4 * dim, max_position_embeddings=n_times)  # fmt: skip
        self.encoder = BertModel(config)
        for i in range(1, depth):
            self.encoder.encoder.layer[i] = self.encoder.encoder.layer[0]
        self.classifier = nn.Linear(dim, n_classes)

    def forward(self, x):
        x = self.projection(self.factorization(self.embedding(x.transpose(1, 2)))) + self.pos_encoding
        return self.classifier(self.encoder(inputs_embeds=x).last_hidden_state.mean(1))


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    net = Published(**SMALL).eval()
    with torch.no_grad():
        for one in net.parameters():
            one.add_(0.3 * torch.randn_like(one))  # nothing is zero or one, as after training
    return net


@pytest.mark.parametrize("before", ["", "modules_list.0."])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_same_logits_and_gradients(published, before, dtype):
    published = published.to(dtype)
    state = {before + name: value for name, value in published.state_dict().items()}
    if before:
        state["loss_fn.weight"] = torch.ones(3)
    net = DyslexNet.from_libribrain_experiments(state, **SMALL).to(dtype).eval()
    x = torch.randn(5, 6, 11, dtype=dtype)
    own, theirs = net(x), published(x)
    assert torch.allclose(own, theirs, rtol=1e-9 if dtype == torch.float64 else 1e-4, atol=1e-12 if dtype == torch.float64 else 1e-5)  # fmt: skip
    if dtype == torch.float64:
        (a,) = torch.autograd.grad(own.square().sum(), [net.factorization.weight])
        (b,) = torch.autograd.grad(theirs.square().sum(), [published.factorization.weight])
        assert torch.allclose(a, b, rtol=1e-8)


def test_the_recipes_size_is_the_published_one_without_what_is_never_used():
    with torch.device("meta"):
        count = sum(one.numel() for one in DyslexNet(**RECIPE).parameters())
    pooler, word, second_type = 1024 * 1024 + 1024, 1024, 1024
    assert count + pooler + word + second_type == 14_070_594


def test_it_starts_as_published():
    torch.manual_seed(0)
    net = DyslexNet(6, 11, dim=256)
    assert not net.pos_encoding.any() and not net.layer.query.bias.any()
    assert abs(net.layer.widen.weight.std().item() - 0.02) < 5e-4 and abs(net.positions.std().item() - 0.02) < 2e-3
    assert net(torch.randn(4, 6, 11)).shape == (4, 2)
    net(torch.randn(4, 6, 11)).sum().backward()
    assert all(one.grad is not None for one in net.parameters())


def test_what_does_not_fit_is_told(published):
    state = published.state_dict()
    net = DyslexNet.from_libribrain_experiments(state, **SMALL)
    with pytest.raises(UserError, match="made for windows of 11 samples; these have 12"):
        net(torch.zeros(1, 6, 12))
    with pytest.raises(UserError, match="lacks 1 \\(classifier.bias"):
        DyslexNet.from_libribrain_experiments({k: v for k, v in state.items() if k != "classifier.bias"}, **SMALL)
    with pytest.raises(UserError, match="another shape"):
        DyslexNet.from_libribrain_experiments(state, **SMALL | {"embed_dim": 12})
    with pytest.raises(UserError, match="not known"):
        DyslexNet.from_libribrain_experiments(state | {"decoder.weight": torch.ones(1)}, **SMALL)
    apart = state | {"encoder.encoder.layer.1.intermediate.dense.bias": torch.ones(96)}
    with pytest.raises(UserError, match="differs from that of layer 0"):
        DyslexNet.from_libribrain_experiments(apart, **SMALL)
    with pytest.raises(UserError, match="n_heads 5"):
        DyslexNet(6, 11, dim=24, n_heads=5)
