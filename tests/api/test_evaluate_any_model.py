"""Anybody's model is scored as `n2s test` scores: the same numbers, all controls, and no test window in any fit."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_data import heard, of, said
from test_windows_of_epochs import epochs_of
from tiny import TinyStudy

import n2s
from n2s.errors import UserError
from n2s.metrics.score import ALL
from n2s.models import BrainEncoder
from n2s.systems import Contrastive, EventClassifier

LDA = {"solver": "lsqr", "shrinkage": "auto"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluate")


def model_score(found, name: str) -> float:
    return found.scores.get(name, "model").mean


def quiet_trainer(**options) -> Trainer:
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return Trainer(accelerator="cpu", **off, **options)


class Constant(torch.nn.Module):
    """The same estimate of every window: it knows nothing."""

    def __init__(self, *shape: int):
        super().__init__()
        self.value = torch.nn.Parameter(torch.linspace(-1, 1, int(np.prod(shape))).reshape(shape))

    def forward(self, x):
        return self.value.expand(len(x), *self.value.shape)


@pytest.mark.slow
def test_a_pipeline_of_scikit_learn_retrieves_beside_all_controls(root):
    data = of(heard, root)
    found = n2s.evaluate(make_pipeline(StandardScaler(), Ridge(100.0)), data)
    train, test = (n2s.windows(data, split) for split in ("train", "test"))
    flat = {one.split: one.X.reshape(len(one), -1) for one in (train, test)}
    fitted = make_pipeline(StandardScaler(), Ridge(100.0)).fit(flat["train"], train.y.reshape(len(train), -1))
    estimate = fitted.predict(flat["test"])
    segments, own = np.unique(test.table.segment, return_inverse=True)
    candidates = data.segment_targets("test").numpy()[segments].reshape(len(segments), -1)
    scores = estimate @ (candidates / np.linalg.norm(candidates, axis=1, keepdims=True)).T
    rank = (scores >= scores[np.arange(len(own)), own][:, None]).sum(1) - 1
    by_person = [100 * (rank[test.table.subject == who] < 1).mean() for who in np.unique(test.table.subject)]
    assert 100 * model_score(found, "top1") == pytest.approx(np.mean(by_person))
    roles = {row.label: row.role for row in found.scores.rows.values()}
    assert {"linear decoder", "encoding model", "shuffled brain", "no brain", "chance"} <= set(roles)
    assert found.table.row.iloc[0] == "StandardScaler + Ridge" and "StandardScaler + Ridge" in str(found)
    first = found.table.query("score == 'top1' and row == 'StandardScaler + Ridge'").set_index("subject")["mean"]
    assert first.to_dict() == pytest.approx({ALL: np.mean(by_person) / 100} | dict(zip(["tiny/01", "tiny/02"], np.array(by_person) / 100, strict=True)))  # fmt: skip


@pytest.mark.slow
def test_a_trained_system_has_the_scores_of_its_own_test(root):
    data = heard(root)
    module = Contrastive(BrainEncoder(2, 4, n_virtual=6, n_fourier=18, hidden=8, depth=2))
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    expected = module.results(0)["test"].scores().plain()
    module.train()
    for model in (module, module.encoder):
        found = n2s.evaluate(model, data)
        assert model.training
        for name, rows in found.scores.plain().items():
            for row, by_subject in rows.items():
                for who, score in by_subject.items():
                    assert score["mean"] == pytest.approx(expected[name][row][who]["mean"], abs=1e-6), (name, row, who)


@pytest.mark.slow
def test_a_model_that_knows_nothing_is_at_chance(root):
    found = n2s.evaluate(Constant(4, 92), of(heard, root), name="nothing")
    assert model_score(found, "top1") == pytest.approx(1 / 12)
    noise = heard(root, gain=0.0, seed=3)
    found = n2s.evaluate(Ridge(10.0), noise)
    chance = found.scores.get("top5", "chance")
    assert chance.low <= model_score(found, "top5") <= chance.high
    assert min(one.p_corrected for one in found.results["test"].tests["model"].values()) > 0.05


@pytest.mark.slow
def test_classes_are_scored_as_scikit_learn_scores_them(root):
    data = of(said, root)
    found = n2s.evaluate(LinearDiscriminantAnalysis(**LDA), data)
    train, test = (n2s.windows(data, split) for split in ("train", "test"))
    flat = {one.split: one.X.reshape(len(one), -1) for one in (train, test)}
    fitted = LinearDiscriminantAnalysis(**LDA).fit(flat["train"], train.y)
    own = [test.table.subject == who for who in np.unique(test.table.subject)]
    expected = np.mean([fitted.score(flat["test"][rows], test.y[rows]) for rows in own])
    assert model_score(found, "accuracy") == pytest.approx(expected) and expected > 0.8
    labels = [row.label for row in found.scores.rows.values() if row.role == "control"]
    assert labels == [
        "duration and pause only", "previous event only", "labels permuted within runs and conditions", "a guess by the classes' frequency",
        "always the commonest class",
    ]  # fmt: skip
    assert found.results["test"].summary.p["f1_macro"] < 0.01
    fitted_already = n2s.evaluate(fitted, data)
    assert fitted_already.scores.plain() == found.scores.plain()


@pytest.mark.slow
def test_commands_of_noise_are_at_chance(root):
    found = n2s.evaluate(LinearDiscriminantAnalysis(**LDA), said(root, gain=0.0))
    assert found.results["test"].summary.p["f1_macro"] > 0.05
    assert "not above that of permuted labels" in str(found)


@pytest.mark.slow
def test_common_spatial_patterns_take_whole_windows_and_a_search_holds_out_whole_groups(root, capsys):
    from mne.decoding import CSP

    found = n2s.evaluate(make_pipeline(CSP(n_components=3), LinearDiscriminantAnalysis()), of(said, root))
    assert found.table.row.iloc[0] == "CSP + LinearDiscriminantAnalysis"
    search = GridSearchCV(LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [0.01, 0.5]}, cv=GroupKFold(3))
    assert model_score(n2s.evaluate(search, of(said, root)), "accuracy") > 0.8


class Spying(ClassifierMixin, BaseEstimator):
    """Keeps what its clones are fitted on; it knows nothing."""

    seen: list = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Spying.seen.append((X.copy(), y.copy()))
        return self

    def predict(self, X):
        return np.resize(self.classes_, len(X))


class SpyingRidge(Ridge):
    def fit(self, X, y):
        if X.ndim == 2:
            Spying.seen.append((X.copy(), y.copy()))
        return super().fit(X, y)


class LoudTest(TinyStudy):
    """The test story alone is recorded by other sensors, in other noise."""

    def load(self, recording):
        raw = super().load(recording)
        return raw.apply_function(lambda one: 7 * one[::-1]) if recording.task == "story0" else raw


@pytest.mark.slow
@pytest.mark.parametrize("kind", [heard, said])
def test_no_fit_sees_a_test_window(kind, root):
    """Other test recordings leave every number that a fit sees as it is."""
    if kind is heard:
        model, other = SpyingRidge(10.0), heard(root, study=LoudTest(root / "loud", story_s=24.0))
    else:
        model, other = Spying(), said(root, last_run_gain=9.0)
    Spying.seen = []
    for data in (of(kind, root), other):
        n2s.evaluate(model, data)
    assert not np.allclose(*(n2s.windows(data, "test").X for data in (of(kind, root), other)))
    assert not hasattr(model, "coef_") and not hasattr(model, "classes_")
    (x, y), (other_x, other_y) = Spying.seen
    assert len(x) == len(n2s.windows(other, "train"))
    np.testing.assert_array_equal(x, other_x)
    np.testing.assert_array_equal(y, other_y)


@pytest.mark.slow
def test_a_network_of_braindecode_is_scored(root):
    from braindecode.models import EEGNet

    data = of(said, root)
    train = n2s.windows(data, "train")
    torch.manual_seed(0)
    network = EEGNet(n_chans=8, n_outputs=3, n_times=40)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for brain, label in [*torch.utils.data.DataLoader(train, batch_size=36)] * 2:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(brain), label).backward()
        optimizer.step()
    network.train()
    found = n2s.evaluate(network, data)
    network.eval()
    test = n2s.windows(data, "test")
    with torch.no_grad():
        right = network(torch.from_numpy(test.X)).argmax(1).numpy() == test.y
    expected = np.mean([right[test.table.subject == who].mean() for who in np.unique(test.table.subject)])
    assert model_score(found, "accuracy") == pytest.approx(expected)
    assert found.table.row.iloc[0] == "EEGNet" and expected > 0.4


@pytest.mark.slow
def test_a_classifier_of_events_is_scored_as_its_own_test(root):
    from braindecode.models import EEGNet

    data = said(root)
    module = EventClassifier(EEGNet(n_chans=8, n_outputs=3, n_times=40), n_permutations=1000)
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    expected = module.results(0)["test"].scores().plain()
    assert n2s.evaluate(module, data).scores.plain() == expected


def test_epochs_are_scored_by_groups():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((80, 3, 50)) + np.tile([0, 1], 40)[:, None, None]
    windows = n2s.windows_of_epochs(epochs_of(1e-6 * values), groups="run", train=["a", "b"])
    found = n2s.evaluate(LinearDiscriminantAnalysis(**LDA), windows, name="LDA")
    train, test = windows.of("train"), windows.of("test")
    fitted = LinearDiscriminantAnalysis(**LDA).fit(train.X.reshape(40, -1), train.y)
    assert model_score(found, "accuracy") == pytest.approx(fitted.score(test.X.reshape(40, -1), test.y))
    assert [row.label for row in found.scores.rows.values()] == [
        "LDA", "labels permuted within runs", "a guess by the classes' frequency", "always the commonest class",
    ]  # fmt: skip
    assert "Held out: whole groups" in str(found) and "training groups" in str(found)
    assert "<table" in found._repr_html_() and "LDA" in found._repr_html_()
    noise = n2s.windows_of_epochs(epochs_of(1e-6 * rng.standard_normal((80, 3, 50))), groups="run", train=["a", "b"])
    assert n2s.evaluate(LinearDiscriminantAnalysis(**LDA), noise).results["test"].summary.p["accuracy"] > 0.05


@pytest.mark.slow
def test_the_page_is_written(root, tmp_path):
    found = n2s.evaluate(Spying(), of(said, root), name="my <model>")
    page = found.report(tmp_path / "new")
    text = page.read_text("utf-8")
    assert page == tmp_path / "new" / "report.html"
    assert "my &lt;model&gt;" in text and "F1-macro" in text and "my <model>" not in text
    assert found.report(tmp_path / "other.html").is_file()


class Wrong(BaseEstimator):
    def fit(self, X, y):
        raise ValueError("it never fits\nmore lines")

    def predict(self, X):
        return X


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options", "said_of_it"),
    [
        (Ridge, {}, "model is the class Ridge itself; expected a torch.nn.Module"),
        (np.zeros(3), {}, "model is ndarray"),
        (Constant(3), {"fit": True}, "Constant is a network: train it first"),
        (Constant(4), {}, r"Constant gives \(72, 4\) of 72 windows and 3 classes; expected \(72, 3\) logits"),
        (Wrong(), {}, r"Wrong.fit fails, of \(216, 8, 40\): it never fits; of \(216, 320\): it never fits$"),
        (Wrong(), {"flat": True}, r"Wrong.fit fails, of \(216, 320\): it never fits$"),
        (Ridge(), {"seed": -1}, "seed is -1; expected a whole number from 0 on"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(model, options, said_of_it, root):
    with pytest.raises(UserError, match=said_of_it) as error:
        n2s.evaluate(model, of(said, root), **options)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_estimates_of_another_shape_are_refused(root):
    with pytest.raises(UserError, match=r"Constant gives \(24, 5, 92\) of 24 windows; the target is \(24, 4, 92\)"):
        n2s.evaluate(Constant(5, 92), of(heard, root))
    with pytest.raises(UserError, match="windows are of one split"):
        n2s.evaluate(Constant(5), n2s.windows(of(said, root), "test"))
