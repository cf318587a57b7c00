"""The parts of the system on one small cohort: what is fitted sees training rows alone, people have equal lengths, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from n2s.data import EncodingDataModule, Lags, Preprocessing
from n2s.data.encoding_data import Fold, Measured
from n2s.errors import UserError
from n2s.features import Envelope, Mel, WordRate
from n2s.findings import kept as findings
from n2s.studies import SimulatedCohort
from n2s.systems import Tracking
from n2s.systems.encoding.fit import Recipe, checked_brain
from n2s.systems.tracking.lengths import Length
from n2s.systems.tracking.reconstruction import Backward, FoldReconstruction, correlation, principal
from n2s.systems.tracking.regions import regions_of
from n2s.systems.tracking.scoring import Plan, Scorer, features_marks, marks_of
from n2s.systems.tracking.segments import matched
from n2s.systems.tracking.sensor_measures import MeasureOptions
from n2s.systems.tracking.trf import FoldTRF, kernels, peaks

pytest.importorskip("espeakng_loader")
RECIPE = Recipe((1.0, 1e3), 2, 5.0, 0)
BACK = Backward((0.5, 8.0), (0.0, 0.3), 8, 5.0, 2)
WHO = "cohort/01"


def made(tmp_path_factory, features=None, lags=(-0.1, 0.3), **study):
    """Two listeners, three stories of 15 s, six sensors."""
    options = {"n_control": 1, "n_dyslexia": 1, "n_sensors": 6, "max_story_s": 15.0, "sfreq": 50.0, "noise_level": 0.15}
    stories = ["lighthouse.en", "beekeeper.en", "orchestra.en"]
    data = EncodingDataModule(
        {"cohort": SimulatedCohort(**options | {"stories": stories} | study)},
        features or {"envelope": Envelope(), "word_rate": WordRate("onset")},
        Lags(*lags),
        preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.5),
        n_folds=3,
        average_repeats=False,
    )
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made(tmp_path_factory)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    return made(tmp_path_factory, noise_level=100.0)


def everything(data, subject=WHO):
    return np.ones(len(data.rows(subject)), bool)


class Poisoned:
    """Data whose test rows hold other numbers."""

    def __init__(self, data):
        self._data = data

    def __getattr__(self, name):
        return getattr(self._data, name)

    def _poison(self, both):
        return both[0], np.random.default_rng(0).standard_normal(both[1].shape).astype(np.float32) * 1e4

    def responses(self, *given):
        return self._poison(self._data.responses(*given))

    def design(self, *given):
        return self._poison(self._data.design(*given))

    def heard(self, *given):
        return self._poison(self._data.heard(*given))


class Leaky(Poisoned):
    """Data whose training rows are its test rows."""

    def _poison(self, both):
        return both[0], both[0]

    def responses(self, subject, fold):
        return self._poison(self._data.responses(subject, self._data.folds(subject)[0]))

    def design(self, subject, fold, *given):
        return self._poison(self._data.design(subject, self._data.folds(subject)[0], *given))

    def heard(self, subject, fold, *given):
        return self._poison(self._data.heard(subject, self._data.folds(subject)[0], *given))


@pytest.mark.slow
def test_what_is_fitted_knows_nothing_of_test_rows(data):
    fold, found = data.folds(WHO)[0], []
    for one in (data, Poisoned(data)):
        brain = checked_brain(one, WHO, fold)[0]
        trf = FoldTRF(one, WHO, fold, everything(data), ("envelope", "word_rate"), RECIPE).fit(brain)
        back = FoldReconstruction(one, WHO, fold, everything(data), "envelope", BACK).fit(brain)
        found.append([trf["envelope"]["coef"], trf["word_rate"]["coef"], back["weights"], back["components"]])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def _scores(data, fold):
    train, test = checked_brain(data, WHO, fold)
    trf = FoldTRF(data, WHO, fold, everything(data), ("envelope",), RECIPE)
    back = FoldReconstruction(data, WHO, fold, everything(data), "envelope", BACK)
    r = trf.score(trf.fit(train), test, n_shifts=19, min_shift_s=3.0)["envelope"]
    predicted, true, rate_hz = back.predict(back.fit(train), test)
    assert rate_hz == 50.0
    return (
        r[0].mean().item(),
        r[1:].mean().item(),
        *correlation(predicted, true, n_shifts=19, min_rows=150, seed=0)[[0, 1]].tolist(),
    )


def test_noise_is_at_chance_and_a_planted_leak_is_not(noise):
    honest = np.array([_scores(noise, fold) for fold in noise.folds(WHO)])
    assert np.abs(honest[:, 0].mean()) < 0.05 and np.abs(honest[:, 2].mean()) < 0.12, honest
    fold = noise.folds(WHO)[0]
    leaky = _scores(Leaky(noise), Fold("leak", fold.train, fold.train, fold.groups, fold.stretches))
    assert leaky[0] > 0.09 and leaky[2] > 0.2, leaky  # rows that were trained on


def test_a_brain_that_tracks_is_predicted_and_read(data):
    found = np.array([_scores(data, fold) for fold in data.folds(WHO)]).mean(0)
    assert found[0] > 0.1 > abs(found[1]) and found[2] > 0.3 > abs(found[3])
    fold = data.folds(WHO)[0]
    trf = FoldTRF(data, WHO, fold, everything(data), ("envelope", "word_rate"), RECIPE).fit(
        checked_brain(data, WHO, fold)[0]
    )
    lags_s, size = kernels(data, WHO, trf["word_rate"]["coef"], ("envelope", "word_rate"))["word_rate"]
    assert lags_s[0] == pytest.approx(-0.1) and size.shape == (len(lags_s), 6) == (21, 6)
    lags_s, own = kernels(data, WHO, trf["envelope"]["coef"], ("envelope",))["envelope"]
    assert peaks(lags_s, np.sqrt((own**2).mean(1)), {"early": (0.04, 0.2)})["early"][1] == pytest.approx(0.1, abs=0.05)


def test_peaks_are_local_maxima():
    lags_s = np.arange(0, 0.5, 0.01)
    size = np.exp(-(((lags_s - 0.1) / 0.03) ** 2)) + 0.5 * np.exp(-(((lags_s - 0.25) / 0.03) ** 2))
    found = peaks(lags_s, size, {"early": (0.05, 0.15), "late": (0.2, 0.3), "none": (0.15, 0.2)})
    assert found["early"] == pytest.approx((1.0, 0.1), abs=1e-6) and found["late"] == pytest.approx(
        (0.5, 0.25), abs=1e-3
    )
    assert np.isnan(found["none"]).all()  # a slope has no peak


def test_everybody_has_the_same_length(data):
    length = Length.of(data, data.subjects, None)
    assert (
        length.seconds == pytest.approx(min(data.heard_s(one) for one in data.subjects)) and len(length.subjects) == 2
    )
    short = Length.of(data, data.subjects, 20.0)
    for subject in data.subjects:
        parts = short.stretches(data, subject, "envelope")
        assert sum(len(brain) for brain, _ in parts) == 1000 and len(parts) == 2
        whole = data.listened(subject, "envelope")
        np.testing.assert_array_equal(parts[0][0], whole[0][0])
        kept = short.rows(data, subject)
        for fold in data.folds(subject):
            share = kept[fold.test].mean()
            assert (
                share == pytest.approx(20.0 / data.heard_s(subject), abs=0.01)
                and kept[fold.test[: int(share * len(fold.test))]].all()
            )


def test_who_heard_less_is_left_out_aloud():
    fake = SimpleNamespace(heard_s={"a": 100.0, "b": 300.0, "c": 310.0}.get)
    with findings() as told:
        assert Length.of(fake, ["a", "b", "c"], 200.0).subjects == ("b", "c")
        assert Length.of(fake, ["a", "b", "c"], None).seconds == 100.0
    assert "1 people who heard less than 200 s" in str(told) and "everybody is measured on 100 s" in str(told)
    with pytest.raises(UserError, match="at most 310.0 s"):
        Length.of(fake, ["a", "b", "c"], 400.0)


def test_components_are_those_of_numpy():
    rng = np.random.default_rng(0)
    brain = rng.standard_normal((500, 6)) @ rng.standard_normal((6, 6))
    brain[:, 5] = brain[:, 0]  # five signals in six sensors
    found = principal([torch.from_numpy(brain[:200]), torch.from_numpy(brain[200:])], 9).numpy()
    _, _, expected = np.linalg.svd(brain - brain.mean(0), full_matrices=False)
    assert found.shape == (6, 5)
    np.testing.assert_allclose(np.abs(np.einsum("ck,kc->k", found, expected[:5])), 1, atol=1e-6)


def test_windows_of_the_same_sound_are_no_mismatch():
    rng, moves = np.random.default_rng(0), {"n_shifts": 50, "min_shift": 20, "seed": 0}
    true = torch.from_numpy(rng.standard_normal(300))
    again = [(true + 0.5 * torch.from_numpy(rng.standard_normal(300)), true) for _ in range(2)]  # heard twice
    value, null = matched(again, 50, **moves)
    assert value == 1.0 and null.mean() == pytest.approx(0.5, abs=0.1) and len(null) == 50
    few = [(true[:150] + torch.from_numpy(rng.standard_normal(150)), true[:150])]  # three windows
    assert matched(few, 50, **moves)[1].mean() == pytest.approx(0.5, abs=0.12)
    assert (
        matched([(true[:40], true[:40])], 50, **moves) is None
        and matched([(true[:50], true[:50])], 50, **moves) is None
    )
    assert matched([(torch.zeros(300), torch.zeros(300))], 50, **moves) is None


def test_sides_are_those_of_the_names_of_electrodes():
    """A cap without its right edge: the middle of what is left of it is not the midline. Numbered caps have no such names."""
    names = np.array(["T7", "C3", "Cz", "C4", "FCC5h", "P3"])
    places = np.array([[0.0, 0.5], [0.4, 0.5], [0.8, 0.5], [1.0, 0.5], [0.1, 0.6], [0.5, 0.2]])
    found = regions_of(Measured("sensor", names, places=places), None, "a")
    assert names[found["left"]].tolist() == ["T7", "C3", "FCC5h", "P3"] and names[found["right"]].tolist() == ["C4"]
    numbered = np.array(["C1", "C2", "C3", "C4", "C5", "C6"])
    assert numbered[regions_of(Measured("sensor", numbered, places=places), None, "a")["right"]].tolist() == [
        "C3",
        "C4",
    ]


def test_sides_are_those_of_the_layout():
    names = np.array(["MEG 0113", "MEG 0111", "EEG001", "EEG002"])
    places = np.array([[0.1, 0.5], [0.5, 0.9], [0.9, 0.5], [0.52, 0.1]])
    found = regions_of(Measured("sensor", names, places=places), None, "a")
    assert found["left"].tolist() == [True, False, False, False] and found["right"].tolist() == [
        False,
        False,
        True,
        False,
    ]
    for unknown in (None, np.full((4, 2), np.nan)):
        assert regions_of(Measured("sensor", names, places=unknown), None, "a") == {}
    assert (
        regions_of(Measured("sensor", names, places=places, own_names=True), None, "a") == {}
    )  # contacts inside the head
    found = regions_of(Measured("sensor", names), {"one": ["MEG01*"], "two": ["EEG001"]}, "a")
    assert found["one"].tolist() == [True, True, False, False] and found["two"].sum() == 1


def system(data, **options):
    found = Tracking(**options)
    found._trainer = SimpleNamespace(datamodule=data, world_size=1)
    return found


@pytest.mark.parametrize(
    "options, told",
    [
        ({"envelope": "enveloppe"}, "is no feature space.*envelope"),
        ({"trf": ["envelope", "surprisal"]}, "'surprisal' is no feature space"),
        ({"bands": {"gamma": (20.0, 45.0)}}, r"gamma ends at 45 Hz, but a rate of 50 Hz.*90 Hz or more"),
        ({"regions": {"left": ["EEG*"]}}, "no sensor of cohort/01 is in 'left'"),
        ({"regions": {"all": ["MEG*"]}}, "the name 'all' is taken"),
        ({"lags_s": (0.0, 0.8)}, "reaches from -0.1 to 0.3 s"),
        ({}, "of 2 units .*in 5 folds"),
        ({"n_folds": 2, "min_shift_s": 12.0}, "too short for circular shifts of 12 s"),
    ],
)
def test_what_cannot_be_is_said_before_a_fit(data, options, told):
    with pytest.raises(UserError, match=told):
        system(data, **{"lags_s": (0.0, 0.3)} | options).setup("fit")
    with pytest.raises(UserError, match="expected some of coherence"):
        Tracking(measures=["coherance"])


@pytest.mark.slow
def test_data_that_cannot_be_are_refused(tmp_path_factory):
    one = made(tmp_path_factory, {"mel": Mel(4), "word_rate": WordRate()}, lags=(0.0, 0.0))
    with pytest.raises(UserError, match="'mel' has 4 dimensions"):
        system(one, envelope="mel").setup("fit")
    with pytest.raises(UserError, match="single lag"):
        system(one, envelope="word_rate").setup("fit")
    slow = made(tmp_path_factory, {"envelope": Envelope(rate_hz=10), "word_rate": WordRate()})
    assert (slow.frames_hz("envelope"), slow.frames_hz("word_rate")) == (10.0, np.inf)
    with pytest.raises(
        UserError, match="theta ends at 8 Hz, but 'envelope' has 10 frames a second.* up to 5 Hz.* 16 or more"
    ):
        system(slow, lags_s=(0.0, 0.3)).setup("fit")


def test_an_interrupted_fit_takes_the_folds_that_it_has(data, tmp_path, monkeypatch):
    one = system(data, n_folds=2, lags_s=(0.0, 0.3), alphas=[1.0, 1e3])
    one._trainer.default_root_dir = str(tmp_path)
    fold = data.folds(WHO)[0]
    first = one._fitted(WHO, fold)
    monkeypatch.setattr(FoldTRF, "fit", None)
    again = one._fitted(WHO, fold)
    assert torch.equal(first["trf"]["envelope"]["coef"], again["trf"]["envelope"]["coef"])
    with pytest.raises(TypeError):  # made otherwise: fitted again
        other = system(data, n_folds=2, lags_s=(0.0, 0.3), alphas=[1.0, 1e2])
        other._trainer.default_root_dir = str(tmp_path)
        other._fitted(WHO, fold)


def test_a_test_knows_the_features_of_its_fit(data, tmp_path_factory):
    other = made(tmp_path_factory, {"envelope": Envelope("hilbert", power=1.0), "word_rate": WordRate("onset")})
    length, fits = Length.of(data, [WHO], None), {}
    for fold in data.folds(WHO):
        brain, rows = checked_brain(data, WHO, fold)[0], length.rows(data, WHO)
        trf = FoldTRF(data, WHO, fold, rows, ("envelope",), RECIPE)
        back = FoldReconstruction(data, WHO, fold, rows, "envelope", BACK)
        fit = {"trf": trf.fit(brain), "backward": back.fit(brain)}
        fits[fold.name] = fit | {"marks": marks_of(data, WHO, fold, brain) | features_marks(trf, back)}
    options = MeasureOptions(kinds=("coherence",), n_shifts=3, min_shift_s=3.0)
    for trf in (("envelope",), ()):
        plan = Plan("envelope", options, trf, RECIPE, BACK)
        scorer = Scorer(data, {WHO: fits}, plan, length)
        scorer.add(WHO)
        assert scorer.result().settings["excerpt_of"] == WHO
        with pytest.raises(UserError, match="values of the feature .* are not those that the run was fitted to"):
            Scorer(other, {WHO: fits}, plan, length).add(WHO)
