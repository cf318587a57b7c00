"""Sources that two scanners see: the equations against a dense solve, planted weights found again, noise at chance."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models.source_equations import Equations, Sight
from n2s.models.source_space import SourceSpace
from n2s.models.source_sums import View, shrunk

F, LAGS, SOURCES, SENSORS, VOXELS, ROWS, EVERY = 4, 5, 10, 7, 12, 400, 20


def world(seed=0, *, n_stories=6, meg_noise=20.0, bold_noise=0.5, gain=3.0, strength=1.0):
    """Rows of both scanners, how they see the sources, and the weights that made them."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    lead, weights = normal(SENSORS, SOURCES), strength * normal(F * LAGS, SOURCES) / (F * LAGS) ** 0.5
    seen = torch.zeros(VOXELS, SOURCES, dtype=torch.float64)
    seen[torch.arange(VOXELS), torch.arange(VOXELS) % SOURCES] = 1.0
    mixed = torch.eye(SENSORS, dtype=torch.float64) + 0.5 * normal(SENSORS, SENSORS)
    spread = torch.eye(F, dtype=torch.float64).repeat(1, LAGS)
    meg, bold = [], []
    for story in range(n_stories):
        course = normal(ROWS + LAGS, F)
        x = torch.cat([course[LAGS - lag : LAGS - lag + ROWS] for lag in range(LAGS)], 1)
        slow = torch.cumsum(course[LAGS:], 0)
        z = (
            slow[EVERY - 1 :: EVERY] - torch.nn.functional.pad(slow, (0, 0, EVERY, 0))[EVERY - 1 : -EVERY : EVERY]
        ) / EVERY**0.5
        meg.append((story, x, x @ weights @ lead.T + meg_noise * normal(ROWS, SENSORS) @ mixed.T))
        bold.append((story, z, gain * z @ spread @ weights @ seen.T + bold_noise * normal(len(z), VOXELS)))
    return {"meg": (meg, lead, None), "fmri": (bold, seen, spread)}, weights


def views_of(rows, stories=range(100)):
    return {
        name: View.of([row for row in own if row[0] in stories], lead, spread)
        for name, (own, lead, spread) in rows.items()
    }


def alike(a, b):
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def dense(sights, story, alpha, gain):
    """(p, J) by a Kronecker matrix, in units of the first scanner."""
    total, right = 0.0, 0.0
    for sight, g in zip(sights, (1.0, gain), strict=False):
        view = sight.view
        spread = torch.eye(view.xx.shape[1], dtype=torch.float64) if view.spread is None else view.spread
        xx, xy = view.xx.sum(0) - view.xx[story], view.xy.sum(0) - view.xy[story]
        precision = torch.linalg.inv(view.noise)
        visible = view.lead.T @ precision @ view.lead / sight.unit**2
        total = total + g**2 * torch.kron(spread.T @ xx @ spread, visible)
        right = right + g * spread.T @ xy @ precision @ view.lead / sight.unit
    n = len(total)
    return torch.linalg.solve(total + alpha * torch.eye(n, dtype=torch.float64), right.flatten()).view(right.shape)


@pytest.mark.parametrize("names", [("meg",), ("fmri",), ("meg", "fmri"), ("fmri", "meg")])
def test_equations_equal_a_dense_solve(names):
    views = views_of(world()[0])
    sights = [Sight.of(views[name]) for name in names]
    equations = Equations(sights)
    pairs = [(0.01, 0.3), (0.1, 3.0), (10.0, 1.0)]
    (solved,) = equations.left_out(1, pairs, 1e-10, 2000)
    for number, (alpha, gain) in enumerate(pairs):
        found = solved.weights[:, number] @ equations.basis.T
        expected = dense(sights, 1, alpha * equations.size, gain)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8 * float(expected.abs().max()))
    assert solved.residual.max() < 1e-10


def test_what_a_story_gains_is_its_likelihood():
    rows, _ = world()
    views = views_of(rows)
    sights = [Sight.of(view) for view in views.values()]
    equations = Equations(sights)
    pairs = [(0.1, 0.5), (1.0, 2.0)]
    (solved,) = equations.left_out(2, pairs, 1e-10, 2000)
    for number, (name, view) in enumerate(views.items()):
        gains = torch.tensor([gain for _, gain in pairs] if number else [1.0, 1.0], dtype=torch.float64)
        found = equations.gained(number, 2, solved.weights, gains)
        law = torch.distributions.MultivariateNormal(torch.zeros(len(view.lead), dtype=torch.float64), view.noise)
        _, x, y = rows[name][0][2]
        for pair in range(2):
            spread = torch.eye(x.shape[1], dtype=torch.float64) if view.spread is None else view.spread
            predicted = (
                gains[pair]
                * x
                @ spread
                @ solved.weights[:, pair]
                @ equations.basis.T
                @ view.lead.T
                / sights[number].unit
            )
            expected = (law.log_prob(y - predicted) - law.log_prob(y)).sum()
            assert float(found[pair]) == pytest.approx(float(expected), rel=1e-8)


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.nightly)])
def test_both_find_planted_weights_better_than_either(seed):
    rows, weights = world(seed)
    views = views_of(rows)
    both = SourceSpace().fit(views)
    alone = {name: SourceSpace().fit({name: view}) for name, view in views.items()}
    assert alike(both.weights, weights) > max(alike(one.weights, weights) for one in alone.values()) + 0.03
    assert both.explained["meg"] > alone["meg"].explained["meg"] > 0
    assert both.gains["meg"] == 1 and 1.5 < both.gains["fmri"] < 6  # planted: 3


def test_predictions_of_new_stories_follow_them():
    rows, weights = world(3, n_stories=8)
    views = views_of(rows, range(6))
    both = SourceSpace().fit(views)
    for name, (own, lead, spread) in rows.items():
        for _, x, _ in own[6:]:
            truth = x @ (weights if spread is None else spread @ weights) @ lead.T
            assert alike(both.predict(name, views[name], x), truth) > 0.5


def test_noise_is_at_chance():
    views = views_of(world(strength=0.0)[0])
    for chosen in (views, {"meg": views["meg"]}, {"fmri": views["fmri"]}):
        found = SourceSpace().fit(chosen)
        assert all(abs(value) < 3 for value in found.explained.values())  # nats in 2400 rows; planted ones add hundreds
    planted = SourceSpace().fit(views_of(world()[0]))
    assert min(planted.explained.values()) > 60


def test_sources_that_nobody_sees_have_no_weights():
    rows, _ = world()
    views = {
        name: replace(view, lead=torch.nn.functional.pad(view.lead, (0, 4))) for name, view in views_of(rows).items()
    }
    found, before = SourceSpace().fit(views), SourceSpace().fit(views_of(rows))
    assert found.weights[:, SOURCES:].abs().max() < 1e-12
    assert found.explained["meg"] == pytest.approx(before.explained["meg"], rel=0.2)


def test_noise_is_that_of_the_recordings():
    rows, _ = world(strength=0.0, n_stories=8)
    view = views_of(rows)["meg"]
    y = torch.cat([one[2] for one in rows["meg"][0]])
    np.testing.assert_allclose(view.noise, y.T @ y / len(y), rtol=0.1, atol=0.05 * float(view.noise.diagonal().mean()))


def test_a_shrunk_covariance_is_nearer_and_has_an_inverse():
    draw = np.random.default_rng(0)
    truth = 0.8 ** np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    y = torch.from_numpy(draw.multivariate_normal(np.zeros(30), truth, 20))
    raw = y.T @ y / 20
    found = shrunk(raw, 20)
    assert (found - torch.from_numpy(truth)).norm() < (raw - torch.from_numpy(truth)).norm()
    assert torch.linalg.eigvalsh(found).min() > 1e-3
    assert torch.equal(found.diagonal(), raw.diagonal()) or torch.allclose(found.diagonal(), raw.diagonal())


def test_a_silent_sensor_and_rows_in_parts_change_nothing():
    rows, _ = world()
    own, lead, _ = rows["meg"]
    parts = [(story, x[a:b], y[a:b]) for story, x, y in own for a, b in ((0, 150), (150, ROWS))]
    silent = [(story, x, torch.nn.functional.pad(y, (0, 1))) for story, x, y in own]
    whole = SourceSpace().fit({"meg": View.of(own, lead)})
    for view in (View.of(parts, lead), View.of(silent, torch.nn.functional.pad(lead, (0, 0, 0, 1)))):
        assert alike(SourceSpace().fit({"meg": view}).weights, whole.weights) > 0.999


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: View.of([rows["meg"][0][0]], rows["meg"][1]), "one story"),
        (lambda rows: View.of(rows["meg"][0], rows["meg"][1][:3]), "seen by 3 channels, and the data have 7"),
        (lambda rows: View.of([(0, rows["meg"][0][0][1] * torch.nan, rows["meg"][0][0][2])], rows["meg"][1]), "NaN"),
        (lambda rows: View.of([], rows["meg"][1]), "no rows"),
        (lambda rows: View.of(rows["meg"][0], 0 * rows["meg"][1]), "no source is seen by meg"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said(change, says):
    rows, _ = world()
    with pytest.raises(UserError, match=says):
        SourceSpace().fit({"meg": change(rows)})


def test_scanners_see_the_same_sources():
    views = views_of(world()[0])
    with pytest.raises(UserError, match="different sources"):
        SourceSpace().fit({"meg": replace(views["meg"], lead=views["meg"].lead[:, 1:]), "fmri": views["fmri"]})


def test_options_are_numbers_above_0():
    with pytest.raises(UserError, match="above 0"):
        SourceSpace(alphas=[0.0])
    with pytest.raises(UserError, match="gains"):
        SourceSpace(gains=[])


def test_many_more_sources_than_channels():
    """Sources in ten parts each, which channels see alike: the parts of a source share what it does."""
    rows, _ = world()
    views = views_of(rows)
    apart = {name: replace(view, lead=view.lead.repeat(1, 10) / 10**0.5) for name, view in views.items()}
    found, whole = SourceSpace().fit(apart), SourceSpace().fit(views)
    together = found.weights.view(-1, 10, SOURCES).sum(1) / 10**0.5
    torch.testing.assert_close(together, whole.weights, rtol=1e-3, atol=1e-3 * float(whole.weights.abs().max()))
    assert found.explained["fmri"] == pytest.approx(whole.explained["fmri"], rel=1e-3)
