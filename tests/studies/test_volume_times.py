"""The TR of a run: from its JSON file, its header and the option, and which of them n2s believes."""

import json

import nibabel
import numpy as np
import pytest

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.volume_times import sidecars

NAME = "sub-01_ses-1_task-x_run-1"


@pytest.fixture
def func(tmp_path):
    folder = tmp_path / "sub-01" / "ses-1" / "func"
    folder.mkdir(parents=True)
    return folder


def image(func, step, unit="sec", n=10, name=f"{NAME}_bold.nii.gz"):
    found = nibabel.Nifti1Image(np.zeros((2, 2, 2, n), np.float32), np.eye(4))
    found.header.set_xyzt_units("mm", unit)
    found.header["pixdim"][4] = step
    nibabel.save(found, func / name)
    return func / name


def say(func, name=f"{NAME}_bold.json", **said):
    (func / name).write_text(json.dumps(said))


def tr_of(path, **options):
    """The TR, and what was reported."""
    with kept() as findings:
        n, tr_s = BoldFiles(**options).count(path)
    assert n == 10
    return tr_s, [(one.kind, one.text) for one in findings]


@pytest.mark.parametrize("tr_s", [1.3, 4 / 3, 0.72, 1.49, 2.0])
def test_float32_of_a_header_costs_nothing(func, tr_s):
    """A TR of 1.3 s is 1.2999999523 in a header (poldracklab/fitlins#25)."""
    path = image(func, tr_s)
    say(func, RepetitionTime=tr_s)
    assert tr_of(path) == (tr_s, [])
    say(func, RepetitionTime=float(np.float32(tr_s)))  # as converters write it that read it from a header
    assert tr_of(path)[0] == pytest.approx(tr_s, abs=1e-7) and not tr_of(path)[1]
    (func / f"{NAME}_bold.json").unlink()
    found, told = tr_of(path)
    assert found == pytest.approx(tr_s, abs=1e-7) and told[0][0] == "odd" and "only the header" in told[0][1]


@pytest.mark.parametrize(("step", "unit"), [(1.0, "sec"), (1.0, "unknown"), (1.0, "msec")])
def test_a_placeholder_in_the_header(func, step, unit):
    """Version 23.2.0 of fMRIPrep left 1 there (nipreps/fmriprep#3216)."""
    path = image(func, step, unit)
    with pytest.raises(UserError, match="as writers leave it .* Set tr_s"):
        tr_of(path)
    say(func, RepetitionTime=0.8)
    tr_s, told = tr_of(path)
    assert tr_s == 0.8 and told[0][0] == "corrected" and "a TR of 1 " in told[0][1] and "0.8 s of Repet" in told[0][1]
    say(func, RepetitionTime=1.0)
    assert tr_of(path) == (1.0, []) or unit == "msec"
    (func / f"{NAME}_bold.json").unlink()
    assert tr_of(path, tr_s=1.0)[0] == 1.0


def test_a_header_without_a_tr(func):
    path = image(func, 0.0)
    with pytest.raises(UserError, match="a TR of 0 sec in its header, which is no TR.*Set tr_s"):
        tr_of(path)
    say(func, RepetitionTime=1.5)
    assert tr_of(path) == (1.5, [])


@pytest.mark.parametrize(("step", "unit", "expected"), [(2000, "msec", 2.0), (2e6, "usec", 2.0), (1300, "msec", 1.3)])
def test_units_of_the_header(func, step, unit, expected):
    path = image(func, step, unit)
    say(func, RepetitionTime=expected)
    assert tr_of(path) == (expected, [])
    (func / f"{NAME}_bold.json").unlink()
    assert tr_of(path)[0] == expected


@pytest.mark.parametrize(("step", "unit"), [(2000, "sec"), (2000, "unknown"), (2, "msec"), (2, "usec")])
def test_a_wrong_unit_in_the_header_is_corrected_aloud(func, step, unit):
    tr_s, told = tr_of(image(func, step, unit))
    assert tr_s == 2.0 and [kind for kind, _ in told] == ["corrected", "odd"] and f"{step} {unit}" in told[0][1]


def test_ms_in_the_json_file(func):
    path = image(func, 2.0)
    say(func, RepetitionTime=2000)
    tr_s, told = tr_of(path)
    assert tr_s == 2.0 and told[0][0] == "corrected" and "is 2000, which BIDS has in s" in told[0][1]


@pytest.mark.parametrize("value", [0, -2, 50, 0.002, 1e9, "soon", True, [2.0], {"a": 1}])
def test_no_number_of_seconds_in_the_json_file(func, value):
    path = image(func, 2.0)
    say(func, RepetitionTime=value)
    with pytest.raises(UserError, match="RepetitionTime in .*json is .*expected"):
        tr_of(path)


def test_the_option_in_place_of_an_impossible_value(func):
    """The TR of one excitation, 36 ms, is what some converters write for 3D sequences."""
    path = image(func, 0.0)
    say(func, RepetitionTime=0.036)
    tr_s, told = tr_of(path, tr_s=2.0)
    assert (
        tr_s == 2.0 and told[0][0] == "corrected" and "is 0.036, which is no possible TR; n2s uses tr_s" in told[0][1]
    )


def test_two_plausible_values_are_an_error_with_both(func):
    path = image(func, 1.5)
    say(func, RepetitionTime=2.0)
    with pytest.raises(
        UserError, match=r"a TR of 1.5 sec in its header, but RepetitionTime in .*json is 2 s.*set tr_s"
    ):
        tr_of(path)
    tr_s, told = tr_of(path, tr_s=1.5)  # the option decides, and agrees with one
    assert tr_s == 1.5 and told[0][0] == "corrected" and "is 2 s; n2s uses tr_s, 1.5 s" in told[0][1]
    tr_s, told = tr_of(path, tr_s=2.0)
    assert tr_s == 2.0 and told == [("corrected", "a TR of 1.5 sec in its header; n2s uses tr_s, 2 s.")]
    with pytest.raises(UserError, match="tr_s is 3 s, but RepetitionTime in .*json is 2 s"):
        tr_of(path, tr_s=3.0)


def test_the_option_against_a_header_alone(func):
    path = image(func, 2.5)
    assert tr_of(path, tr_s=2.5) == (2.5, [])
    tr_s, told = tr_of(path, tr_s=2.0)
    assert tr_s == 2.0 and told[0][0] == "corrected"
    for wrong, words in (
        (2000.0, "If it is in ms, set 2"),
        (-1.0, "above 0"),
        (float("nan"), "above 0"),
        (40.0, "to 20"),
    ):
        with pytest.raises(UserError, match=f"tr_s is .*{words}"):
            tr_of(path, tr_s=wrong)


def test_of_one_tr_the_statement_with_the_most_digits(func):
    """1.333 s would be a volume late after 2000 of them."""
    path = image(func, 4 / 3)
    say(func, RepetitionTime=1.333)
    tr_s, told = tr_of(path)
    assert tr_s == pytest.approx(4 / 3, abs=1e-7) and "rounded" in told[0][1]
    say(func, RepetitionTime=4 / 3)
    assert tr_of(path) == (4 / 3, []) and tr_of(path, tr_s=1.333)[0] == 4 / 3


def test_json_files_are_inherited(func, tmp_path):
    """task-x_bold.json at the root is for all runs of the task; a nearer file wins, one of another task says nothing."""
    path = tmp_path / "sub-01" / "ses-1" / "func" / f"{NAME}_bold.npy"
    np.save(path, np.zeros((10, 3)))
    with pytest.raises(UserError, match="an array does not contain the TR, .*Set tr_s"):
        tr_of(path)
    say(tmp_path, "task-y_bold.json", RepetitionTime=3.0)
    say(tmp_path, "task-x_events.json", RepetitionTime=3.0)
    say(func, "sub-01_task-x_run-2_bold.json", RepetitionTime=3.0)
    say(tmp_path, "task-x_bold.json", RepetitionTime=2.0, DelayTime=0.5)
    tr_s, told = tr_of(path)
    assert tr_s == 2.0 and "DelayTime is 0.5 s" in told[0][1]
    say(tmp_path / "sub-01", "sub-01_task-x_bold.json", RepetitionTime=1.0)
    say(func, f"{NAME}_bold.json", RepetitionTime=1.49)
    assert tr_of(path)[0] == 1.49
    assert [one.name for one in sidecars(path)] == [
        "task-x_bold.json", "sub-01_task-x_bold.json", f"{NAME}_bold.json"
    ]  # fmt: skip
    (func / f"{NAME}_bold.json").write_bytes(b"\xef\xbb\xbf" + b'{"RepetitionTime": 1.49}')
    assert tr_of(path)[0] == 1.49
    (func / f"{NAME}_bold.json").write_text("{RepetitionTime: 2}")
    with pytest.raises(UserError, match="_bold.json, line 1.*not JSON"):
        tr_of(path)


def test_sparse_sampling_is_refused_and_equal_steps_are_a_tr(func):
    path = image(func, 1.0)
    say(func, VolumeTiming=[round(i * 4 / 3, 3) for i in range(10)], AcquisitionDuration=1.0)
    assert tr_of(path)[0] == pytest.approx(4 / 3, abs=1e-4)
    say(func, VolumeTiming=[0, 2, 4, 10, 12, 14, 20, 22, 24, 30])
    with pytest.raises(UserError, match="VolumeTiming .* steps from 2 to 6 s: volumes that are not equally spaced"):
        tr_of(path)
    say(func, VolumeTiming=[2.0 * i for i in range(9)])
    with pytest.raises(UserError, match="VolumeTiming .* has 9 times, but the run has 10 volumes"):
        tr_of(path)
    say(func, VolumeTiming=[4 + 2.0 * i for i in range(10)])
    with pytest.raises(UserError, match="starts at 4 s"):
        tr_of(path)
    say(func, VolumeTiming=[2.0 * i for i in range(10)], RepetitionTime=1.5)
    with pytest.raises(UserError, match="RepetitionTime .* is 1.5 s, but VolumeTiming .* steps of 2 s"):
        tr_of(path)


def test_what_shifts_volumes_is_reported(func):
    path = image(func, 2.0)
    say(func, RepetitionTime=2.0, SliceTimingCorrected=True, StartTime=0.95, NumberOfVolumesDiscardedByUser=4)
    tr_s, told = tr_of(path)
    assert tr_s == 2.0 and {kind for kind, _ in told} == {"odd"}
    assert any("0.95 s after each volume's start" in text for _, text in told)
    assert any("NumberOfVolumesDiscardedByUser is 4. n2s shifts nothing" in text for _, text in told)
    say(func, RepetitionTime=2.0, SliceTimingCorrected=False, StartTime=0.95, NumberOfVolumesDiscardedByUser=0)
    assert tr_of(path) == (2.0, [])


def test_an_offset_of_the_header_is_reported(func):
    path = image(func, 2.0)
    found = nibabel.load(path)
    found.header["toffset"] = 8.0
    nibabel.save(found, path)
    say(func, RepetitionTime=2.0)
    assert tr_of(path) == (2.0, [("odd", "its header puts the first volume at 8 sec (toffset). n2s takes it for 0 s, as clips' "
                                         "times do.")])  # fmt: skip
