"""A fit that goes on takes what an earlier one kept if all is as it was, and nothing otherwise."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.errors import UserError
from n2s.features import Envelope
from n2s.models import DyslexNet
from n2s.studies import SimulatedCohort
from n2s.systems.dyslexia.classifiers import Logistic
from n2s.systems.dyslexia.gathered import Gathered
from n2s.systems.dyslexia.groups import covariates_of, grouped, people_table
from n2s.systems.dyslexia.kept import described
from n2s.systems.dyslexia.measured import Common, measures_of, stretches_of
from n2s.systems.dyslexia.network import WindowNetwork
from n2s.systems.tracking.measures import MeasureOptions


def network(**options) -> dict:
    return {"network": WindowNetwork(partial(DyslexNet, **options), n_folds=2)}


@pytest.fixture(scope="module")
def gathered():
    sizes = {"n_control": 2, "n_dyslexia": 2, "stories": ["lighthouse.en"], "max_story_s": 30.0, "n_sensors": 4, "sfreq": 50.0}  # fmt: skip
    data = EncodingDataModule(
        {"cohort": SimulatedCohort(**sizes)},
        {"envelope": Envelope(rate_hz=50)},
        Lags(-0.1, 0.5),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.3, picks=["meg"]),
        n_folds=0,
    )
    data.setup("fit")
    people = grouped(people_table(data.studies, data.subjects, None), ["control", "dyslexia"])
    common = Common.of(data, list(people.index), None)
    options = MeasureOptions(kinds=("coherence",), n_shifts=0)
    known = covariates_of(people, None)
    return Gathered(data, people, known, network(dim=8, n_heads=2), common, "envelope", options, (2, 1, 0))


@pytest.mark.slow
def test_sides_are_measured_on_request(gathered):
    (subject, *_), common = gathered.common.subjects, gathered.common
    apart = Common.of(gathered.data, common.subjects, None, sides=True)
    options = MeasureOptions(kinds=("coherence",), n_shifts=2)
    names = []
    for one in (common, apart):
        names.append(set(measures_of(stretches_of(gathered.data, subject, "envelope", one), one, options)))
    more = {f"coherence_{band}_{where}" for band in ("delta", "theta") for where in ("left", "right", "laterality")}
    assert more <= names[1] and not more & names[0] and names[0] < names[1]
    assert replace(gathered, common=apart).made != gathered.made  # a fit without sides does not go on with them


def test_an_interrupted_fit_goes_on_with_the_same_options_alone(gathered, tmp_path):
    made = []

    def make():
        made.append(True)
        return {"scores": np.arange(4.0)}

    for _ in range(2):
        assert gathered.kept("scores_network_0", tmp_path, make)["scores"].tolist() == [0, 1, 2, 3]
    assert len(made) == 1
    others = [
        replace(gathered, classifiers=network(dim=16, n_heads=2)),
        replace(gathered, classifiers=network(dim=8, n_heads=2, dropout=0.2)),
        replace(gathered, classifiers={"network": Logistic()}),
        replace(gathered, envelope="mel"),
        replace(gathered, measures=replace(gathered.measures, segment_s=2.0)),
        replace(gathered, drawn=(2, 1, 1)),
    ]
    for number, other in enumerate(others):
        other.kept("scores_network_0", tmp_path, make)
        assert len(made) == 2 + number


def test_two_names_of_one_file_are_two(gathered, tmp_path):
    for name in ("a/b_c", "a_b/c", "svm/linear"):
        found = gathered.kept(name, tmp_path, lambda name=name: {"name": np.array(name)})
        assert str(found["name"]) == name


def test_people_are_gathered_once_and_seen_by_all(gathered, tmp_path):
    people, names = gathered.everybody(tmp_path)
    again, _ = gathered.everybody(tmp_path)
    assert people.measures.shape == (4, len(names)) and np.array_equal(people.measures, again.measures)
    assert people.covariances is None and len(people.windows) == 4 and people.windows[0].shape[1:] == (4, 25)
    assert gathered.seen(people.measures, None, windows=False).windows is None
    with pytest.raises(UserError, match="windows of several lengths"):
        replace(gathered, classifiers=network() | {"long": WindowNetwork(window_s=1.0)})


def test_what_differs_is_described_differently():
    pairs = [
        (partial(DyslexNet, dim=8), partial(DyslexNet, dim=16)),
        (lambda c, t: DyslexNet(c, t, dim=8), lambda c, t: DyslexNet(c, t, dim=16)),
        (np.array([1.0]), np.array([2.0])),
        ({"a": {1, 2}}, {"a": {1, 3}}),
        (Logistic(strengths=(0.1,)), Logistic(strengths=(0.2,))),
    ]
    for one, other in pairs:
        assert described(one) == described(one) and described(one) != described(other)

    def of(dim):
        return lambda c, t: DyslexNet(c, t, dim=dim)

    assert described(of(8)) == described(of(8)) != described(of(16))
