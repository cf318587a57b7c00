"""Public sets of MEG and fMRI in miniature, as their readers find them: rows of pairs, counted by hand."""

import shutil

import numpy as np
import pytest
from melodies import HZ, melody
from paired_worlds import write
from trees import bel2026, schoffelen2019, smn4lang
from trees_fmri import li2022 as li
from trees_fmri import schoffelen2019fmri, smn4langfmri

from n2s.data import Grid, PairedDataModule, Preprocessing, SplitBySentence, SplitByStory
from n2s.errors import UserError
from n2s.features import Mel
from n2s.findings import kept
from n2s.studies import Bel2026, Li2022, Schoffelen2019, Schoffelen2019FMRI, SMN4Lang, SMN4LangFMRI
from n2s.studies.public import li2022
from n2s.studies.readers.bold_files import BoldFiles

pytestmark = pytest.mark.slow


def paired(studies, split, **options):
    told = {
        "segment_s": 5.0,
        "bin_s": 2.0,
        "n_components": 4,
        "train_windows": Grid(1.0),
        "test_windows": Grid(3.0),
        "n_jobs": 1,
    }
    with kept() as found:
        data = PairedDataModule(
            studies, Mel(n_mels=4), preprocessing=Preprocessing(sfreq=50.0), split=split, **(told | options)
        )
        data.setup("fit")
    batch = data.batch("train", np.arange(len(data.pairs["train"])))
    assert (
        np.isfinite(batch.bold.numpy()).all()
        and np.isfinite(batch.meg.brain.numpy()).all()
        and np.isfinite(batch.target.numpy()).all()
    )
    return data, [one.text for one in found]


def test_smn4lang(tmp_path):
    """Two people, stories of 14 s in one folder: the sound starts 3.7 s into the MEG and 10.65 s into the scan."""
    root = smn4langfmri.write_tree(tmp_path / "ds004078")
    shutil.rmtree(root / "derivatives" / "annotations" / "time_align" / "word-level")
    smn4lang.write_tree(root)
    data, _ = paired(
        {"meg": SMN4Lang(str(root)), "fmri": SMN4LangFMRI(str(root))}, SplitByStory(test=["story_2"], val=[])
    )
    assert data.persons["meg/01"] == data.persons["fmri/01"] == "01"
    train, test = data.pair_table("train"), data.pair_table("test")
    assert len(train) == 2 * 10 and len(test) == 2 * 4  # starts 0 to 9 s; 0, 3, 6, 9 s
    for table in (train, test):
        assert (table[["meg", "fmri"]] >= 0).all(axis=None)
        assert (table.start_s - table.stimulus_start_s).to_numpy() == pytest.approx(3.7)
        assert (table.fmri_start_s - table.stimulus_start_s).to_numpy() == pytest.approx(10.65)
        assert (table.recording.str[-1] == table.fmri_recording.str[-1]).all()
    assert set(train.story) == {"story_1"} and set(test.story) == {"story_2"}


@pytest.fixture
def mous(tmp_path, monkeypatch):
    """Three blocks of five sentences of 5 s in fMRI; ten of them in the MEG of both listeners."""
    monkeypatch.setattr(schoffelen2019fmri, "SOUND_S", 5.0)
    monkeypatch.setattr(schoffelen2019fmri, "N_TR", 90)
    root = schoffelen2019fmri.write_tree(tmp_path / "mous")
    schoffelen2019.write_tree(root, files=schoffelen2019fmri.HEARD[:10], sound_s=5.0)
    return root


def test_mous(mous):
    """Sentences 12, 186, 3 and so on are pairs, in another order and at other times."""
    heard = schoffelen2019fmri.HEARD
    every = "".join(f"{number} {schoffelen2019.said(number)}\n" for number in heard)
    (mous / "stimuli" / "stimuli.txt").write_text(every)
    meg = Schoffelen2019(str(mous))
    split = SplitBySentence(val_fraction=0.0, test_fraction=0.3, seed=3)
    fmri = Schoffelen2019FMRI(str(mous), subjects=["A2002"])
    data, told = paired({"meg": meg, "fmri": fmri}, split, segment_s=3.0, response_s=6.0, test_windows=Grid(1.0))
    assert (
        data.persons["meg/A2002"] == data.persons["fmri/A2002"] == "A2002" and data.persons["meg/A2003"] == "meg/A2003"
    )
    assert any("1 of 2 people in the MEG have no partner in the fMRI: meg/A2003" in one for one in told)
    table = data.pair_table("test")
    own = table[(table.person == "A2002") & (table.meg >= 0)]
    held = {name.split("LPF")[1] for name in own.stimulus}
    assert 2 * len(held) <= len(own) <= 3 * len(held)  # starts 0, 1 s of 5 s, and 2 s, where the clocks give all 5 s
    both = own[own.fmri >= 0]
    assert len(both) == len(own)
    onsets = {
        code.split()[3].split(".")[0].zfill(3): time_s
        for kind, code, time_s in schoffelen2019fmri.told("A2002")
        if kind == "Sound"
    }
    at_s = [onsets[name.split("LPF")[1]] for name in both.stimulus]
    assert (both.fmri_start_s - both.stimulus_start_s).to_numpy() == pytest.approx(at_s)
    trained = data.pair_table("train")
    assert not set(trained.stimulus.str.split("LPF").str[1]) & {name.split("LPF")[1] for name in table.stimulus}


def test_mous_segments_below_a_volume(mous):
    with pytest.raises(UserError, match="data.segment_s is 1.5 s, but a volume .* lasts 2 s.*The least length is 2 s"):
        paired(
            {"meg": Schoffelen2019(str(mous)), "fmri": Schoffelen2019FMRI(str(mous))},
            SplitBySentence(),
            segment_s=1.5,
            test_windows=Grid(1.0),
        )


def test_petit_prince(tmp_path, monkeypatch):
    """The MEG's files begin with a second of silence that the scanner's lack, and are mp3: one sound, on the MEG's clock."""
    monkeypatch.setitem(li2022.VOLUMES, "FR", (20,) * 9)
    monkeypatch.setattr(li, "SUBJECTS", {"FR001": 1, "FR002": 1})
    scans = li.write_tree(tmp_path / "ds003643")
    sections = {"FR001": [1, 3, 4], "FR002": [1, 2, 4]}  # of the runs 1, 2 and 4
    for subject in sections:
        li.write_run(scans, subject, 2, 20)
    meg = bel2026.write_tree(tmp_path / "ds007523", runs=(("01", "01"), ("01", "03")), chapters=li2022.CHAPTERS[:3])
    for number, name in enumerate(li2022.CHAPTERS[:4]):
        sound = melody(number, 31)
        write(scans / "stimuli" / f"task-lppFR_section_{number + 1}.wav", sound)
        old = meg / "sourcedata" / "stimuli" / "audio" / f"{name}.wav"
        if old.exists():
            old.unlink()
            write(old.with_suffix(".mp3"), np.r_[np.zeros(HZ), sound])
    fmri = Li2022(str(scans), languages=["FR"], files=BoldFiles(tr_s=2.0, mask="mask.nii.gz"), sections=sections)
    split = SplitByStory(test=["ch7-9"], val=[])
    data, told = paired({"meg": Bel2026(str(meg)), "fmri": fmri}, split, people="strangers")
    assert any("sounds of fMRI are sounds of the MEG in another encoding" in one for one in told)
    assert (
        data.persons["meg/01"] == data.persons["fmri/FR001"] == "meg/01 + fmri/FR001"
        and data.persons["fmri/FR002"] == "fmri/FR002"
    )
    table = data.pair_table("test")
    own = table[table.person == "meg/01 + fmri/FR001"]
    both = own[own.fmri >= 0]
    assert len(own) == 10 and set(own.story) == {"ch7-9"}  # starts 0, 3, ... 27 s of 32 s
    assert both.stimulus_start_s.tolist() == [3.0 * i for i in range(1, 10)]  # the first is silence in the MEG alone
    assert (both.start_s - both.stimulus_start_s).to_numpy() == pytest.approx(4.0, abs=0.01)
    assert (both.fmri_start_s - both.stimulus_start_s).to_numpy() == pytest.approx(-1.0, abs=0.06)
    train = data.pair_table("train")
    assert set(train.story) == {"ch1-3", "ch4-6", "ch10-12"} and set(train.story[train.meg >= 0]) == {"ch1-3"}
    first = train[(train.person == "meg/01 + fmri/FR001") & (train.story == "ch1-3")]
    assert len(first) == 28 and (first.fmri >= 0).sum() == 26  # starts 2 to 27 s: the sound is found at 1.008 s
