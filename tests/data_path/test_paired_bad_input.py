"""What strangers' pairs of MEG and fMRI have: one clear error, or one finding, and right rows."""

import numpy as np
import pytest
from paired_worlds import Play, Sensors, Volumes, paired, ramps, runs_of

from n2s.data import Grid
from n2s.errors import UserError
from n2s.features import Ready
from n2s.findings import kept

pytestmark = pytest.mark.slow
SOUNDS = ramps("abcdefgh")
PEOPLE = ("01", "02")


class Slow(Volumes):
    """A volume every 1.5 s in the runs of story a."""

    def load(self, recording):
        self.step_s = 1.5 if recording.run == "a" else 1.0
        return super().load(recording)

    def data(self, recording):
        self.step_s = 1.5 if recording.run == "a" else 1.0
        return super().data(recording)


def made(folder, meg=None, fmri=None, *, kind=Volumes, of_meg=None, of_fmri=None, spoil=None, **options):
    """The datamodule and what was told."""
    sensors = Sensors(folder / "m", meg or runs_of(PEOPLE, "abcd"), SOUNDS, **(of_meg or {}))
    volumes = kind(folder / "f", fmri or runs_of(PEOPLE, "abcd", at_s=7.0), SOUNDS, **(of_fmri or {}))
    volumes.spoil = spoil
    with kept() as told:
        data = paired(sensors, volumes, target=Ready(2), **options)
    return data, [f"{one.kind}: {one.where}: {one.text}" for one in told]


def nan(recording, data, time_s):
    data = data.copy()
    data[10, 2] = np.nan
    return data


def fewer(recording, data, time_s):
    return data[:, :5] if recording.run == "a" else data


REFUSED = {
    "nobody in both": ({"fmri": runs_of(["07"], "abcd")}, "no id is in both: MEG has meg/01"),
    "no test in fmri": ({"fmri": runs_of(PEOPLE, "abd")}, "the test split has 16 rows, and none has fMRI"),
    "no training in fmri": ({"fmri": runs_of(["01"], "abcd") | runs_of(["02"], "c")}, "fmri/02: no training segment in fMRI"),
    "all too near": ({"fmri": {("01", "1"): [Play(n, 2.0 + 41 * i, 40.0) for i, n in enumerate("bacd")]}, "response_s": 60.0},
                     "the train split has 144 rows, and none has fMRI.*data.response_s"),
    "a segment below a TR": ({"segment_s": 0.5, "bin_s": 1.0, "train_windows": Grid(0.5), "test_windows": Grid(0.5)},
                             "data.segment_s is 0.5 s, but a volume .* lasts 1 s.*The least length is 1 s"),
    "a bin below a TR": ({"bin_s": 0.5}, "data.bin_s is 0.5 s, but a volume .* lasts 1 s: bins without a volume. Set 1 or more"),
    "a bin longer than all": ({"bin_s": 12.0}, "leave 9 s of volumes, less than one bin of 12 s.*Lengthen the segment to 8 s"),
    "modalities twice": ({"modalities": ["meg", "meg"]}, "expected meg, fmri or both, each once"),
    "official splits": ({"of_meg": {"split": {"c": "test"}}, "of_fmri": {"split": {"c": "train"}}},
                        "contradicts itself: meg/c in test and fmri/c in train are one content"),
    "languages": ({"fmri": runs_of(PEOPLE, "efgh"), "of_fmri": {"language": "fr"}}, "MEG was heard in en, fMRI in fr: a translation"),
    "other sounds": ({"fmri": runs_of(PEOPLE, "efgh")}, "no sound was heard in both MEG .4 sounds: a, b, c, d. and fMRI .4 sounds: e"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_one_clear_error(tmp_path, what):
    options, message = REFUSED[what]
    with pytest.raises(UserError, match=message):
        made(tmp_path, **options)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(nan, "1 of 6 voxels have values that are NaN"), (fewer, "runs have other numbers of voxels")],
)
def test_voxels_that_cannot_be_used(tmp_path, spoil, message):
    data, _ = made(tmp_path, spoil=spoil)
    with pytest.raises(UserError, match=message):
        data.batch("train", np.arange(4))


def test_volumes_outside_the_run_and_constant_voxels(tmp_path):
    """A run that ends with its sound lacks the volumes of the last segments; a constant voxel has no weight."""
    constant = lambda recording, data, time_s: np.where(np.arange(6) == 2, 3.0, data)  # noqa: E731
    data, told = made(tmp_path, of_fmri={"tail_s": 0.0}, spoil=constant)
    assert any("36 segments have no fMRI: not all of their volumes are in the run" in one for one in told)
    table = data.pair_table("test")
    assert table[table.fmri < 0].start_s.tolist() == [2.0 + 30, 2.0 + 35] * 2  # 5 s to 13 s later there is no volume
    assert (
        np.abs(data.courses("fmri/01").axes[2]).max() < 1e-9
        and np.isfinite(data.batch("train", np.arange(20)).bold.numpy()).all()
    )


def test_rates_that_differ_and_do_not_divide(tmp_path):
    data, told = made(tmp_path, kind=Slow)
    assert any("runs have other rates: a volume each 1, 1.5 s" in one for one in told)
    table = data.pair_table("train")
    rows = np.flatnonzero((table.fmri_recording == "fmri/sub-01_run-a").to_numpy())[:5]
    bold, course = data.batch("train", rows).bold.numpy(), data.courses("fmri/01").courses["fmri/sub-01_run-a"]
    for at, row in enumerate(rows):
        starts = np.arange(len(course)) * 1.5 - table.fmri_start_s[row] - 4.0
        for i in range(4):
            inside = (starts >= 2.0 * i - 1e-6) & (starts < 2.0 * (i + 1) - 1e-6)
            assert bold[at, i] == pytest.approx(course[inside].mean(0), abs=1e-5)


def test_names_and_contents(tmp_path):
    """Story d is called x in fMRI; what is called a there is another sound; f of fMRI and a of the MEG tell the same."""
    names = dict(SOUNDS) | {"x": SOUNDS["d"], "a": SOUNDS["e"]}
    sensors = Sensors(tmp_path / "m", runs_of(PEOPLE, "abcd"), SOUNDS, content={"a": "tale"})
    volumes = Volumes(
        tmp_path / "f", runs_of(PEOPLE, ["a", "b", "c", "f", "x"], at_s=7.0), names, content={"f": "tale"}
    )
    with kept() as told:
        data = paired(sensors, volumes, target=Ready(2))
    texts = [one.text for one in told]
    assert any("1 sounds have one name in MEG and fMRI and other samples: a (" in one for one in texts)
    assert any("1 sounds have another name in fMRI than in MEG and equal samples: d" in one for one in texts)
    assert any("1 contents are declared equal in MEG and fMRI" in one and "other sounds: tale" in one for one in texts)
    table = data.pair_table("train")
    both = (table[["meg", "fmri"]] >= 0).all(axis=1)
    assert set(table.stimulus[both]) == {"meg/d"} and set(table.stimulus[~both]) == {"meg/a", "fmri/a", "fmri/f"}


def test_a_sound_that_began_before_the_run(tmp_path):
    """The onset is negative: segments whose volumes lie before the first are without fMRI."""
    fmri = {(s, n): [Play(n, -9.0, 40.0)] for s in PEOPLE for n in "abcd"}
    data, told = made(tmp_path, fmri=fmri)
    table = data.pair_table("test")
    assert sorted(table[table.fmri < 0].start_s.unique()) == [2.0] and any(
        "8 segments have no fMRI" in one or "segments have no fMRI" in one for one in told
    )
    assert table[table.fmri >= 0].fmri_start_s.min() == -4.0  # its first volume is at 0
