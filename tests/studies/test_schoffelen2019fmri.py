"""The fMRI of MOUS in miniature, with its traps."""

import numpy as np
import pytest
from builders import write_tsv
from trees_fmri.schoffelen2019fmri import LISTS, N_TR, SENTENCES, SOUND_S, said, told, write_log, write_tree

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import Schoffelen2019FMRI


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("mous"))


def heard(study, one):
    with kept() as found:
        events = study.events(one)
    return events, [finding.text for finding in found]


def test_sounds_begin_with_their_files_in_blocks_of_five(root):
    """From events.tsv and from the log alike: "Audio onset" is later, where the speech in the file begins."""
    study = Schoffelen2019FMRI(str(root))
    assert [one.subject for one in study.recordings()] == list(SENTENCES)
    for one in study.recordings():
        events, findings = heard(study, one)
        sounds = events[events.kind == "sound"]
        starts = {int(code.split()[-1][:-4]): s for kind, code, s in told(one.subject) if kind == "Sound"}
        numbers = [int(name[-3:]) for name in sounds.stimulus]
        assert numbers == list(SENTENCES[one.subject])
        assert (
            np.allclose(sounds.onset, [starts[number] for number in numbers], atol=1e-3)
            and (sounds.stimulus_onset == 0).all()
        )
        assert np.allclose(sounds.duration, SOUND_S)
        assert sounds.story.tolist() == [f"{one.subject}-sentences-{i:02d}" for i in (1, 2, 3) for _ in range(5)]
        assert events.text[events.kind == "sentence"].tolist() == [said(number) for number in numbers]
        assert "word lists; set word_lists to read them." in findings and set(events.language) == {"nl"}
    bold = study.load(study.recordings()[0])
    assert bold.data.shape == (N_TR, 20484) and bold.tr_s == 2.0 and study.space("A2002").mesh == "fsaverage5"
    assert study.cleaning.confounds == ("millet18",)


def test_word_lists_are_read_if_wanted(root):
    study = Schoffelen2019FMRI(str(root), word_lists=True, subjects=["A2003"])
    (one,) = study.recordings()
    events, findings = heard(study, one)
    assert "word lists; set word_lists to read them." not in findings
    sounds = events[events.kind == "sound"]
    assert len(sounds) == 25 and sounds.story.nunique() == 5
    assert [int(name[-3:]) for name in sounds.stimulus[sounds.story.str.contains("words")]] == list(LISTS)
    names = {path.name for path in study.sources(one)}
    assert {"A2003-2-fMRI-MOUS-Aud.log", "stimuli.txt"} <= names


def test_the_log_has_to_hold_the_scanners_pulses(root, tmp_path):
    root = write_tree(tmp_path / "mous")
    study = Schoffelen2019FMRI(str(root), subjects=["A2003"])
    (one,) = study.recordings()
    log = root / "sourcedata" / "mri_task" / "A2003-2-fMRI-MOUS-Aud.log"
    write_log(log, "A2003", step_s=1.5)
    with pytest.raises(UserError, match="40 pulses of the scanner, 1.500 s apart; expected one a volume, 2 s"):
        study.events(one)
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if "\tPulse\t" not in line))
    with pytest.raises(UserError, match="no row of the type Pulse"):
        study.events(one)
    log.unlink()
    with pytest.raises(
        UserError, match="0 logs .*A2003.*; expected one, since the events.tsv of sub-A2003 has no sounds"
    ):
        study.events(one)


def test_blocks_that_are_not_as_they_were_played(root, tmp_path):
    root = write_tree(tmp_path / "mous")
    study = Schoffelen2019FMRI(str(root), subjects=["A2002"])
    (one,) = study.recordings()
    path = study._runs[one].clips
    rows = [
        {"onset": s, "duration": 0, "trial_type": code} for kind, code, s in told("A2002")
    ]  # one column of codes alone
    write_tsv(path, rows[:-8])
    events, findings = heard(study, one)
    assert (events.kind == "sound").sum() == 14 and any(
        "1 blocks have fewer than 5 sounds" in text for text in findings
    )
    write_tsv(path, rows[1:])
    with pytest.raises(UserError, match="line 3: '14 Start File 12.wav' before the title of a block"):
        study.events(one)
    write_tsv(path, [row for row in rows if row["trial_type"] != "WOORDEN"])
    with pytest.raises(UserError, match="10 sounds in the block sentences 1; expected 5"):
        study.events(one)
