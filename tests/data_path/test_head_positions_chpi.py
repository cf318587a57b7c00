"""Head positions from the recording itself: coils that buzz (Megin), and channels with the places of coils (CTF)."""

import mne
import numpy as np
import pytest
from mne.io.constants import FIFF
from mne.io.ctf.trans import _make_ctf_coord_trans_set
from test_bad_channels import helmet_with_noise

from n2s.data import SSS, RegressOut
from n2s.data.cleaning.head_position import distances_m, head_positions
from n2s.data.cleaning.learning import _cut
from n2s.data.cleaning.references import references_of
from n2s.data.cleaning.run import run_step
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.head_positions import from_first_sample
from n2s.studies.simulated.sensors import helmet

COILS = np.array([[0.05, 0.06, 0.05], [-0.05, 0.06, 0.05], [0.06, -0.03, 0.06], [-0.06, -0.03, 0.06]])


def located(info, coils):
    """The header of a recording whose head is where the device is, with these coils."""
    points = {"head": FIFF.FIFFV_COORD_HEAD, "device": FIFF.FIFFV_COORD_DEVICE}
    both = {
        name: [
            mne._fiff._digitization.DigPoint(
                r=r.astype(np.float32), ident=i + 1, kind=FIFF.FIFFV_POINT_HPI, coord_frame=frame
            )
            for i, r in enumerate(coils)
        ]
        for name, frame in points.items()
    }
    order = np.arange(1, len(coils) + 1)
    with info._unlock():
        info["dig"] = [*(info["dig"] or []), *both["head"]]
        info["hpi_results"] = [
            {
                "dig_points": both["device"], "order": order, "used": order, "coord_trans": info["dev_head_t"],
                "goodness": np.ones(len(coils)), "moments": np.zeros((len(coils), 3)), "good_limit": 0.98, "dist_limit": 0.005, "accept": 1,
            }
        ]  # fmt: skip


@pytest.fixture(scope="module")
def buzzing():
    """8 s at 1000 Hz; after 4 s the head is 1 cm further."""
    known, info = helmet_with_noise().info, helmet(1000.0).copy()
    with info._unlock():
        info["dev_head_t"], info["dig"] = known["dev_head_t"], known["dig"]
        info["hpi_meas"] = [
            {
                "hpi_coils": [
                    {"number": i + 1, "coil_freq": np.array([hz])} for i, hz in enumerate((153.0, 158.0, 161.0, 166.0))
                ]
            }
        ]
        info["hpi_subsystem"], info["lowpass"], info["line_freq"] = None, 330.0, 50.0
    located(info, COILS)
    info = mne.pick_info(info, mne.pick_types(info, meg="mag"))
    raw = mne.io.RawArray(5e-15 * np.random.default_rng(0).standard_normal((102, 8000)), info, verbose="error")
    rows = np.zeros((2, 10))
    rows[:, 0], rows[1, 4:7], rows[:, 7] = [0, 4], [0, -0.01, 0], 1
    return mne.simulation.add_chpi(raw, rows, interp="zero", verbose="error")


@pytest.mark.slow
def test_coils_that_buzz(buzzing):
    found = head_positions(buzzing, "chpi", "SSS")
    moved = distances_m(found)
    early, late = found[:, 0] < 3.5, found[:, 0] > 4.5
    print(f"{len(found)} positions; head moved by {1e3 * moved[late].mean():.2f} mm of 10")
    np.testing.assert_allclose(moved[early], 0.0, atol=5e-4)
    np.testing.assert_allclose(moved[late], 0.01, atol=5e-4)


@pytest.mark.slow
def test_movement_by_coils_is_compensated(buzzing):
    with kept():
        _, numbers = run_step(SSS(head_pos="chpi"), buzzing.copy(), "here")
    assert numbers["head_moved_mm"] == pytest.approx(10, abs=0.5) and numbers["n_head_positions"] > 4


def test_channels_with_places_of_coils():
    raw = helmet_with_noise()
    to_ctf = mne.transforms.invert_transform(_make_ctf_coord_trans_set(None, None)["t_ctf_dev_dev"])
    nasion_left_right = np.array([[0, 0.09, 0], [-0.09, 0, 0], [0.09, 0, 0]])
    places = np.zeros((9, raw.n_times))
    for half, moved in ((slice(0, 1000), 0.0), (slice(1000, None), 0.01)):
        places[:, half] = mne.transforms.apply_trans(to_ctf, nasion_left_right + [0, moved, 0]).reshape(9, 1)
    names = [f"HLC00{coil}{axis}-1609" for coil in (1, 2, 3) for axis in (1, 2, 3)]
    raw.add_channels(
        [mne.io.RawArray(places, mne.create_info(names, 200.0, "misc"), verbose="error")], force_update_info=True
    )
    located(raw.info, nasion_left_right[[1, 0, 2]])
    found = head_positions(raw, "chpi", "SSS")
    np.testing.assert_allclose(distances_m(found), [0.0, 0.01], atol=1e-5)
    assert found[:, 0].tolist() == [0.0, 5.0]
    found = references_of(raw, ["head"], "RegressOut")["head"]
    assert len(found) == 9 and all(np.ptp(values) < 10.1 for values in found.values())  # mm


@pytest.mark.slow
def test_a_file_beside_the_recording_is_found_after_cleaning_and_cutting(tmp_path):
    """What SSS gives, and stretches to learn from, know where they come from."""
    raw = helmet_with_noise()
    raw.info["bads"] = [raw.ch_names[5]]
    raw.save(tmp_path / "run_raw.fif", verbose="error")
    rows = np.zeros((10, 10))
    rows[:, 0], rows[:, 4], rows[:, 7] = np.arange(10), 1e-3 * np.arange(10), 1
    mne.chpi.write_head_pos(tmp_path / "run_raw.pos", rows)
    raw = mne.io.read_raw_fif(tmp_path / "run_raw.fif", preload=True, verbose="error")
    with kept():
        cleaned, numbers = run_step(SSS(head_pos="{folder}/{name}.pos"), raw, "here")
    assert numbers["n_head_positions"] == 10 and numbers["head_moved_mm"] == pytest.approx(9.0, abs=0.01)
    piece = _cut(cleaned, 2.0, 8.0)
    values = references_of(piece, ["head"], "RegressOut")["head"]["x (mm)"]
    assert values[0] == pytest.approx(2.0) and values[-1] == pytest.approx(7.0)
    with pytest.raises(UserError, match="no head position channel"):
        RegressOut(["head"]).fit([helmet_with_noise()])


def test_both_readers_take_the_clock_by_which_more_positions_lie_in_the_recording():
    """100 s, whose first sample is at 20 s of the acquisition: by both clocks some lie inside."""
    times = np.arange(0.0, 100.0)
    found, moved = from_first_sample(times, first_s=20.0, duration_s=100.0)
    assert moved and found.tolist() == times.tolist()
    found, moved = from_first_sample(times + 20, first_s=20.0, duration_s=100.0)
    assert not moved and found.tolist() == times.tolist()
    found, moved = from_first_sample(times[30:60], first_s=20.0, duration_s=100.0)
    assert not moved and found[0] == 10.0  # as many by both: the acquisition's
