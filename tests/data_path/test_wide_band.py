"""Sound at the very rate of a recording."""

import numpy as np
import pytest

from n2s.data.wide_band import at_rate


def test_sound_keeps_its_time_at_a_rate_that_is_no_whole_number():
    hz, rate_hz, tone_hz = 500, 499.6, 120.0
    values = np.sin(2 * np.pi * tone_hz * np.arange(60 * hz) / hz).astype(np.float32)
    found = at_rate(values, rate_hz)
    times_s = np.arange(len(found)) / rate_hz
    assert len(found) == pytest.approx(60 * rate_hz, abs=2)
    error = (found - np.sin(2 * np.pi * tone_hz * times_s))[200:-200]
    assert np.abs(error).max() < 0.02  # after a minute 24 samples would be missing
    assert at_rate(values, 500.0) is values
