"""The simulated cohort: recordings have the traits that it says, and its best AUC is that of the exact likelihood."""

import numpy as np
import pytest
import scipy.stats
from scipy.special import logsumexp
from scipy.stats import norm

from n2s.errors import UserError
from n2s.metrics.auc import auc
from n2s.studies import SimulatedCohort
from n2s.studies.simulated.cohort import LATENCY_S, LEAD_S, MOMENT_AM, _room, delayed
from n2s.studies.simulated.cohort_people import BANDS, COVARIATES, SPREAD, TRAITS, measurement_covariance
from n2s.studies.simulated.noise import spectrum, time_courses

SMALL = {"stories": ["lighthouse.en"], "max_story_s": 20.0, "n_sensors": 12, "sfreq": 50.0}


@pytest.fixture(scope="module")
def cohort():
    return SimulatedCohort(n_control=6, n_dyslexia=5, **SMALL)


def test_who_takes_part(cohort):
    people = cohort.participants()
    assert list(people.columns) == ["subject", "group", "age", "sex", "motion"]
    assert people.group.value_counts().to_dict() == {"control": 6, "dyslexia": 5}
    assert [one.subject for one in cohort.recordings()] == list(people.subject)
    many = SimulatedCohort(n_control=3000, n_dyslexia=2000, age_gap=0.5, age_effect=0.2, **SMALL).people
    traits = many.groupby("group")[[*TRAITS, *COVARIATES]].mean()
    found = (traits.loc["dyslexia"] - traits.loc["control"]).to_numpy()
    # gains differ by their own difference and by what half a deviation of age does
    expected = [np.log(0.75) + 0.1, np.log(0.85) + 0.1, 0.015, 0.0, 0.0, 0.75, 0.0]
    deviation = np.array([0.32, 0.32, 0.015, 0.010, 0.22, 1.5, 0.4]) * np.sqrt(1 / 3000 + 1 / 2000)
    assert np.all(np.abs(found - expected) < 3.5 * deviation)
    within = many[many.group == "control"][list(TRAITS)].std().to_numpy()
    assert within == pytest.approx(np.hypot(SPREAD, [0.2, 0.2, 0, 0, 0.1]), rel=0.05)


@pytest.mark.slow
def test_recordings_have_the_traits_of_their_listener():
    quiet = SimulatedCohort(n_control=2, n_dyslexia=1, noise_level=1e-3, **SMALL)
    bands = quiet._bands("lighthouse.en")
    for recording, (_, person) in zip(quiet.recordings(), quiet.people.iterrows(), strict=True):
        raw = quiet.load(recording)
        begins = [(LEAD_S + LATENCY_S + person[f"{band}_lag"]) * 50 for band in BANDS]
        known = np.stack([delayed(b, raw.n_times, start) for b, start in zip(bands, begins, strict=True)])
        fitted = np.linalg.lstsq(known.T, raw.get_data().T, rcond=None)[0]
        pattern = MOMENT_AM * quiet._pattern(int(recording.subject))
        gains = fitted @ pattern / (pattern @ pattern)
        assert gains == pytest.approx(np.exp([person.delta_gain, person.theta_gain]), rel=0.05)
    assert np.array_equal(quiet.load(recording).get_data(), raw.get_data())  # made again


def test_the_noise_is_of_the_listeners_level(cohort):
    raw = cohort.load(cohort.recordings()[0])
    covariance = _room(50.0, 12)[1]
    white = np.linalg.solve(np.linalg.cholesky(covariance), raw.get_data())
    power = spectrum(np.fft.rfftfreq(raw.n_times, 1 / 50)) * 25
    expected = np.exp(2 * cohort.people.noise[0])
    spectra = np.abs(np.fft.rfft(white)) ** 2 / raw.n_times / power
    assert spectra[:, raw.n_times // 3 :].mean() == pytest.approx(
        expected, rel=0.05
    )  # above theta there is noise alone


def test_the_best_auc_in_closed_forms():
    still = {"delta_gain": 1.0, "theta_gain": 1.0, "delta_lag_s": 0.0}
    assert SimulatedCohort(**still, **SMALL).best_auc() == pytest.approx(0.5)
    louder = SimulatedCohort(**still, noise=1.3, motion_effect=0.0, **SMALL)
    assert louder.best_auc() == pytest.approx(norm.cdf(np.log(1.3) / 0.2 / np.sqrt(2)), abs=0.002)  # noise is seen well
    aged = SimulatedCohort(**still, age_gap=1.0, age_effect=0.0, **SMALL)
    assert aged.best_auc() == pytest.approx(0.5)
    assert aged.best_auc(covariates=True) == aged.cohort.covariates_auc() == pytest.approx(norm.cdf(np.sqrt(0.5)))
    both = SimulatedCohort(age_gap=1.0, **SMALL)
    assert both.best_auc() < both.best_auc(covariates=True)
    known = both.cohort.best_auc(np.zeros((5, 5)), covariates=False)
    assert both.best_auc() < known  # twenty seconds do not show a listener's traits exactly


@pytest.mark.slow
@pytest.mark.parametrize("level", [3.0, 20.0])
def test_the_best_auc_is_that_of_the_exact_likelihood(cohort, level):
    """The likelihood of a group is a mean over listeners drawn from it. One channel: the best spatial filter's."""
    rng, n_people, n_drawn, hz = np.random.default_rng(0), 600, 3000, 50.0
    bands, delays_s = cohort._bands("lighthouse.en"), 0.2
    courses = np.pad(bands, ((0, 0), (round(delays_s * hz), round(delays_s * hz))))
    n = courses.shape[1]
    power = spectrum(np.fft.rfftfreq(n, 1 / hz)) * hz / 2
    scale = np.sqrt(level * power[n // 10])  # about the signal-to-noise ratio
    spectra, omega = scale * np.fft.rfft(courses) / 10, 2 * np.pi * np.fft.rfftfreq(n, 1 / hz)
    measured = measurement_covariance([scale * courses / 10], [power], hz, level=1.0, n_values=10**9)
    expected = cohort.cohort.best_auc(measured, covariates=False)

    def drawn(n_each, seed):
        table = cohort.cohort.draw(n_each, n_each, seed)
        return table[list(TRAITS)].to_numpy(), (table.group == "dyslexia").to_numpy()

    def signals(traits):
        turned = np.exp(traits[:, :2])[..., None] * np.exp(-1j * omega * traits[:, 2:4, None])
        return (turned * spectra).sum(1)

    people, sick = drawn(n_people // 2, 1)
    noise = np.fft.rfft(time_courses(n_people, n, hz, rng))
    brain = signals(people) + noise
    weight = 2 / power / n
    slow = omega < 2 * np.pi * 12  # the signal ends with theta
    drawn_traits, drawn_sick = drawn(n_drawn, 2)
    candidates = signals(drawn_traits)[:, slow]
    weighted = candidates.conj() * weight[slow]
    fits = np.real(brain[:, slow] @ weighted.T) - 0.5 * np.real((candidates * weighted).sum(1))
    ratio = logsumexp(fits[:, drawn_sick], axis=1) - logsumexp(fits[:, ~drawn_sick], axis=1)
    # the observer knows the usual noise; the deviation of the AUC of 600 people is below .02
    assert auc(ratio, sick) == pytest.approx(expected, abs=0.04)


@pytest.mark.slow
def test_nobody_is_better_than_the_best(tmp_path):
    """Where the group with dyslexia responds more strongly, its traits are seen more clearly than the usual listener's."""
    story = {"stories": ["lighthouse.en"], "max_story_s": 20.0, "n_sensors": 20, "noise_level": 5.0, "root": tmp_path}
    usual = SimulatedCohort(n_control=1, n_dyslexia=1, delta_gain=1.0, **story)
    study = SimulatedCohort(n_control=1, n_dyslexia=1, delta_gain=2.5, **story)
    rng, n, found = np.random.default_rng(0), 5000, []
    for group in (0, 1):
        effects = rng.standard_normal((n, 2)) @ study.cohort.effects.T
        traits = rng.standard_normal((n, 5)) * SPREAD + effects + group * study.cohort.difference
        error = np.sqrt(usual._measured[0, 0]) * np.exp(traits[:, 4]) * rng.standard_normal(n)
        found.append(
            np.exp(traits[:, 0]) + error
        )  # the amplitude of delta, with the noise of a filter that knows the pattern
    alone = scipy.stats.mannwhitneyu(found[1], found[0]).statistic / n**2
    assert study.cohort.best_auc(usual._measured, covariates=False) < alone - 0.02 < alone < study.best_auc()


def test_bad_options():
    with pytest.raises(UserError, match="n_dyslexia is 0"):
        SimulatedCohort(n_dyslexia=0, **SMALL)
    with pytest.raises(UserError, match="must divide 16000"):
        SimulatedCohort(**SMALL | {"sfreq": 60.0})
    with pytest.raises(UserError, match="the helmet has 306"):
        SimulatedCohort(**SMALL | {"n_sensors": 400}).load(SimulatedCohort(**SMALL).recordings()[0])
