"""Raw recordings in each format: opened with the samples of their source, or refused in the file's own terms."""

import shutil

import edfio
import h5py
import mne
import numpy as np
import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio, write_tsv
from raw_folders import brainvision, edf, eeglab, fif, neuroscan, write_nwb

from n2s.data.edges import annotated, bad_spans
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy
from n2s.studies.readers.raw_files import EXTENSIONS, READERS, open_raw


def opened(path):
    with kept() as found:
        raw = open_raw(path)
    return raw, [one.text for one in found]


def test_every_extension_has_a_reader():
    ends = {end.lower() for ends in EXTENSIONS.values() for end in ends} - {".pdf"}
    assert ends <= set(READERS)


def test_the_samples_of_each_format(tmp_path):
    raw = simulated_raw(3, kind="eeg")
    files = [eeglab(tmp_path / "a.set"), eeglab(tmp_path / "b.set", data="b.fdt"), brainvision(tmp_path / "a.vhdr")]
    for name, overwrite in (("c.edf", {}), ("d.bdf", {}), ("e.EDF", {})):
        path = tmp_path / name
        mne.export.export_raw(path.with_suffix(path.suffix.lower()), raw, overwrite=True, verbose="ERROR", **overwrite)
        files.append(path.with_suffix(path.suffix.lower()).rename(path))
    raw.save(tmp_path / "f_eeg.fif", verbose="ERROR")
    raw.save(tmp_path / "g_eeg.fif.gz", verbose="ERROR")
    for path in (*files, tmp_path / "f_eeg.fif", tmp_path / "g_eeg.fif.gz"):
        found, told = opened(path)
        np.testing.assert_allclose(found.get_data(), raw.get_data(), atol=2e-9, err_msg=path.name)
        assert (found.n_times, found.info["sfreq"], told) == (2000, 100.0, []), path.name


@pytest.mark.parametrize("conversion", [1e-6, [1e-6, 2e-6, 4e-6]])
@pytest.mark.parametrize("clock", ["rate", "timestamps"])
def test_nwb(tmp_path, conversion, clock):
    path = write_nwb(tmp_path / "a.nwb", conversion=conversion, clock=clock)
    raw, _ = opened(path)
    values = np.arange(300).reshape(100, 3) * conversion + 0.5e-6
    np.testing.assert_allclose(raw.get_data(), values.T, rtol=1e-12)
    assert raw.ch_names == ["LA1", "LA2", "LA3"] and raw.info["sfreq"] == pytest.approx(50.0)
    assert set(raw.get_channel_types()) == {"ecog"}


def test_nwb_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match=r"a\.nwb: its timestamps jump by 3\.020 s after 1\.180 s.* a hole"):
        open_raw(write_nwb(tmp_path / "a.nwb", clock="timestamps", lost_s=3.0))
    with h5py.File(write_nwb(tmp_path / "b.nwb"), "r+") as file:
        file.copy("acquisition/ElectricalSeries", "acquisition/Second")
    with pytest.raises(UserError, match=r"holds 2 ElectricalSeries \(ElectricalSeries, Second\); expected one"):
        open_raw(tmp_path / "b.nwb")
    (tmp_path / "c.nwb").write_bytes(b"no HDF5")
    with pytest.raises(UserError, match=r"c\.nwb: not a whole NWB file"):
        open_raw(tmp_path / "c.nwb")


def test_ieeg_in_bids(tmp_path):
    """EDF and NWB of electrodes in the brain: types, bad channels and 3-D places (mm) from the side files."""
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 0.2)
    raw = simulated_raw(3, kind="eeg").set_montage(None)
    raw.rename_channels(dict(zip(raw.ch_names, ["LA1", "LA2", "LA3"], strict=True)))
    raw.set_channel_types(dict.fromkeys(raw.ch_names, "ecog"), verbose="ERROR")
    places = dict(
        zip(raw.ch_names, np.array([[0.02, 0.03, 0.05], [0.03, 0.02, 0.06], [0.01, 0.05, 0.04]]), strict=True)
    )
    raw.set_montage(mne.channels.make_dig_montage(places, coord_frame="mni_tal"), verbose="ERROR")
    path = bids_from_raw(raw, tmp_path / "lab", datatype="ieeg", format="EDF", events=story_events("a.wav", []))
    channels = path.copy().update(suffix="channels", extension=".tsv").fpath
    text = channels.read_text().replace("LA2\tECOG", "LA2\tSEEG").replace("good", "bad", 1)
    channels.write_text(text)
    (electrodes,), (system,) = (
        list(channels.parent.glob(f"*_{end}")) for end in ("electrodes.tsv", "coordsystem.json")
    )
    write_tsv(electrodes, [dict(zip(["name", "x", "y", "z", "size"], [name, *1e3 * place, "n/a"], strict=True))
                           for name, place in places.items()])  # fmt: skip
    system.write_text(system.read_text().replace('Units": "m"', 'Units": "mm"'))
    for name in ("EDF", "NWB"):
        if name == "NWB":
            path.fpath.unlink()
            write_nwb(path.fpath.with_suffix(".nwb"))
        study = BIDSStudy(tmp_path / "lab", datatype="ieeg")
        (recording,) = study.recordings()
        found = study.load(recording)
        assert found.get_channel_types() == ["ecog", "seeg", "ecog"] and found.info["bads"] == ["LA1"], name
        np.testing.assert_allclose([one["loc"][:3] for one in found.info["chs"]], list(places.values()), atol=1e-4)
        assert recording.modality == "ieeg" and {path.suffix for path in study.sources(recording)} >= {".tsv", ".json"}


def test_real_ieeg(real_data):
    path = real_data / "ieeg" / "sample_ecog_ieeg.fif"
    if not path.is_file():
        pytest.skip(f"no {path}")
    raw, _ = opened(path)
    assert (raw.n_times, raw.info["sfreq"]) == (113, 160.0) and "ecog" in raw.get_channel_types()


@pytest.fixture
def four_d(real_data, tmp_path):
    source = real_data / "meg_formats" / "bti"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    folder = tmp_path / "lab" / "sub-01" / "meg"
    names = {"test_pdf_linux": "c,rfDC", "test_config_linux": "config", "test_hs_linux": "hs_file"}
    (folder / "sub-01_task-listen_meg").mkdir(parents=True)
    for name, here in names.items():
        shutil.copyfile(source / name, folder / "sub-01_task-listen_meg" / here)
    write_tsv(folder / "sub-01_task-listen_events.tsv", story_events("a.wav", []))
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 0.2)
    (tmp_path / "lab" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    return folder / "sub-01_task-listen_meg"


def test_the_folder_of_a_4d_recording(four_d):
    study = BIDSStudy(four_d.parents[2])
    (recording,) = study.recordings()
    raw = study.load(recording)
    assert (raw.n_times, len(mne.pick_types(raw.info, meg=True, ref_meg=False))) == (305, 248)
    assert raw.info["sfreq"] == pytest.approx(1017.25)
    source = mne.io.read_raw_bti(
        four_d / "c,rfDC", config_fname=str(four_d / "config"), head_shape_fname=four_d / "hs_file", verbose="ERROR"
    )
    np.testing.assert_array_equal(raw.get_data(picks="meg"), source.get_data(picks="meg"))
    assert {"c,rfDC", "config", "hs_file"} <= {file.name for file in study.sources(recording)}
    (four_d / "config").unlink()
    with pytest.raises(UserError, match="not a format that is read .*a 4D folder with its config"):
        open_raw(four_d)


@pytest.mark.parametrize("n_bytes", [2, 4])
def test_neuroscan(tmp_path, n_bytes):
    raw, told = opened(neuroscan(tmp_path / "a.cnt", n_bytes=n_bytes))
    np.testing.assert_allclose(raw.get_data(), simulated_raw(3, kind="eeg").get_data(), atol=5.1e-8)
    assert (raw.n_times, raw.info["sfreq"], raw.ch_names, told) == (2000, 100.0, ["Fz", "Cz", "Pz"], [])
    assert annotated(raw) == [(10.0, 0.0, "7")]


def test_neuroscan_in_bids(tmp_path):
    """Not a format of BIDS, but of older data: MNE-BIDS has no reader, and its side files are used all the same."""
    raw = simulated_raw(3, kind="eeg")
    raw.rename_channels(dict(zip(raw.ch_names, ["Fz", "Cz", "Pz"], strict=True))).set_montage(None)
    path = bids_from_raw(raw, tmp_path / "lab", datatype="eeg", format="EDF", events=story_events("a.wav", []))
    path.fpath.unlink()
    neuroscan(path.fpath.with_suffix(".cnt"))
    channels = path.copy().update(suffix="channels", extension=".tsv").fpath
    channels.write_text(channels.read_text().replace("good", "bad", 1))
    study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    found = study.load(study.recordings()[0])
    assert found.info["bads"] == ["Fz"] and annotated(found) == [(0.0, 0.0, "sound")]
    channels.write_text(channels.read_text().replace("Cz", "Oz"))
    with pytest.raises(UserError, match=r"\.cnt: MNE cannot read it with its BIDS side files .*Channel mismatch"):
        study.load(study.recordings()[0])


def test_two_formats_of_one_recording(tmp_path):
    raw = simulated_raw(3, kind="eeg")
    path = bids_from_raw(raw, tmp_path / "lab", datatype="eeg", format="BrainVision", events=story_events("a.wav", []))
    raw.save(path.fpath.with_suffix(".fif"), verbose="ERROR")
    with kept() as found:
        study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    assert study.load(study.recordings()[0]).filenames[0].suffix == ".eeg"
    assert [one.kind == "left out" and "is the same recording, in a format of BIDS" in one.text for one in found] == [
        True
    ]
    mne.export.export_raw(path.fpath.with_suffix(".edf"), raw, verbose="ERROR")
    with pytest.raises(UserError, match="two recordings are named sub-01_task-listen"):
        BIDSStudy(tmp_path / "lab", datatype="eeg")


def test_annotations_with_a_date_that_the_recording_lost(tmp_path):
    path = fif(tmp_path / "a_meg.fif", (3.0, 1.0, "BAD_x"), date=2020)
    date = np.array([204, 3], ">i4").tobytes()  # FIFF_MEAS_DATE, as whole numbers: that of the annotations is a float
    path.write_bytes(path.read_bytes().replace(date, np.array([9999, 3], ">i4").tobytes()))
    with pytest.raises(UserError, match=r"a_meg\.fif: its annotations have a date and the recording has none"):
        open_raw(path)


def test_files_that_are_not_here(tmp_path):
    with pytest.raises(UserError, match=r"a\.edf: no such file"):
        open_raw(tmp_path / "a.edf")
    (tmp_path / "b.edf").symlink_to("../.git/annex/objects/x")
    with pytest.raises(UserError, match=r"b\.edf: the content was not fetched: a link to .*datalad get"):
        open_raw(tmp_path / "b.edf")
    (tmp_path / "c.edf").write_text("/annex/objects/MD5E-s1.edf\n")
    with pytest.raises(UserError, match=r"c\.edf: the content was not fetched: only git-annex"):
        open_raw(tmp_path / "c.edf")
    (tmp_path / "d.xyz").write_text("x")
    with pytest.raises(UserError, match=r"d\.xyz: not a format that is read \(\.bdf, \.cnt"):
        open_raw(tmp_path / "d.xyz")


def test_a_part_of_split_fif_that_is_not_here(tmp_path):
    raw = simulated_raw(16, duration_s=60.0, sfreq=600.0)
    path = tmp_path / "sub-01_meg.fif"
    raw.save(path, split_size="2MB", split_naming="bids", verbose="ERROR")
    parts = sorted(tmp_path.glob("*.fif"))
    assert open_raw(parts[0]).n_times == 36000 and len(parts) > 1
    parts[1].rename(tmp_path / "gone")
    with pytest.raises(
        UserError, match=r"split-01_meg\.fif: it goes on in sub-01_split-02_meg\.fif, which is not here"
    ):
        open_raw(parts[0])


def test_a_part_beside_that_nothing_names(tmp_path):
    fif(tmp_path / "sub-01_split-01_meg.fif")
    fif(tmp_path / "sub-01_split-02_meg.fif")
    fif(tmp_path / "sub-02_meg.fif")
    fif(tmp_path / "sub-02_meg-1.fif")
    raw, told = opened(tmp_path / "sub-01_split-01_meg.fif")
    assert raw.n_times == 2000 and "sub-01_split-02_meg.fif: it lies beside it" in told[0]
    assert "sub-02_meg-1.fif: it lies beside it" in opened(tmp_path / "sub-02_meg.fif")[1][0]


def test_fif_that_is_cut_off(tmp_path):
    path = fif(tmp_path / "a_meg.fif")
    content = path.read_bytes()
    assert opened(path)[1] == []
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"a_meg\.fif: the file ends before its end, inside its samples"):
        open_raw(path)
    path.write_bytes(content[:-20])
    raw, told = opened(path)
    assert raw.n_times == 2000 and "ends before its end: 20.000 s of it can be read" in told[0]


def test_brainvision_that_is_cut_off_or_renamed(tmp_path):
    path = brainvision(tmp_path / "a.vhdr", header="DataPoints=2500")
    raw, told = opened(path)
    assert raw.n_times == 2000 and "says 2500 samples, its data file holds 2000, which are 20.000 s" in told[0]
    data = brainvision(tmp_path / "b.vhdr").with_suffix(".eeg")
    data.write_bytes(data.read_bytes()[:-3])
    assert "b.eeg ends inside a sample: 19.990 s" in opened(tmp_path / "b.vhdr")[1][0]
    data.rename(tmp_path / "old.eeg")
    with pytest.raises(UserError, match=r"b\.vhdr: its data file b\.eeg is not here; beside it lies b\.vmrk.*DataFile"):
        open_raw(tmp_path / "b.vhdr")
    path = brainvision(tmp_path / "c.vhdr")
    path.with_suffix(".vmrk").unlink()
    assert "MarkerFile 'c.vmrk' not found; no annotations" in opened(path)[1][0]


def test_eeglab_samples_that_are_not_all_here(tmp_path):
    path = eeglab(tmp_path / "a.set", data="a.fdt")
    data = path.with_suffix(".fdt")
    content = data.read_bytes()
    data.write_bytes(content[:18000])
    with pytest.raises(UserError, match=r"a\.fdt: 18000 bytes; a\.set says 3 channels of 2000 samples, .* 24000 bytes"):
        open_raw(path)
    data.write_bytes(content * 2)
    assert "48000 bytes, where a.set says 24000" in opened(path)[1][0]
    data.unlink()
    with pytest.raises(UserError, match=r"a\.set: its samples are in a file of their own that is not here \(a\.fdt\)"):
        open_raw(path)
    path = eeglab(tmp_path / "b.set", data="old.fdt")
    (tmp_path / "old.fdt").rename(tmp_path / "b.fdt")
    raw, told = opened(path)
    assert raw.n_times == 2000 and "Data file name in EEG.data (old.fdt) is incorrect" in told[0]


def test_edf_that_is_cut_off(tmp_path):
    path = edf(tmp_path / "a.edf", list(range(20)), kind="EDF+C")
    path.write_bytes(path.read_bytes()[:-3000])
    raw, told = opened(path)
    assert raw.n_times < 2000 and "Number of records from the header does not match the file size" in told[0]


def test_edf_of_two_rates(tmp_path):
    signals = [
        edfio.EdfSignal(np.arange(20.0 * rate) % 7, rate, label=f"E{rate}", physical_dimension="uV")
        for rate in (50, 100)
    ]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    raw, told = opened(tmp_path / "a.edf")
    assert raw.n_times == 2000 and told == ["its channels have 2 sampling rates: MNE brings all of them to 100 Hz."]


def test_bad_segments_of_ctf_are_in_their_trials(real_data, tmp_path):
    """bad.segments has a trial, and a start and end in it (s): here 1 and 4, of 0.2504 s each."""
    source = real_data / "meg_formats" / "ctf" / "somMDYO-18av.ds"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    folder = shutil.copytree(source, tmp_path / source.name)
    (samples,) = folder.glob("*.meg4")
    content = samples.read_bytes()
    samples.write_bytes(content + content[8:])
    first = open_raw(folder)
    assert first.n_times == 1252
    start_s = mne.io.ctf.res4._read_res4(folder)["pre_trig_pts"] / 1250
    (folder / "bad.segments").write_text(f"1\t{0.1 - start_s}\t{0.2 - start_s}\n4\t{0.1 - start_s}\t{0.2 - start_s}\n")
    assert bad_spans(open_raw(folder)) == [[0.1, 0.1], [pytest.approx(0.1 + 3 * 313 / 1250, abs=1e-6), 0.1]]


def test_packages_that_some_files_need(tmp_path):
    with h5py.File(tmp_path / "a.set", "w", userblock_size=512) as file:
        file["EEG/srate"] = [[100.0]]
    content = bytearray((tmp_path / "a.set").read_bytes())
    content[:128] = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM"
    (tmp_path / "a.set").write_bytes(content)
    (tmp_path / "b.mff").mkdir()
    (tmp_path / "c.cnt").write_bytes(b"RIFF" * 300)
    for name, module, said in (
        ("a.set", "pymatreader", "pymatreader"),
        ("b.mff", "mffpy", "mffpy"),
        ("c.cnt", "antio", "antio"),
    ):
        try:
            __import__(module)
        except ImportError:
            with pytest.raises(UserError, match=rf"{name}.*pip install {said}"):
                open_raw(tmp_path / name)


def test_recordings_made_with_maxshield_are_told(tmp_path):
    raw = simulated_raw(3)
    with raw.info._unlock():
        raw.info["maxshield"] = True
    raw.save(tmp_path / "a_meg.fif", verbose="ERROR")
    raw, told = opened(tmp_path / "a_meg.fif")
    assert raw.info["maxshield"] and "recorded with MaxShield" in told[0]
