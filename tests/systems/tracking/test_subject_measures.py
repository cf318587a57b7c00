"""Measures of one person: a known delay and side are found, noise is chance, and what is given in stretches is not joined."""

import numpy as np
import pytest
import scipy.signal
import torch

from n2s.errors import UserError
from n2s.metrics import tracking_coherence, tracking_plv
from n2s.metrics.band_signals import analytic_stretches
from n2s.metrics.phase_locking import acoustic_edges, edge_locked_plv, window_rows
from n2s.metrics.tracking_information import tracking_information
from n2s.systems.tracking.measures import MeasureOptions, by_region, subject_measures
from n2s.systems.tracking.sensor_measures import KINDS, sensor_measures

SFREQ, DELAY_S = 100.0, 0.12
REGIONS = {"left": np.arange(4), "right": np.arange(8) >= 4}


def simulated(seconds=60.0, gain=1.0, seed=0):
    """Eight sensors; the first four follow the envelope."""
    rng, n = np.random.default_rng(seed), round(seconds * SFREQ)
    band = scipy.signal.butter(2, (0.5, 10), "bandpass", fs=SFREQ, output="sos")
    envelope = np.abs(scipy.signal.hilbert(scipy.signal.sosfiltfilt(band, rng.standard_normal(n))))
    brain = rng.standard_normal((n, 8))
    brain[:, :4] += gain * np.roll(envelope - envelope.mean(), round(DELAY_S * SFREQ))[:, None] * [1, -1, 1, -1]
    return brain, envelope


@pytest.fixture(scope="module")
def tracked():
    return subject_measures(*simulated(), SFREQ, regions=REGIONS)


def test_a_known_delay_is_found_whatever_the_polarity(tracked):
    for band in ("delta", "theta"):
        assert tracked[f"delay_{band}_left"] == pytest.approx(DELAY_S, abs=0.015)
    lag = np.arctan2(tracked["phase_sin_theta_left"], tracked["phase_cos_theta_left"]) / 2 / (2 * np.pi * 6)
    assert (lag - DELAY_S) % (1 / 12) == pytest.approx(0, abs=0.015) or (DELAY_S - lag) % (1 / 12) == pytest.approx(
        0, abs=0.015
    )


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("band", ["delta", "theta"])
def test_the_side_that_tracks_is_found(tracked, kind, band):
    left, right = (tracked[f"{kind}_{band}_{side}"] for side in ("left", "right"))
    assert left > 0.01 and abs(right) < 0.04 and tracked[f"{kind}_{band}"] == pytest.approx((left + right) / 2)
    assert tracked[f"{kind}_{band}_laterality"] == pytest.approx((right - left) / (abs(right) + abs(left)))


def test_noise_is_at_chance():
    """Minus the mean of shifts: no bias is left, whatever the kind."""
    options = MeasureOptions(n_shifts=20)
    found = [subject_measures(*simulated(40.0, gain=0.0, seed=seed), SFREQ, options) for seed in range(12)]
    for name in found[0]:
        if name.split("_")[0] in KINDS:
            values = np.array([one[name] for one in found])
            assert abs(values.mean()) < 3.5 * values.std(ddof=1) / 12**0.5, name


def in_pieces(seconds, n, seed=0):
    brain, envelope = simulated(seconds * n, gain=3.0, seed=seed)
    return np.split(brain, n), np.split(envelope, n)


def test_no_shift_is_the_sound_as_it_was_heard():
    """Ends of stretches are cut in each band: a shift by as much as is left would be none."""
    parts = [[torch.from_numpy(one) for one in side] for side in in_pieces(6.0, 20)]
    found = sensor_measures(*parts, SFREQ, MeasureOptions(kinds=("information", "edges"), n_shifts=400))
    for name in ("information_delta", "information_theta", "edges_theta"):
        excess = found.values[name][:4] - found.shifted[name][:, :4].mean(0)
        assert (found.shifted[name][:, :4].max(0) < found.shifted[name][:, :4].mean(0) + excess / 3).all(), name


def test_everybody_has_the_same_measures():
    """Of stretches that are too short for a phase of delta there is no value, nor a laterality; but the column is there."""
    options = MeasureOptions(n_shifts=5)
    lengths = ((60, 1), (4, 15))
    whole, pieces = (subject_measures(*in_pieces(*how), SFREQ, options, regions=REGIONS) for how in lengths)
    assert list(whole) == list(pieces) and np.isnan(pieces["information_delta_laterality"])
    assert np.isfinite(whole["information_delta_laterality"])


def test_there_is_no_information_in_what_never_changes():
    brain, envelope = simulated(20.0)
    brain[:, 5] = 0.0
    found = tracking_information(brain.T, envelope, SFREQ)
    assert all(np.flatnonzero(np.isnan(one)).tolist() == [5] for one in found.values())
    assert all(np.isnan(one).all() for one in tracking_information(brain.T, 0 * envelope, SFREQ).values())


def test_p_is_that_of_the_shifts():
    brain, envelope = (torch.from_numpy(one) for one in simulated())
    options = MeasureOptions(n_shifts=39)
    table = by_region(sensor_measures([brain], [envelope], SFREQ, options), options, REGIONS).set_index(
        ["region", "measure"]
    )
    assert table.p["left", "coherence_delta"] == 1 / 40 < table.p["right", "coherence_delta"]
    assert table.p.isna()["all", "delay_delta"]


def test_values_before_correction_are_those_of_the_metrics():
    brain, envelope = simulated()
    found = sensor_measures([torch.from_numpy(brain)], [torch.from_numpy(envelope)], SFREQ, MeasureOptions(n_shifts=0))
    for name, one in (("coherence", tracking_coherence), ("plv", tracking_plv)):
        for band, values in one(brain.T, envelope, SFREQ).items():
            np.testing.assert_allclose(found.values[f"{name}_{band}"], values, rtol=1e-9)
    locked = edge_locked_plv(brain.T, acoustic_edges(envelope, SFREQ), SFREQ)
    for band, values in locked.items():  # transforms of a handy length leave out some rows
        np.testing.assert_allclose(found.values[f"edges_{band}"], values, atol=0.02)


def test_stretches_are_not_joined():
    brain, envelope = simulated()
    parts = [slice(0, 2500), slice(2500, 2550), slice(2550, 6000)]  # 0.5 s hold no segment and no phase
    found = subject_measures([brain[one] for one in parts], [envelope[one] for one in parts], SFREQ, regions=REGIONS)
    whole = subject_measures(brain, envelope, SFREQ, regions=REGIONS)
    assert found.keys() == whole.keys()
    for name in ("coherence_delta_left", "plv_theta_left", "information_delta_left", "edges_theta_left"):
        assert found[name] == pytest.approx(whole[name], rel=0.25)
    noise = np.random.default_rng(9).standard_normal((6000, 8))  # a recording before it adds nothing but noise
    less = subject_measures([noise, brain], [envelope, envelope], SFREQ, regions=REGIONS)
    assert less["coherence_delta_left"] < whole["coherence_delta_left"]


def test_no_edge_is_followed_by_another_sentence():
    """Sentences of 5 s, of which 1 s has a phase in delta: many edges lie so near its end that their window does not fit."""
    brain, envelope = simulated(200.0)
    sentences = [slice(i, i + 500) for i in range(0, len(brain), 500)]
    own, heard = ([torch.from_numpy(side[one]) for one in sentences] for side in (brain, envelope))
    options = MeasureOptions(kinds=("edges",), n_shifts=5)
    found = sensor_measures(own, heard, SFREQ, options)
    parts, step, cut = analytic_stretches(own, SFREQ, options.bands["delta"])
    window, phases = window_rows(options.edges_s, SFREQ / step), []
    for part, one in zip(parts, heard, strict=True):
        units = (part / part.abs()).numpy()
        for edge in np.round(acoustic_edges(one, SFREQ) * SFREQ / step).astype(int) - cut:
            if edge >= 0 and edge + max(window) < len(units):
                phases.append(units[[edge + lag for lag in window]])
    expected = np.abs(np.mean(phases, 0)).mean(0)
    np.testing.assert_allclose(found.values["edges_delta"], expected, rtol=0.02)  # rows at the end are left out
    longer = MeasureOptions(kinds=("edges",), n_shifts=5, edges_s=(0.0, 2.0))
    without = sensor_measures(own, heard, SFREQ, longer)
    assert without.absent == ["edges_delta"] and np.isnan(without.values["edges_delta"]).all()
    assert without.shifted["edges_delta"].shape == (5, 8) and np.isfinite(without.values["edges_theta"]).all()


def test_sentences_with_few_rows_of_a_phase_are_measured_or_said_to_be_absent():
    rng = np.random.default_rng(0)
    for n_rows in (410, 415, 420):  # 1, 3 and 5 rows with a phase in delta
        found = subject_measures(
            list(rng.standard_normal((4, n_rows, 3))),
            list(rng.random((4, n_rows))),
            SFREQ,
            MeasureOptions(segment_s=2.0, min_shift_s=2.0, n_shifts=3),
        )
        assert np.isfinite(found["coherence_delta"])
        assert np.isnan(found["coupling_delta_theta"]) == np.isnan(found["information_delta"]) == (n_rows == 410)


def test_sensors_that_never_change_do_not_count():
    brain, envelope = simulated()
    brain[:, 2] = 1.5
    found = sensor_measures([torch.from_numpy(brain)], [torch.from_numpy(envelope)], SFREQ, MeasureOptions(n_shifts=3))
    assert all(np.isnan(values[2]) and np.isfinite(np.delete(values, 2)).all() for values in found.values.values())
    table = by_region(found, MeasureOptions(), {"dead": np.array([2]), "left": np.arange(4)})
    assert table[table.region == "dead"].value.isna().all() and table[table.region == "left"].value.notna().all()


def test_one_band_a_short_recording_and_float32():
    brain, envelope = simulated(22.0)
    found = subject_measures(
        brain.astype(np.float32), envelope.astype(np.float32), SFREQ, MeasureOptions(bands={"slow": (1.0, 3.0)})
    )
    assert "coupling_slow" not in " ".join(found) and np.isfinite(list(found.values())).all()
    with pytest.raises(UserError, match="too short for circular shifts"):
        subject_measures(brain[:1500], envelope[:1500], SFREQ)
    with pytest.raises(UserError, match="band theta ends at 8 Hz"):
        subject_measures(brain, envelope, 12.0)


def test_sentences_too_short_for_a_phase_have_coherence_alone():
    brain, envelope = simulated(40.0)
    options = MeasureOptions(segment_s=2.0, n_shifts=5)
    parts = [slice(i, i + 300) for i in range(0, 4000, 300)]  # 3 s: one period of .5 Hz is cut at each end
    found = subject_measures(
        [brain[one] for one in parts], [envelope[one] for one in parts], SFREQ, options, regions=REGIONS
    )
    absent = {name for name, value in found.items() if np.isnan(value) and "left" not in name and "right" not in name}
    assert {"information_delta", "edges_delta", "coupling_delta_theta"} <= absent
    assert np.isfinite(
        [found[name] for name in ("coherence_delta", "plv_theta", "information_theta", "delay_delta")]
    ).all()


@pytest.mark.parametrize(
    "wrong", [{"kinds": ("coherance",)}, {"kinds": ()}, {"n_shifts": -1}, {"min_shift_s": 0.0}, {"edges_s": (0.3, 0.1)}]
)
def test_options_that_are_none_are_refused(wrong):
    with pytest.raises(UserError, match="expected|first comes after"):
        MeasureOptions(**wrong)
