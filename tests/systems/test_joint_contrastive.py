"""Two networks that are trained together: the loss, what is missing, what is found."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Trainer
from tiny_pairs import tiny_pairs

from n2s.errors import UserError
from n2s.losses import ClipLoss
from n2s.models import BoldEncoder, BrainEncoder, DeepMel
from n2s.systems import JointContrastive
from n2s.systems.fusion.joint_loss import dropped_modality, fused
from n2s.systems.fusion.joint_scores import JointScores, TestedPairs

#: Person 02 has no fMRI of two stories, one of them the test.
LACKS = [("02", "story1"), ("02", "story5")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where recordings are prepared once."""
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def data(root):
    """Both modalities; some rows have MEG alone."""
    found = tiny_pairs(root, scanner={"lacks": LACKS})
    found.setup("fit")
    return found


def model(data, *, target=None, **options):
    torch.manual_seed(0)
    sizes, n_outputs = data.shapes(), 4 if target is None else 5
    encoder = BrainEncoder(sizes["n_subjects"], n_outputs, n_virtual=8, n_fourier=32, hidden=16, depth=2)
    people = {"n_fmri_subjects": sizes["n_fmri_subjects"], "n_components": sizes["n_components"]}
    place = {"n_volumes": sizes["n_volumes"], "n_outputs": n_outputs, "n_times": sizes["n_times"]}
    bold = BoldEncoder(**people, **place, n_slow=5, bin_s=1.0, lag_s=2.0, dropout=0.1)
    options = {"optimizer": lambda p: torch.optim.AdamW(p, lr=4e-3), "likelihoods": False} | options
    return JointContrastive(encoder, bold, target, **options)


def fitted(data, module, epochs=12):
    torch.manual_seed(0)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", num_sanity_val_steps=0, **quiet)
    trainer.fit(module, data)
    return trainer


def mixed(data):
    """A batch with rows of both kinds, and a segment that two people heard."""
    table = data.pairs["train"]
    alone = np.flatnonzero(table.fmri < 0)[:4]
    shared = np.flatnonzero(table.segment == table.segment[alone[0]])
    both = np.flatnonzero(table.fmri >= 0)[3:9]
    return data.batch("train", np.unique(np.concatenate([alone, shared, both])))


def cross_entropy(scores, true, same):
    """Of each row, without the candidates of its segment that are not its own; by loops."""
    found = []
    for row, at in enumerate(true):
        kept = [one for one in range(scores.shape[1]) if one == at or not same[row, one]]
        found.append(np.log(np.exp(scores[row, kept]).sum()) - scores[row, at])
    return np.mean(found)


def test_the_loss_is_that_of_plain_loops(data):
    module, batch = model(data, between_weight=0.5).double().eval(), mixed(data)
    batch.target, batch.bold = batch.target.double(), batch.bold.double()
    batch.meg.brain, batch.meg.positions = batch.meg.brain.double(), batch.meg.positions.double()
    assert 0 < len(batch.bold) < len(batch)
    assert len(batch.segment.unique()) < len(batch)
    with torch.no_grad():
        meg, fmri = (one.flatten(1).numpy() for one in module(batch))
        found = {name: float(value) for name, value in module.terms(batch).items()}
    sound = batch.target.flatten(1).numpy()
    unit = sound / np.linalg.norm(sound, axis=1, keepdims=True)
    segment, at = batch.segment.numpy(), {"meg": batch.meg_at.numpy(), "fmri": batch.bold_at.numpy()}
    same = segment[:, None] == segment
    parts = {"meg": np.zeros((len(batch), len(batch))), "fmri": np.zeros((len(batch), len(batch)))}
    for name, estimate in (("meg", meg), ("fmri", fmri)):
        parts[name][at[name]] = estimate @ unit.T
        expected = cross_entropy(estimate @ unit.T, at[name], same[at[name]])
        assert found[f"loss_{name}"] == pytest.approx(expected, rel=1e-6)
    both = cross_entropy(parts["meg"] + parts["fmri"], np.arange(len(batch)), same)
    assert found["loss_both"] == pytest.approx(both, rel=1e-6)
    rows = np.intersect1d(at["meg"], at["fmri"])
    one, other = meg[np.searchsorted(at["meg"], rows)], fmri[np.searchsorted(at["fmri"], rows)]
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
    scores, alike, true = one @ other.T / 0.07, same[np.ix_(rows, rows)], np.arange(len(rows))
    between = (cross_entropy(scores, true, alike) + cross_entropy(scores.T, true, alike)) / 2
    assert found["loss_between"] == pytest.approx(between, rel=1e-5)
    total = found["loss_meg"] + found["loss_fmri"] + both + 0.5 * between
    assert found["loss"] == pytest.approx(total, rel=1e-5)


def test_what_is_missing_is_no_zero(data):
    """Rows without fMRI change the loss of fMRI only as further sounds to choose from."""
    module, batch = model(data).eval(), mixed(data)
    with torch.no_grad():
        before = module.terms(batch)["loss_fmri"]
        batch.meg.brain = 7 * batch.meg.brain
        assert torch.equal(module.terms(batch)["loss_fmri"], before)
        alone = data.batch("train", np.flatnonzero(data.pairs["train"].fmri < 0)[:5])
        terms = module.terms(alone)
    assert set(terms) == {"loss", "loss_meg", "loss_both"}
    torch.testing.assert_close(terms["loss_meg"], terms["loss_both"])


def test_without_its_weight_what_is_between_is_not_learned(data):
    batch, gradients = mixed(data), {}
    for weight in (0.0, 1.0):
        module = model(data, between_weight=weight).eval()
        module.terms(batch)["loss"].backward()
        gradients[weight] = float(module.between.log_scale.grad.abs())
    assert gradients[0.0] == 0 < gradients[1.0]


def test_temperatures_do_not_decay(data):
    module = model(data, optimizer=lambda p: torch.optim.AdamW(p, lr=1.0, weight_decay=0.5))
    optimizer, before = module.configure_optimizers(), float(module.between.log_scale)
    for weight in module.parameters():
        weight.grad = torch.zeros_like(weight)
    subjects = module.bold_encoder.subjects.detach().clone()
    optimizer.step()
    assert float(module.between.log_scale) == before
    torch.testing.assert_close(module.bold_encoder.subjects.detach(), subjects / 2)


def test_one_vector_a_segment(data):
    """A target without time: the estimates of both are vectors, too."""
    batch = mixed(data)
    batch.target = batch.target.mean(-1, keepdim=True)
    module = model(data)
    module.bold_encoder = BoldEncoder(2, 8, 11, 4, 1, hidden=3)
    meg, fmri = module(batch)
    assert meg.shape == (len(batch.meg_at), 4, 1) and fmri.shape == (len(batch.bold_at), 4, 1)
    assert torch.isfinite(module.eval().terms(batch)["loss"])


def test_a_share_of_rows_loses_one_modality():
    class Rows:
        def has(self, name):
            return torch.arange(4000) % 4 < (3 if name == "meg" else 2)  # half has both, a quarter MEG alone

    draws = torch.from_numpy(np.random.default_rng(0).random(4000))
    kept = dropped_modality(Rows(), 0.4, draws)
    both = Rows().has("meg") & Rows().has("fmri")
    assert kept["meg"][~both].all() and kept["fmri"][~both].all()
    assert not (~kept["meg"] & ~kept["fmri"]).any()
    for name in kept:
        assert float((~kept[name])[both].float().mean()) == pytest.approx(0.2, abs=0.03)
    none = dropped_modality(Rows(), 0.0, draws)
    assert none["meg"].all() and none["fmri"].all()


def test_a_dropped_estimate_adds_nothing(data):
    batch = mixed(data)
    meg, fmri = torch.randn(len(batch.meg_at), 2, 3), torch.randn(len(batch.bold_at), 2, 3)
    whole = fused(batch, meg, fmri)
    torch.testing.assert_close(whole[batch.meg_at[0]], meg[0] + (fmri[0] if batch.has("fmri")[0] else 0))
    row = int(batch.bold_at[-1])
    used = {"meg": torch.arange(len(batch)) != row, "fmri": torch.ones(len(batch), dtype=torch.bool)}
    changed = fused(batch, meg, fmri, used)
    torch.testing.assert_close(changed[row], fmri[-1])
    assert torch.equal(changed[:row], whole[:row])


@pytest.mark.slow
def test_a_planted_world_is_found_in_each_modality_and_in_both(data):
    module = model(
        data, target=DeepMel(4, 5, 8, 2), optimizer=lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1)
    )
    trainer = fitted(data, module, epochs=15)
    trainer.test(module, data, verbose=False)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["test/meg_top1"] > 0.9 and logged["test/top1"] > 0.9
    found = module.results(0)
    assert set(found) == {"test", "test, MEG only"}
    one = found["test"]
    assert one.method == "joint" and set(one.subject) == {"01"} and one.fmri is not None
    assert found["test, MEG only"].fmri is None and set(found["test, MEG only"].subject) == {"02"}
    ranked = (one.fmri > one.fmri[np.arange(8), one.target][:, None]).sum(1)
    assert ranked.mean() < 2  # 3.5 by chance
    table = data.pair_table("test")
    rows = np.flatnonzero(table.fmri >= 0)
    batch = data.batch("test", rows)
    with torch.no_grad():
        candidates = module.eval().encoded_segments("test")
        scores = module.loss.scores(module.predict_step(batch, 0), candidates)
    np.testing.assert_allclose(one.meg + one.fmri, scores, atol=1e-4)  # the sum of scores is the score of the sum


def test_bins_of_the_encoder_are_those_of_the_data(data):
    module = model(data)
    module.bold_encoder = BoldEncoder(2, 8, 11, 4, 245, n_slow=5, bin_s=1.0, lag_s=4.0)
    with pytest.raises(UserError, match=r"bold_encoder has lag_s 4; expected lag_s: 2.*volumes from 2 s on"):
        fitted(data, module, epochs=1)


@pytest.mark.slow
def test_brains_that_heard_nothing_are_at_chance(tmp_path):
    silent = tiny_pairs(tmp_path, meg={"gain": 0.0}, scanner={"bold_gain": 0.0}, train_windows=None)
    module = model(silent)
    trainer = fitted(silent, module, epochs=3)
    trainer.test(module, silent, verbose=False)
    assert len(module.tested.meg) == 16
    assert float(trainer.callback_metrics["test/top1"]) < 0.45  # 2 of 16 by chance; 8 and more: once in 4,000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("used", "still"), [("meg", "bold_encoder"), pytest.param("fmri", "encoder", marks=pytest.mark.nightly)]
)
def test_one_modality_trains_its_network_alone(root, used, still):
    data = tiny_pairs(root, modalities=[used])
    module = model(data, optimizer=lambda p: torch.optim.SGD(p, lr=1e-2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer = fitted(data, module, epochs=1)
    moved = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    other = "encoder" if still == "bold_encoder" else "bold_encoder"
    assert not any(name.startswith(f"{still}.") for name in moved)
    assert any(name.startswith(f"{other}.") for name in moved)
    assert "val/top10" in trainer.callback_metrics and "val/meg_top10" not in trainer.callback_metrics


def test_how_alike_estimates_are_by_loops():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"person": ["a", "a", "b", "a"], "segment": [0, 2, 0, 1], "meg": [0, 1, 2, -1], "fmri": [0, -1, 1, 2]}
    ).assign(condition="listen")
    meg, fmri = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    found = TestedPairs(np.zeros((4, 3)), np.zeros((4, 3)), meg, fmri).across(table)
    expected = np.full((4, 3), np.nan)
    expected[0, 0], expected[0, 1] = meg[0] @ fmri[0], meg[0] @ fmri[3]
    expected[1, 0], expected[1, 1] = meg[1] @ fmri[0], meg[1] @ fmri[3]
    expected[2, 0] = meg[2] @ fmri[2]
    np.testing.assert_allclose(found["meg_to_fmri"], expected, rtol=1e-6)
    assert np.isnan(found["fmri_to_meg"][1]).all() and found["fmri_to_meg"][3, 2] == pytest.approx(fmri[3] @ meg[1])


def test_the_partner_is_of_the_same_condition_and_else_of_listening():
    """One person and segment 0: in another condition first, then while listening."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "person": "a",
            "segment": 0,
            "condition": ["covert", "listen", "overt", "covert"],
            "meg": range(4),
            "fmri": [0, 1, -1, 2],
        }
    )
    meg, fmri = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    found = TestedPairs(np.zeros((4, 1)), np.zeros((4, 1)), meg, fmri).across(table)["meg_to_fmri"][:, 0]
    np.testing.assert_allclose(found, [meg[row] @ fmri[given] for row, given in enumerate((0, 1, 1, 0))], rtol=1e-5)


def test_each_part_of_the_validation_loss_is_a_mean_over_its_rows():
    """Batches with unlike numbers of rows with fMRI; the sum is of the parts."""
    logged = {}

    def log(name, value, **_):
        logged[name] = float(value)

    strategy = SimpleNamespace(reduce=lambda sums, reduce_op: sums)
    module = SimpleNamespace(device="cpu", between_weight=0.5, log=log, trainer=SimpleNamespace(strategy=strategy))
    scores = JointScores.__new__(JointScores)
    scores.module, scores.split, scores.losses = module, "val", {}
    scores.add_losses(
        {"meg": torch.ones(4, dtype=bool), "fmri": torch.tensor([1, 0, 0, 0]).bool()}, _parts(1, 10, 3, 4)
    )
    scores.add_losses({"meg": torch.ones(2, dtype=bool), "fmri": torch.ones(2, dtype=bool)}, _parts(4, 40, 9, 7))
    scores.add_losses(
        {"meg": torch.ones(3, dtype=bool), "fmri": torch.zeros(3, dtype=bool)},
        {"loss_meg": torch.tensor(7.0), "loss_both": torch.tensor(6.0)},
    )
    scores.log_losses()
    expected = {"meg": (4 + 8 + 21) / 9, "fmri": (10 + 80) / 3, "both": (12 + 18 + 18) / 9, "between": (4 + 14) / 3}
    for name, value in expected.items():
        assert logged[f"val/loss_{name}"] == pytest.approx(value), name
    total = expected["meg"] + expected["fmri"] + expected["both"] + 0.5 * expected["between"]
    assert logged["val/loss"] == pytest.approx(total)


def _parts(*values):
    names = ("loss_meg", "loss_fmri", "loss_both", "loss_between")
    return {name: torch.tensor(float(value)) for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": ClipLoss("both")}, "sum of their scores only"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"between_weight": -1.0}, "between_weight is -1"),
        ({"alone": {"meg": "run"}}, "a run of meg and one of fmri"),
    ],
)
def test_options_that_do_not_go(data, options, said):
    with pytest.raises(UserError, match=said):
        model(data, **options)
