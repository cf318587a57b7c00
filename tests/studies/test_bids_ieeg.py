"""iEEG in a lab's own BIDS folder: four formats with the same numbers, contacts in several spaces, and what is missing."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import bids_from_raw, story_events, write_audio, write_tsv
from contacts import CONTACTS, contacts_raw

from n2s.data import Bipolar, HighGamma, high_gamma
from n2s.data.places import contact_places
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy

SFREQ, SECONDS = 400.0, 12.0
MNI = "MNI152NLin2009aSym"


def samples(seed=0):
    rng = np.random.default_rng(seed)
    return 30 * rng.normal(size=(round(SFREQ * SECONDS), len(CONTACTS)))


def lab(root, format="BrainVision", data=None, **options):
    """One recording of 7 contacts; a sound from 1 s on."""
    write_audio(root / "stimuli" / "a.wav", 9.0)
    events = story_events("a.wav", [("one", 0.2, 0.3), ("two", 3.0, 0.3)], onset=1.0)
    raw = contacts_raw(samples() if data is None else data, SFREQ, **options)
    if format == "NWB":
        path = bids_from_raw(raw, root, datatype="ieeg", format="EDF", events=events)
        path.fpath.unlink()
        with h5py.File(path.fpath.with_suffix(".nwb"), "w") as file:  # as pynwb writes it, with the clock of the day
            series = file.create_group("acquisition/ElectricalSeries")
            series.attrs["neurodata_type"] = "ElectricalSeries"
            series["data"], series["electrodes"] = raw.get_data().T * 1e6, np.arange(len(CONTACTS))
            series["data"].attrs["conversion"] = 1e-6
            series["starting_time"] = 1.6e9
            series["starting_time"].attrs["rate"] = SFREQ
            file["general/extracellular_ephys/electrodes/label"] = [name.encode() for name in CONTACTS]
        return path.directory
    if format == "FIF":
        path = bids_from_raw(raw, root, datatype="ieeg", format="BrainVision", events=events)
        for file in path.directory.glob("*_ieeg.[ev]*"):
            file.unlink()
        raw.save(
            path.directory / f"{path.copy().update(extension=None, suffix=None).basename}_ieeg.fif", verbose="ERROR"
        )
        return path.directory
    path = bids_from_raw(raw, root, datatype="ieeg", format=format, events=events)
    return path.directory


def places(folder, space, points, *, unit="mm", system=None, names=CONTACTS):
    """An electrodes.tsv with its coordsystem.json."""
    label = f"_space-{space}" if space else ""
    rows = [
        {"name": name, **dict(zip("xyz", point, strict=True)), "size": None}
        for name, point in zip(names, points, strict=True)
    ]
    write_tsv(folder / f"sub-01{label}_electrodes.tsv", rows)
    about = {"iEEGCoordinateSystem": system or space or "Other", "iEEGCoordinateUnits": unit}
    (folder / f"sub-01{label}_coordsystem.json").write_text(json.dumps(about))


def without_places(folder):
    for file in [*folder.glob("*electrodes.tsv"), *folder.glob("*coordsystem.json")]:
        file.unlink()


def opened(root, **options):
    with kept() as findings:
        study = BIDSStudy(root, datatype="ieeg", **options)
        raw = study.load(study.recordings()[0])
    return study, raw, [one.text for one in findings]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Without places."""
    root = tmp_path_factory.mktemp("ieeg") / "lab"
    without_places(lab(root))
    return root


@pytest.fixture
def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "lab")
    return tmp_path / "lab" / "sub-01" / "ieeg"


@pytest.mark.parametrize("format", ["BrainVision", "EDF", "FIF", "NWB"])
def test_every_format_gives_the_same_activity(tmp_path, monkeypatch, format):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    lab(tmp_path / "lab", format)
    study = BIDSStudy(tmp_path / "lab", datatype="ieeg")
    (found,) = prepare(study, HighGamma(hop_s=0.025))
    wanted = high_gamma(samples(), SFREQ, hop_s=0.025)
    assert found.meta["ch_names"] == CONTACTS and found.channel_types == {"seeg"}
    np.testing.assert_allclose(found.brain[1 : len(wanted) + 1], wanted, rtol=0.02)  # EDF has steps of 16 bits
    assert abs(found.brain[1 : len(wanted) + 1].mean() / wanted.mean() - 1) < 1e-3


def test_mni_is_taken_where_there_are_several_spaces(copied):
    """As in Podcast (ds005574), whose own space has no unit."""
    mni = np.arange(21.0).reshape(7, 3) + 10
    places(copied, MNI, mni)
    places(copied, "Other", mni + 100, unit="n/a")
    study, raw, told = opened(copied.parents[1])
    np.testing.assert_allclose([one["loc"][:3] for one in raw.info["chs"]], mni * 1e-3, rtol=1e-6)
    assert raw.get_montage().get_positions()["coord_frame"] == "mni_tal" and not any(
        "electrodes" in one for one in told
    )
    own, raw, told = opened(copied.parents[1], space="Other")
    np.testing.assert_allclose([one["loc"][:3] for one in raw.info["chs"]], (mni + 100) * 1e-3, rtol=1e-6)
    assert raw.get_montage().get_positions()["coord_frame"] == "mri"
    assert any("the largest is 130: mm is taken" in one for one in told)
    assert study.settings() != own.settings()
    assert len([one for one in study.sources(study.recordings()[0]) if "space-" in one.name]) == 4


def test_channels_that_were_recorded_bipolar_lie_between_their_contacts(tmp_path):
    """electrodes.tsv lists contacts, channels.tsv their pairs."""
    names = ["LA1-LA2", "LA3-LA4", "R-B1-R-B2", "LA1", "LA2-LA9", "x1", "LA4-LA3"]
    folder = lab(tmp_path / "lab", names=names, places=False)
    without_places(folder)
    contacts = ["LA1", "LA2", "LA3", "LA4", "R-B1", "R-B2", "other"]
    at = np.arange(21.0).reshape(7, 3) ** 1.5 + 10
    places(folder, MNI, at, names=contacts)
    _, raw, _ = opened(tmp_path / "lab")
    found = 1e3 * np.array([one["loc"][:3] for one in raw.info["chs"]])
    wanted = [at[[0, 1]].mean(0), at[[2, 3]].mean(0), at[[4, 5]].mean(0), at[0]]
    np.testing.assert_allclose(found[:4], wanted, rtol=1e-6)
    assert np.isnan(found[4:6]).all() and np.allclose(found[6], found[1])


def test_contacts_without_places_are_encoded(copied, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    points = np.arange(21.0).reshape(7, 3)
    points[2] = np.nan
    for given in (None, points):
        if given is not None:
            places(copied, MNI, given)
        study, _, _ = opened(copied.parents[1])
        (found,) = prepare(study, HighGamma(reference=Bipolar()))
        told = [one.text for one in found.findings if "have no place" in one.text]
        lost = (
            "5 of 5 contacts have no place (LA1-LA2"
            if given is None
            else "2 of 5 contacts have no place (LA2-LA3, LA3-LA4)"
        )
        assert len(told) == 1 and lost in told[0] and "electrodes.tsv" in told[0]
        assert found.meta["frame"] == ("own" if given is None else "mni")


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (
            lambda at: places(at, "Other", np.ones((7, 3))),
            {"space": MNI},
            f"no .*space-{MNI}_electrodes.tsv; there is .*space-Other",
        ),
        (
            lambda at: [places(at, name, np.ones((7, 3))) for name in ("Other", "ACPC")],
            {},
            "places in 2 spaces .ACPC, Other., none of them MNI's. Set space",
        ),
        (
            lambda at: places(at, MNI, np.ones((7, 3)), unit="inch"),
            {},
            "iEEGCoordinateUnits is 'inch'; expected m, cm, mm or pixels",
        ),
        (
            lambda at: (
                places(at, "", np.ones((7, 3))),
                (at / "sub-01_coordsystem.json").write_text('{"iEEGCoordinateUnits": "mm"}'),
            ),
            {},
            "no iEEGCoordinateSystem, which MNE-BIDS needs",
        ),
        (
            lambda at: places(at, MNI, np.ones((2, 3)), names=["X1", "X2"]),
            {},
            "no contact of the recording.*LA1.*X1, X2",
        ),
        (lambda at: places(at, MNI, [["x", 1, 2]] * 7), {}, "line 2: x is 'x'; expected a number"),
    ],
)
def test_tables_that_do_not_fit(copied, change, options, told):
    change(copied)
    with pytest.raises(UserError, match=told):
        opened(copied.parents[1], **options)


@pytest.mark.parametrize("points", [[], np.full((7, 3), np.nan), np.zeros((7, 3)), np.full((7, 3), 300.0)])
def test_places_that_are_none(copied, points):
    """A table without rows, of n/a, of zeros, or in pixels of a photo."""
    pixels = len(points) and points[0, 0] == 300
    places(
        copied,
        "Pixels" if pixels else "Other",
        points,
        unit="pixels" if pixels else "mm",
        names=CONTACTS[: len(points)],
    )
    if not len(points):
        (copied / "sub-01_space-Other_electrodes.tsv").write_text("name\tx\ty\tz\n")
    _, raw, told = opened(copied.parents[1])
    assert not np.isfinite(contact_places(HighGamma()(raw, "x")[2])).any()
    assert any("7 places, which are pixels of an image" in one for one in told) == bool(pixels)


def test_a_space_is_of_ieeg(folder):
    with pytest.raises(UserError, match="only contacts of iEEG"):
        BIDSStudy(folder, datatype="eeg", space=MNI)


def test_a_file_without_types_names_the_table_that_has_them(copied):
    next(copied.glob("*_channels.tsv")).unlink()
    _, raw, _ = opened(copied.parents[1])
    with pytest.raises(UserError, match="has eeg.*channels.tsv"):
        HighGamma()(raw, "x")


def test_the_power_line_is_that_of_the_json(copied):
    side = next(copied.glob("*_ieeg.json"))
    assert opened(copied.parents[1])[1].info["line_freq"] == 50
    side.write_text(json.dumps(json.loads(side.read_text()) | {"PowerLineFrequency": "n/a"}))
    with pytest.raises(UserError, match=r"PowerLineFrequency.*line_hz to 50"):
        HighGamma()(opened(copied.parents[1])[1], "x")


def test_tables_of_ds005574(real_data, tmp_path):
    """The true electrodes.tsv and channels.tsv of Podcast beside noise: two spaces, one of them without unit."""
    there = real_data / "openneuro_meta" / "ds005574" / "sub-01" / "ieeg"
    if not there.is_dir():
        pytest.skip(f"no {there}")
    table = [
        line.split("\t") for line in (there / "sub-01_task-podcast_channels.tsv").read_text("utf-8-sig").splitlines()
    ]
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    rows = [row for row in rows if row["type"] == "ECOG"][:20]
    names = [row["name"] for row in rows]
    data = np.random.default_rng(0).normal(size=(2000, len(names)))
    write_audio(tmp_path / "stimuli" / "a.wav", 2.0)
    raw = contacts_raw(data, SFREQ, names=names, kind="ecog", places=False)
    at = bids_from_raw(raw, tmp_path, datatype="ieeg", format="BrainVision", events=story_events("a.wav", [])).directory
    without_places(at)
    for file in there.glob("*_space-*"):
        shutil.copyfile(file, at / Path(file).name)
    _, raw, _ = opened(tmp_path)
    where = {name: one["loc"][:3] for name, one in zip(raw.ch_names, raw.info["chs"], strict=True)}
    np.testing.assert_allclose(where["G2"], [0.060, -0.001333333, -0.029333333], atol=1e-7)
    assert not np.isfinite(where["G1"]).any()
    assert raw.get_montage().get_positions()["coord_frame"] == "mni_tal"
    neighbours = HighGamma(reference=Bipolar(), bads=["G1"])(raw, "x")[2]["ch_names"]
    assert "G2-G3" in neighbours and "G8-G9" not in neighbours
