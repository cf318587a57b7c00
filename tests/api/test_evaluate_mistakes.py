"""What cannot be scored is refused in a line, and what estimators and networks of all kinds say is read as they mean it."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from test_windows_of_epochs import epochs_of

import n2s
from n2s.api.evaluated_model import Answers
from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import WindowElasticNet


@pytest.fixture(scope="module")
def windows():
    """Epochs of 3 channels and 20 samples; three classes, which differ in the level; runs a and b are training."""
    rng, kind = np.random.default_rng(0), np.tile([0, 1, 2, 1], 20)
    values = 1e-6 * (rng.standard_normal((80, 3, 20)) + 0.4 * kind[:, None, None])
    epochs = epochs_of(values, kind=np.array(["low", "mid", "high"])[kind])
    return n2s.windows_of_epochs(epochs, groups="run", train=["a", "b"], labels="kind")


@pytest.fixture(scope="module")
def heard_windows(windows):
    """The same with targets of two features and five frames in place of classes."""
    target = torch.randn(80, 2, 5, generator=torch.Generator().manual_seed(0))

    def read(rows):
        return windows.read(rows)._replace(target=target[rows])

    return n2s.api.window_set.WindowSet(read, windows.table, groups=windows.groups, split="test", sfreq=100.0)


def logits(model, windows, fit=None) -> np.ndarray:
    """(n, k) of test windows."""
    return Answers(model, lambda: windows.of("train"), fit, None).logits(windows.of("test")).numpy()


def flat(windows) -> np.ndarray:
    return windows.X.reshape(len(windows), -1)


@pytest.mark.parametrize(
    "model",
    [
        SVC(),
        SVC(decision_function_shape="ovo"),
        RidgeClassifier(),
        LogisticRegression(),
        GridSearchCV(RidgeClassifier(), {"alpha": [1.0, 10.0]}, cv=GroupKFold(2)),
    ],
)
def test_what_is_scored_is_what_an_estimator_predicts(model, windows):
    train, test = windows.of("train"), windows.of("test")
    with kept() as told:
        found = logits(model, windows).argmax(1)
    options = {"groups": train.groups} if isinstance(model, GridSearchCV) else {}
    assert np.array_equal(found, model.fit(flat(train), train.y, **options).predict(flat(test)))
    pairs = getattr(model, "decision_function_shape", "") == "ovo"
    assert [one.text for one in told] == (
        ["the decision function of SVC does not say what it predicts (pairs of classes?): its predictions are scored."]
        if pairs
        else []
    )


@pytest.mark.parametrize(
    "last",
    [
        WindowElasticNet((0.3, 0.1), l1_ratios=(0.5,), n_folds=2),
        GridSearchCV(RidgeClassifier(), {"alpha": [1.0, 10.0]}, cv=GroupKFold(2)),
    ],
)
def test_the_last_step_of_a_pipeline_holds_out_whole_groups(last, windows):
    train = windows.of("train")
    name = type(last).__name__.lower()
    pipeline = make_pipeline(StandardScaler(), last)
    found = logits(pipeline, windows).argmax(1)
    fitted = pipeline.fit(flat(train), train.y, **{f"{name}__groups": train.groups})
    assert np.array_equal(found, fitted.predict(flat(windows.of("test"))))


def test_classes_may_be_named(windows):
    train = windows.of("train")
    names = np.array(windows.classes)[train.y]
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    by_number, by_name = (model.fit(flat(train), y).predict_proba(flat(windows.of("test"))) for y in (train.y, names))
    assert np.array_equal(logits(model, windows).argmax(1), by_name.argmax(1)) and model.classes_[0] == "high"
    np.testing.assert_allclose(by_number, by_name)


class Says(ClassifierMixin, BaseEstimator):
    """Says the same of all windows, whatever it is fitted on."""

    def __init__(self, said=0, classes=None, proba=None):
        self.said, self.classes, self.proba = said, classes, proba

    def fit(self, X, y):
        if self.classes is not None:
            self.classes_ = np.array(self.classes)
        return self

    def predict(self, X):
        return np.full(len(X), self.said) if np.ndim(self.said) == 0 else np.array(self.said)

    def __getattr__(self, name):
        if name == "predict_proba" and self.__dict__.get("proba") is not None:
            return lambda X: np.tile(self.proba, (len(X), 1))
        raise AttributeError(name)


class Fails(Says):
    def fit(self, X, y):
        raise KeyError("x")


class Net(torch.nn.Module):
    """Gives what a function makes of windows."""

    def __init__(self, made, dtype=torch.float32):
        super().__init__()
        self.made, self.layer = made, torch.nn.Linear(20, 3, dtype=dtype)

    def forward(self, x):
        return self.made(self.layer(x))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Ridge(), r"Ridge is a regressor, and these windows have classes \(high, low, mid\); expected a classifier"),
        (Says("up"), "Says.predict gives classes up; expected numbers from 0 to 2, .*, or names"),
        (Says(0.4), "Says.predict gives classes 0.4"),
        (Says([0, 1]), r"Says.predict gives \(2,\) of 40 windows; expected \(40,\) classes"),
        (Says(classes=[0, 1, 2, 3]), "Says was fitted to classes 0, 1, 2, 3; expected numbers from 0 to 2"),
        (Says(proba=[np.nan, 0, 0]), "Says.predict_proba gives values that are not finite of 40 of 40 windows"),
        (Says(proba=[0.5, 0.5]), r"Says gives \(40, 2\) of 40 windows and 3 classes; expected \(40, 3\)"),
        (Fails(), r"Fails.fit fails, of \(40, 3, 20\): KeyError: 'x'; of \(40, 60\): KeyError: 'x'$"),
        (Net(lambda y: (y, y)), r"Net gives tuple of windows \(40, 3, 20\); expected a tensor with a row a window"),
        (Net(lambda y: y.mean(1)[:, :2]), r"Net gives \(40, 2\) of 40 windows and 3 classes; expected \(40, 3\) logits"),
        (Net(lambda y: y.mean(1) / 0), "Net gives values that are not finite of 40 of 40 windows"),
        (Net(lambda y: y.reshape(-1, 7)), r"Net.forward fails with brain \(40, 3, 20\)"),
        (torch.nn.Sequential(torch.nn.Linear(7, 3)), r"Sequential fails with windows \(40, 3, 20\), which have 3 sensors and 20 samples: "),
    ],
)  # fmt: skip
def test_answers_that_are_none_are_refused(model, said, windows):
    with pytest.raises(UserError, match=said) as error:
        logits(model, windows)
    assert "\n" not in str(error.value)


def test_a_network_of_doubles_gets_doubles(windows):
    network = Net(lambda y: y.mean(1), torch.float64)
    x = torch.from_numpy(windows.of("test").X).double()
    np.testing.assert_allclose(logits(network, windows), network(x).detach().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_what_is_fitted_is_asked_and_what_is_not_is_said(windows):
    model = LinearDiscriminantAnalysis()
    with pytest.raises(UserError, match="LinearDiscriminantAnalysis is not fitted. Leave fit=False out"):
        logits(model, windows, fit=False)
    assert "Fitted here, on the 40 training windows alone." in str(n2s.evaluate(model, windows))
    with pytest.raises(UserError, match=r"predict_proba fails, of \(40, 60\): X has 60 features, .* expecting 7"):
        logits(LinearDiscriminantAnalysis().fit(np.eye(12)[:, :7], np.arange(12) % 3), windows)
    leaked = LinearDiscriminantAnalysis().fit(flat(windows), windows.y)  # test windows, too
    coefficients = leaked.coef_.copy()
    found = n2s.evaluate(leaked, windows)
    assert "came trained, and n2s cannot know on what" in str(found) and "came trained" in found._repr_html_()
    again = n2s.evaluate(leaked, windows, fit=True)
    assert again.scores.plain() == n2s.evaluate(LinearDiscriminantAnalysis(), windows).scores.plain()
    assert again.scores.get("accuracy", "model").mean < found.scores.get("accuracy", "model").mean
    assert found.scores.get("accuracy", "model").mean > 0.9 and np.array_equal(leaked.coef_, coefficients)


def test_training_of_one_class_is_refused(windows):
    one = windows.some((windows.table.split == "test") | (windows.table["name"] == "mid"))
    with pytest.raises(UserError, match="all 20 training windows are of class 'mid'; expected two"):
        n2s.evaluate(LogisticRegression(), one)


class Run:
    """What holds a network, as a loaded run does."""

    model = torch.nn.Identity()


def test_what_holds_a_network_is_none(windows):
    with pytest.raises(UserError, match=r"model is Run; expected a torch.nn.Module .* Give its .model.$"):
        n2s.evaluate(Run(), windows)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"fit": "yes"}, "fit is 'yes'"), ({"flat": 2}, "flat is 2; expected True, False or None"), ({"name": " "}, "name is ' '")],
)  # fmt: skip
def test_options_that_cannot_be(options, said, windows):
    with pytest.raises(UserError, match=said):
        n2s.evaluate(LogisticRegression(), windows, **options)


class Plain:
    """No estimator of scikit-learn: it has ``fit`` and ``predict``, and nothing more."""

    def fit(self, X, y):
        self.found = y.mean(0)
        return self

    def predict(self, X):
        return np.tile(self.found, (len(X), 1))


@pytest.mark.parametrize(
    "model", [Plain(), Net(lambda y: y.new_ones(len(y), 10)), Net(lambda y: y.new_ones(len(y), 2, 5))]
)
def test_estimates_may_be_flat(model, heard_windows):
    answers = Answers(model, lambda: heard_windows, None, None)
    found = answers.estimate(heard_windows, (2, 5))
    expected = heard_windows.y.mean(0) if isinstance(model, Plain) else np.ones((2, 5))
    np.testing.assert_allclose(found, np.tile(expected, (80, 1, 1)), rtol=1e-6)
    assert not hasattr(model, "found")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticRegression(), r"LogisticRegression is a classifier, and the target of these windows is \(f, t\)"),
        (SVC(), "SVC is a classifier"),
        (Says(), "Says is a classifier"),
        (Net(lambda y: y.mean(1)), r"Net gives \(80, 3, 1\) of 80 windows; the target is \(80, 2, 5\): .*, or flat ones, \(80, 10\)"),
    ],
)  # fmt: skip
def test_estimates_that_are_none_are_refused(model, said, heard_windows):
    with pytest.raises(UserError, match=said):
        Answers(model, lambda: heard_windows, None, None).estimate(heard_windows, (2, 5))


class Gives(BaseEstimator):
    def __init__(self, value=0):
        self.value = value

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.full((80, 10), np.nan), "Gives.predict gives values that are not finite of 80 of 80 windows"),
        (np.full((80, 10), "a"), "Gives.predict gives <U1; expected real numbers"),
        (np.ones((80, 10)) * 1j, "Gives.predict gives complex128; expected real numbers"),
        (3.0, r"Gives.predict gives \(\) of 80 windows; expected a row a window"),
        (np.ones((80, 9)), r"Gives gives \(80, 9, 1\) of 80 windows; the target is \(80, 2, 5\)"),
    ],
)
def test_predictions_that_are_none_are_refused(value, said, heard_windows):
    with pytest.raises(UserError, match=said):
        Answers(Gives(value), lambda: heard_windows, None, None).estimate(heard_windows, (2, 5))


def test_one_output_is_not_enough_for_several(heard_windows):
    from sklearn.svm import SVR

    with pytest.raises(UserError, match=r"SVR.fit fails, of \(80, 60\): .* For several outputs: sklearn.multioutput"):
        Answers(SVR(), lambda: heard_windows, None, None).estimate(heard_windows, (2, 5))
