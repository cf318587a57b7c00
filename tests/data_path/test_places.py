"""The places of sensors: an electrode without one is named, never laid into the middle of the map."""

import mne
import numpy as np
import pytest
from builders import simulated_raw

from n2s.data.places import NOWHERE, placed_sensors
from n2s.data.positions import sensor_positions
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.simulated.sensors import helmet


def cap(n: int = 20, kind: str = "eeg") -> mne.Info:
    raw = simulated_raw(n, kind="eeg", duration_s=1.0)
    return raw.set_channel_types(dict.fromkeys(raw.ch_names, kind), verbose="error").info


def move(info: mne.Info, index: int, place) -> mne.Info:
    info["chs"][index]["loc"][:3] = place
    return info


@pytest.mark.parametrize("place", [np.nan, 0.0, [np.nan, 0.1, 0.1], np.inf])
@pytest.mark.parametrize("kind", ["eeg", "seeg"])
def test_one_electrode_without_a_place_is_named(place, kind):
    """MNE lays it into the middle of the layout, and squeezes the others (mne-tools/mne-bids#381)."""
    info = move(cap(kind=kind), 5, place)
    with pytest.raises(UserError, match=r"here: 1 of 20 channels have no place on the head \(F5; n/a, or 0 0 0\)"):
        sensor_positions(info, "here")


def test_a_bad_electrode_needs_no_place_and_moves_no_other():
    info = cap()
    others = sensor_positions(mne.pick_info(info, np.delete(np.arange(20), 5)), "here")
    info["bads"] = ["F5"]
    found = sensor_positions(move(info, 5, np.nan), "here")
    np.testing.assert_array_equal(np.delete(found, 5, axis=0), others)
    assert (found[5] == np.float32(NOWHERE)).all()


def test_a_magnetometer_without_a_place_is_named_and_a_known_helmet_needs_none():
    raw = simulated_raw(10, duration_s=1.0)
    for index, channel in enumerate(raw.info["chs"]):
        channel["loc"][:3] = 0.1 * np.array([np.cos(index), np.sin(index), 1.0])
    with pytest.raises(UserError, match="1 of 10 channels have no place on the head .MEG004"):
        sensor_positions(move(raw.info, 4, 0.0), "here")
    info = helmet(100.0)
    places = sensor_positions(info, "here")
    np.testing.assert_array_equal(sensor_positions(move(info, 4, np.nan), "here"), places)  # its map is by name


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["FP1", "EEG Fz", "Cz-REF", "OZ."], "'FP1' for 'Fp1', 'EEG Fz' for 'Fz', 'Cz-REF' for 'Cz', 'OZ.' for 'Oz'"),
        (["E1", "EXG1"], None),
    ],
)
def test_names_that_a_montage_nearly_has_are_told(names, hint):
    with pytest.raises(UserError) as said:
        sensor_positions(mne.create_info(names, 100.0, "eeg"), "here")
    assert (f"rename {hint}." in str(said.value)) if hint else "rename" not in str(said.value)


@pytest.mark.parametrize("factor", [1000.0, 100.0, 0.001])
def test_places_in_another_unit_are_told_and_the_map_is_the_same(factor):
    info = cap(64)
    expected = sensor_positions(info, "here")
    for channel in info["chs"]:
        channel["loc"][:3] *= factor
    with kept() as found:
        places = sensor_positions(info, "here")
    np.testing.assert_allclose(places, expected, atol=0.01)
    assert len(found) == 1 and "their unit is not the metre" in found[0].text


@pytest.mark.parametrize("factor", [1000.0, 10.0, 0.001])
def test_one_electrode_in_another_unit_is_refused(factor):
    info = cap()
    with pytest.raises(UserError, match=r"1 electrodes lie far from the others: F5 \("):
        sensor_positions(move(info, 5, factor * info["chs"][5]["loc"][:3]), "here")


def test_two_electrodes_at_one_place_are_told_and_all_at_one_are_refused():
    info = cap()
    with kept() as found:
        places = sensor_positions(move(info, 5, info["chs"][6]["loc"][:3]), "here")
    assert "at the same place: F5 and F7" in found[0].text and (places[5] == places[6]).all()
    for index in range(20):
        move(info, index, [0.0, 0.0, 0.1])
    with pytest.raises(UserError, match="all 20 sensors lie at one point"):
        sensor_positions(info, "here")


def test_caps_and_helmets_as_they_are_tell_nothing():
    montages = ["biosemi64", "biosemi128", "easycap-M1", "easycap-M10", "GSN-HydroCel-128"]
    with kept() as found:
        for name in montages:
            montage = mne.channels.make_standard_montage(name)
            info = mne.create_info(montage.ch_names, 100.0, "eeg")
            info.set_montage(montage)
            places = sensor_positions(info, name)
            assert places.min() == 0 and places.max() == 1
        sensor_positions(helmet(100.0), "helmet")
    assert not found


@pytest.mark.parametrize("position", [[1.2, 0.5], [np.nan, 0.5], [0.5, -0.01]])
def test_positions_outside_the_square_are_refused(position):
    meta = {"positions": [[0.0, 1.0], position], "good": [True, True], "ch_names": ["a", "b"]}
    with pytest.raises(UserError, match="here: 1 of 2 good sensors lie outside the unit square; b is at"):
        placed_sensors(meta, "here")
    np.testing.assert_array_equal(placed_sensors(meta | {"good": [True, False]}, "here"), [True, False])


def test_windows_leave_out_contacts_without_a_place_and_say_so():
    meta = {
        "positions": [[0.0, 1.0], [NOWHERE, NOWHERE], [0.5, 0.5], [NOWHERE, NOWHERE]],
        "good": [True, True, True, False],
        "ch_names": ["a", "b", "c", "d"],
        "frame": "own",
    }
    with kept() as found:
        np.testing.assert_array_equal(placed_sensors(meta, "here"), [True, False, True, False])
    (one,) = found
    assert one.kind == "left out" and "1 of 3 good contacts have no place (b): windows leave them out" in one.text
    with pytest.raises(UserError, match="here: 3 of 3 good contacts have no place"):
        placed_sensors(meta | {"positions": 4 * [[NOWHERE, NOWHERE]]}, "here")
    del meta["frame"]  # electrodes on the head, from a preparation of one's own
    with pytest.raises(UserError, match="1 of 3 good contacts have no place"):
        placed_sensors(meta, "here")
