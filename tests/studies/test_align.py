"""Matching of a log with triggers: planted clocks."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies.readers.align import match_times, on_recording_clock


def planted(n=300, *, shift_s=12.345, drift=0.0, jitter_s=0.001, seed=0):
    rng = np.random.default_rng(seed)
    log = np.cumsum(rng.uniform(0.15, 0.6, n))
    return log, log * (1 + drift) + shift_s + rng.uniform(-jitter_s, jitter_s, n)


def matched(log, triggers, **options):
    return match_times(log, triggers, **({"tolerance_s": 0.01, "max_missing": 5, "where": "run 1"} | options))


@pytest.mark.parametrize("shift_s", [-3.0, 0.0, 812.0])
@pytest.mark.parametrize("drift", [0.0, 2e-4, -2e-4])  # 25 ms over two minutes: more than the tolerance
def test_shift_and_drift(shift_s, drift):
    log, triggers = planted(shift_s=shift_s, drift=drift)
    assert np.array_equal(matched(log, triggers), triggers)


def test_a_drift_of_more_than_the_tolerance_within_the_first_events():
    """Fixations 7 s apart: at 100 ppm the clocks part by 28 ms in the 40 events that give the first distance."""
    log = np.cumsum(np.random.default_rng(0).uniform(6.0, 8.0, 40))
    triggers = log * (1 + 1e-4) + 7.5
    assert np.array_equal(matched(log, triggers, tolerance_s=0.005), triggers)


def test_missing_and_spurious_triggers():
    log, triggers = planted()
    lost = np.array([0, 1, 77, 299])
    rng = np.random.default_rng(1)
    others = np.sort(np.concatenate([np.delete(triggers, lost), rng.uniform(0, 150, 40)]))
    found = matched(log, others)
    kept = np.delete(np.arange(300), lost)
    assert np.isin(np.flatnonzero(np.isnan(found)), lost).all()
    assert (np.abs(found[kept] - triggers[kept]) < 0.01).all() and np.mean(found[kept] == triggers[kept]) > 0.97


def test_a_recording_that_began_late():
    log, triggers = planted()
    found = matched(log, triggers[60:], max_missing=60)
    assert np.isnan(found[:60]).all() and np.array_equal(found[60:], triggers[60:])
    with pytest.raises(UserError, match="60 of 300 events of the log have no trigger within 10 ms"):
        matched(log, triggers[60:])


def test_another_runs_triggers_are_refused():
    log, _ = planted()
    _, other = planted(seed=1)
    with pytest.raises(UserError, match="of the same run"):
        matched(log, other)


def test_a_doubled_log_and_no_triggers():
    log, triggers = planted()
    with pytest.raises(UserError, match="events in the log do not ascend: are some of them duplicated"):
        matched(np.concatenate([log, log]), triggers)
    with pytest.raises(UserError, match="no triggers"):
        matched(log, [])


def test_each_trigger_belongs_to_one_event():
    found = matched(np.array([1.0, 2.0, 2.004, 3.0]), np.array([11.0, 12.0, 13.0]), max_missing=1)
    assert np.nansum(found) == 36.0 and np.isnan(found).sum() == 1


def test_other_times_are_shifted_as_their_neighbours():
    log, triggers = planted(drift=2e-4, jitter_s=0.0)
    times = np.array([log[0] - 1, log[10] + 0.01, log[-1] + 1])
    moved = on_recording_clock(times, log, matched(log, triggers))
    assert np.allclose(moved, times * (1 + 2e-4) + 12.345, atol=5e-4)
