"""Arrays and images from outside: NumPy, HDF5 and NIfTI headers that lie are refused, or what is read is what was promised."""

import gzip
import json
import struct

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangled import ODD, answer, broken, fuzz, jsons, tables
from studies.trees import libribrain
from studies.trees_fmri import generic, lebel2023, park2025

from n2s.studies import Lebel2023, LibriBrain
from n2s.studies.readers.arrays import read_frames
from n2s.studies.readers.bdata import BData
from n2s.studies.readers.bold_files import BoldFiles, read_rois

VALUES = st.one_of(
    st.floats(), st.integers(-(2**40), 2**40), st.sampled_from(ODD[:20]).filter(lambda text: "\0" not in text),
    st.sampled_from((b"", b"\xff\xfe", np.zeros(0), np.zeros((2, 0)), np.arange(3), np.ones((2, 2, 2)), 1j, True,
                     np.array([b"a", b"b"]), h5py.Empty("f4"), np.full((3, 3), np.nan))),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


@st.composite
def npys(draw) -> bytes:
    """A .npy file of any kind of array, its header or bytes changed."""
    shape = draw(st.sampled_from(((8, 2), (8,), (), (0, 2), (2, 2, 2))))
    array = np.arange(max(int(np.prod(shape)), 1), dtype=float)[: int(np.prod(shape))].reshape(shape)
    array = array.astype(draw(st.sampled_from(("f8", "f4", "f2", "i4", "u1", "c16", "?", "U4", "M8[s]", "V8"))))
    if array.size and array.dtype.kind == "f" and draw(st.booleans()):
        array.flat[draw(st.integers(0, array.size - 1))] = draw(st.floats())
    header = {"descr": array.dtype.str, "fortran_order": draw(st.booleans()), "shape": array.shape}
    if draw(st.integers(0, 3)) == 0:
        key = draw(st.sampled_from(sorted(header)))
        header[key] = draw(
            st.sampled_from(("|O", "<f8", [("a", "<f8")], (10**12, 2), (-1, 2), (8, 2.5), None, (2,) * 70, (0,) * 40))
        )
    text = (repr(header) + "\n").encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()
    return draw(broken(content)) if draw(st.booleans()) else content


@fuzz(share=3)
@given(npys(), jsons({"rate_hz": 64, "start_s": 0.5}), st.booleans())
def test_ready_frames(folder, content, said, whole):
    (folder / "f.npy").write_bytes(content)
    (folder / "f.json").write_bytes(b'{"rate_hz": 64, "start_s": 0.5}' if whole else said)
    frames = answer(read_frames, folder / "f.npy")
    if frames is not None:
        assert frames.values.dtype == np.float32 and frames.values.ndim == 2 and len(frames.values)
        assert np.isfinite(frames.values).all() and 0 < frames.rate_hz < np.inf and np.isfinite(frames.stop_s)


@fuzz(share=2)
@given(npys())
def test_volumes_in_npy(folder, content):
    path = folder / "sub-01_bold.npy"
    path.write_bytes(content)
    files = BoldFiles(tr_s=2.0)
    counted, found = answer(files.count, path), answer(files.read, path, root=folder, subject="01")
    if found is not None:
        assert found.data.ndim == 2 and counted == (len(found.data), 2.0) and found.data.dtype.kind in "biuf"


@fuzz(share=2)
@given(npys())
def test_regions(folder, content):
    (folder / "rois").mkdir(exist_ok=True)
    (folder / "rois" / "A1.npy").write_bytes(content)
    rois = answer(read_rois, folder / "rois", 8)
    if rois is not None:
        assert rois["A1"].dtype == bool and rois["A1"].shape == (8,)


def mangled_h5(draw, path, write) -> None:
    """Write an HDF5 file, then change, drop or replace some of its objects and attributes, or its bytes."""
    write(path)
    with h5py.File(path, "r+") as file:
        for _ in range(draw(st.integers(0, 2))):
            names: list[str] = []
            file.visit(names.append)
            at_attribute = len(file.attrs) and draw(st.booleans())
            place = file.attrs if at_attribute else file
            names = sorted(place if at_attribute else names)
            if not names:
                break
            name = draw(st.sampled_from(names))
            what = draw(st.sampled_from(("out", "odd", "odd", "group", "cell", "type")))
            value = None if at_attribute or isinstance(file[name], h5py.Group) else file[name][()]
            if what == "cell" and isinstance(value, np.ndarray) and value.size and value.dtype.kind == "f":
                value.flat[draw(st.integers(0, value.size - 1))] = draw(st.floats())
                file[name][...] = value
                continue
            del place[name]
            if what == "odd":
                place[name] = draw(VALUES)
            elif what == "group" and not at_attribute:
                file.create_group(name)
            elif what == "type" and isinstance(value, np.ndarray) and value.dtype.kind == "f":
                file[name] = value.astype(draw(st.sampled_from(("f2", "i4", "c8", "S8", "?"))))
    if draw(st.integers(0, 2)) == 0:
        path.write_bytes(draw(broken(path.read_bytes(), at_most=8)))


@fuzz(share=2)
@given(st.data())
def test_volumes_in_hdf5(folder, data):
    path = folder / "sub-01_bold.h5"

    def write(path):
        with h5py.File(path, "w") as file:
            file["data"] = np.ones((8, 3))
            file["more/data"] = np.ones(2)

    mangled_h5(data.draw, path, write)
    files = BoldFiles(tr_s=2.0, key=data.draw(st.sampled_from(("data", "more/data", "more", "/", ""))))
    counted, found = answer(files.count, path), answer(files.read, path, root=folder, subject="01")
    if found is not None:
        assert found.data.ndim == 2 and counted == (len(found.data), 2.0) and found.data.dtype.kind in "biuf"


def test_bdata(folder):
    names = park2025.samples(park2025.TEST, 1)
    values = park2025.volumes(names, 1)

    @fuzz(share=2)
    @given(st.data())
    def check(data):
        path = folder / "bdata.h5"
        mangled_h5(data.draw, path, lambda path: park2025.write_bdata(path, names, values))
        file = answer(BData, path)
        if file is None:
            return
        labels = answer(file.labels, "sample_name")
        assert labels is None or (len(labels) == file.n_samples and all(isinstance(one, str) for one in labels))
        voxels = answer(file.columns, "VoxelData")
        if voxels is None:
            return
        assert voxels.dtype == bool
        samples = answer(file.samples, voxels)
        assert samples is None or (samples.shape == (file.n_samples, voxels.sum()) and samples.dtype == np.float32)
        for marks in (answer(file.regions, voxels) or {}).values():
            assert marks.dtype == bool and marks.shape == (voxels.sum(),)

    check()


def test_recordings_of_libribrain(tmp_path):
    study = LibriBrain(str(libribrain.write_tree(tmp_path)))
    recording = study.recordings()[0]
    path = study.sources(recording)[0]
    with h5py.File(path) as file:
        attributes = dict(file.attrs)

    def write(path):
        path.unlink(missing_ok=True)
        with h5py.File(path, "w") as file:
            file["data"] = np.ones((12, 50), np.float32)
            file.attrs.update(attributes)

    @fuzz()
    @given(st.data())
    def check(data):
        mangled_h5(data.draw, path, write)
        raw = answer(study.load, recording)
        if raw is not None:
            assert 0 < raw.info["sfreq"] < np.inf and len(raw.ch_names) == len(raw.get_data())

    check()


def test_numbers_of_volumes(tmp_path):
    root = lebel2023.write_tree(tmp_path)
    path = root / "derivative" / "respdict.json"
    valid = json.loads(path.read_text())

    @fuzz()
    @given(jsons(valid))
    def check(content):
        path.write_bytes(content)
        study = answer(Lebel2023, str(root))
        if study is not None:
            clips = answer(study.clips, study.recordings()[0])
            assert clips is None or np.isfinite(clips[["start_s", "time_s", "duration_s"]].to_numpy(float)).all()

    check()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    generic.write_image(root / "bold.nii", generic.volumes(1, 1)[..., :6])
    generic.write_image(root / "mask.nii", generic.MASK)
    generic.write_image(root / "atlas.nii", generic.ATLAS)
    (root / "atlas.tsv").write_text("index\tname\n7\tA1\n9\tV1\n")
    return root, {path.name: path.read_bytes() for path in root.iterdir()}


HEADER = {  # where fields of the NIfTI-1 header are, and their types
    "sizeof_hdr": (0, "i"), "dim": (40, "8h"), "datatype": (70, "h"), "bitpix": (72, "h"), "pixdim": (76, "8f"),
    "vox_offset": (108, "f"), "slope": (112, "f"), "intercept": (116, "f"), "units": (123, "b"), "qform": (252, "h"),
    "sform": (254, "h"), "srow_x": (280, "4f"), "magic": (344, "i"),
}  # fmt: skip


@fuzz(share=3)
@given(st.data())
def test_images(images, data):
    root, valid = images
    for name, content in valid.items():
        (root / name).write_bytes(content)
    name = data.draw(st.sampled_from(("bold.nii", "bold.nii", "mask.nii", "atlas.nii", "atlas.tsv")))
    content = bytearray(valid[name])
    if name == "atlas.tsv":
        content = data.draw(tables(content.decode()))
    else:
        for _ in range(data.draw(st.integers(0, 2))):
            at, kind = HEADER[data.draw(st.sampled_from(sorted(HEADER)))]
            size = struct.calcsize(kind[-1])
            at += size * data.draw(st.integers(0, int(kind[:-1] or 1) - 1))
            if kind[-1] == "f":
                number = data.draw(st.floats(width=32))
            else:
                number = data.draw(
                    st.one_of(st.integers(-2, 20), st.integers(-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1))
                )
            struct.pack_into("<" + kind[-1], content, at, number)
        if data.draw(st.integers(0, 2)) == 0:
            content = data.draw(broken(bytes(content)))
    name_of_run = data.draw(st.sampled_from(("bold.nii", "bold.nii.gz")))
    (root / name).write_bytes(content)
    if name_of_run.endswith(".gz"):
        zipped = gzip.compress((root / "bold.nii").read_bytes(), mtime=0)
        (root / name_of_run).write_bytes(data.draw(broken(zipped)) if data.draw(st.integers(0, 3)) == 0 else zipped)
    files = BoldFiles(mask=data.draw(st.sampled_from(("mask.nii", None))), atlas="atlas.nii", atlas_labels="atlas.tsv",
                      resample_mask=data.draw(st.booleans()))  # fmt: skip
    counted = answer(files.count, root / name_of_run)
    found = answer(files.read, root / name_of_run, root=root, subject="01")
    assert counted is None or (counted[0] > 0 and 0 < counted[1] < np.inf)
    if found is not None:
        values, n_voxels = found.data, found.data.shape[1]
        assert values.ndim == 2 and counted[0] == len(values) and values.dtype.kind in "iuf"
        assert all(isinstance(name, str) and marks.shape == (n_voxels,) for name, marks in found.rois.items())
        assert found.places.shape == (n_voxels, 3)
