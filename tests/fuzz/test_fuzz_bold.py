"""Times and layouts of BOLD from outside: headers, JSON files and options that contradict, axes exchanged, CIFTI and GIFTI."""

import json
import struct

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, broken, fuzz, jsons
from studies.test_surfaces import write_cifti, write_gifti
from studies.trees_fmri import generic

from n2s.findings import kept
from n2s.studies.readers.bold_files import BoldFiles
from n2s.studies.readers.clips import check_in_run
from n2s.studies.readers.volume_times import PLAUSIBLE_S

N = 6
TIMES = st.sampled_from(
    (0, 1, 0.5, 0.8, 1.3, 4 / 3, 2, 2.0001, 3, 1300, 2000, 2e6, -2, 0.002, 50, float("nan"), float("inf"))
)
VALUES = st.one_of(TIMES, st.floats(0.05, 20), st.sampled_from((None, True, "2.0", "soon", [], [0, 2], {}, 10**400)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bold")


@fuzz(share=1)
@given(st.data())
def test_headers_json_files_and_options(folder, data):
    """Whatever n2s takes for the TR stands somewhere, in s or ms; a value of two that contradict is never taken silently."""
    path, beside = folder / "sub-01_task-x_bold.nii", folder / "task-x_bold.json"
    image = nibabel.Nifti1Image(np.zeros((2, 2, 1, N), np.float32), np.eye(4))
    image.header["pixdim"][4] = step = data.draw(st.one_of(TIMES, st.floats(0.125, 20, width=32)))
    image.header["xyzt_units"] = data.draw(st.sampled_from((0, 2, 8, 10, 16, 18, 24, 26, 34, 255)))
    nibabel.save(image, path)
    said = {}
    for key in ("RepetitionTime", "VolumeTiming", "DelayTime", "StartTime", "SliceTimingCorrected"):
        if data.draw(st.integers(0, 2)) == 0:
            said[key] = data.draw(VALUES)
    if data.draw(st.integers(0, 3)) == 0:
        said["VolumeTiming"] = [round(i * data.draw(st.sampled_from((1.3, 2.0))), 3) for i in range(N)]
    beside.unlink(missing_ok=True)
    if said:
        beside.write_text(json.dumps(said))
        if data.draw(st.integers(0, 4)) == 0:
            beside.write_bytes(
                data.draw(jsons(json.loads(json.dumps(said, default=str).replace("NaN", "1").replace("Infinity", "2"))))
            )
            said = None
    option = data.draw(st.none() | TIMES)
    with kept() as findings:
        found = answer(lambda: BoldFiles(tr_s=option).count(path))
    if found is None:
        return
    n, tr_s = found
    assert n == N and PLAUSIBLE_S[0] <= tr_s <= PLAUSIBLE_S[1]
    if said is None:
        return
    written = said.get("RepetitionTime")
    stated = [
        option,
        written,
        step,
        *(
            [said["VolumeTiming"][-1] / (N - 1)]
            if isinstance(said.get("VolumeTiming"), list) and said["VolumeTiming"]
            else []
        ),
    ]
    numbers = [float(one) for one in stated if isinstance(one, int | float | str) and str(one) not in ("soon", "True")]
    near = [
        any(abs(number * factor - tr_s) < 1e-3 for factor in (1, 1e-3, 1e-6))
        for number in numbers
        if abs(number) < 1e300
    ]
    assert any(near)
    if option is not None:
        assert abs(option - tr_s) < 1.001e-3
    if not all(near) and not (step == 0 and near.count(False) == 1):
        assert any(one.kind == "corrected" for one in findings)


@fuzz(share=1)
@given(st.data())
def test_axes_exchanged(data):
    """An array as it should be is never refused; exchanged, it is refused wherever the clips tell the two readings apart."""
    tr_s = data.draw(st.sampled_from((0.72, 1.5, 2.0)))
    n_tr = data.draw(st.integers(100, 900))
    n_voxels = data.draw(st.integers(1, 100_000))
    rest_s = data.draw(st.floats(0, 40))
    last_s = n_tr * tr_s - min(rest_s, 0.4 * n_tr * tr_s)
    clips = pd.DataFrame({"time_s": [0.0, last_s - 2.0], "duration_s": 2.0})
    check_in_run(clips, n_tr, tr_s, where="here", n_columns=n_voxels)
    with kept():
        taken = answer(lambda: check_in_run(clips, n_voxels, tr_s, where="here", n_columns=n_tr) or True)
    apart = n_voxels * tr_s < last_s - 0.1 or n_voxels * tr_s > 2 * last_s + 61
    assert not (taken and apart)


@fuzz(share=1)
@given(st.data())
def test_cifti_headers(folder, data):
    path = write_cifti(folder / "sub-02_task-x_bold.dtseries.nii")
    content = bytearray(path.read_bytes())
    what = data.draw(st.sampled_from(("header", "xml", "bytes")))
    if what == "header":
        at, kind = data.draw(
            st.sampled_from(((40, "8h"), (70, "h"), (108, "f"), (16, "8q"), (12, "h"), (168, "q"), (504, "i")))
        )
        size = struct.calcsize("<" + kind[-1])
        at += size * data.draw(st.integers(0, int(kind[:-1] or 1) - 1))
        limit = 2 ** (8 * size - 1)
        number = data.draw(
            st.floats(width=32) if kind[-1] == "f" else st.one_of(st.integers(-2, 50), st.integers(-limit, limit - 1))
        )
        struct.pack_into("<" + kind[-1], content, at, number)
    elif what == "xml":
        old, new = data.draw(st.sampled_from((
            (b'SeriesStep="2.0"', b'SeriesStep="0.0"'), (b'SeriesStep="2.0"', b'SeriesStep="abc"'),
            (b'SeriesExponent="0"', b'SeriesExponent="3"'), (b'SeriesUnit="SECOND"', b'SeriesUnit="RADIAN"'),
            (b'NumberOfSeriesPoints="40"', b'NumberOfSeriesPoints="41"'), (b'IndexCount="3"', b'IndexCount="4"'),
            (b'AppliesToMatrixDimension="0"', b'AppliesToMatrixDimension="1"'), (b"CORTEX_LEFT", b"CORTEX_LEFX"),
        )))  # fmt: skip
        content = bytearray(bytes(content).replace(old, new))
    else:
        content = bytearray(data.draw(broken(bytes(content))))
    path.write_bytes(content)
    with kept():
        counted = answer(BoldFiles().count, path)
        found = answer(BoldFiles().read, path, root=folder, subject="02")
    if found is not None:
        assert counted == (len(found.data), found.tr_s) and found.data.ndim == 2 and found.data.dtype.kind in "biuf"
        assert PLAUSIBLE_S[0] <= found.tr_s <= PLAUSIBLE_S[1]
        assert sum(int(roi.sum()) for roi in found.rois.values()) == found.data.shape[1]


@fuzz(share=1)
@given(st.data())
def test_gifti_files(folder, data):
    values = np.random.default_rng(0).standard_normal((N, 4)).astype(np.float32)
    paths = [folder / f"sub-03_task-x_hemi-{side}_bold.func.gii" for side in "LR"]
    for path in paths:
        write_gifti(
            path,
            values,
            step=data.draw(st.sampled_from((2000, 2, "", "soon", -1, 1e9))),
            whole=data.draw(st.booleans()),
        )
    content = paths[0].read_bytes()
    if data.draw(st.booleans()):
        content = data.draw(broken(content))
    else:
        old, new = data.draw(st.sampled_from((
            (b'Dim0="4"', b'Dim0="5"'), (b"NIFTI_INTENT_TIME_SERIES", b"NIFTI_INTENT_LABEL"), (b"FLOAT32", b"INT32"),
            (b'NumberOfDataArrays="6"', b'NumberOfDataArrays="7"'), (b"GZipBase64Binary", b"ASCII"), (b"Little", b"Big"),
        )))  # fmt: skip
        content = content.replace(old, new)
    paths[0].write_bytes(content)
    with kept():
        counted = answer(BoldFiles().count, *paths)
        found = answer(BoldFiles().read, *paths, root=folder, subject="03")
    if found is not None:
        assert counted == (len(found.data), found.tr_s) and found.data.ndim == 2
        assert PLAUSIBLE_S[0] <= found.tr_s <= PLAUSIBLE_S[1] and found.data.shape[1] >= 4
        assert list(found.rois) == ["CortexLeft", "CortexRight"]


def test_a_mask_and_an_array_by_chance(folder):
    """Regions and places never have another number of voxels than the data."""
    root = generic.write_tree(folder / "own", ".nii.gz")

    @fuzz(share=0.5)
    @given(st.data())
    def check(data):
        values = data.draw(st.sampled_from((0.0, 0.5, 1.0, 2.0, -1.0, float("nan"), 1e9, 3.0000001)))
        mask = generic.MASK * np.float32(1)
        mask[data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3)), 1] = values
        generic.write_image(root / "mask.nii.gz", mask)
        files = BoldFiles(mask="mask.nii.gz", atlas="atlas.nii.gz", atlas_labels="atlas.tsv")
        path = root / "sub-01" / "func" / "sub-01_task-listen_run-1_space-T1w_desc-preproc_bold.nii.gz"
        with kept():
            found = answer(files.read, path, root=root, subject="01")
        if found is not None:
            assert found.data.shape == (generic.N_TR, (mask > 0).sum()) and len(found.places) == found.data.shape[1]
            assert np.array_equal(found.data, generic.volumes(1, 1)[mask > 0].T)
            assert all(len(roi) == found.data.shape[1] for roi in found.rois.values())

    check()
