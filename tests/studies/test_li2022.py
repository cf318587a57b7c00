"""Le Petit Prince in the scanner in miniature, with its traps."""

import numpy as np
import pytest
from builders import write_audio
from trees_fmri.li2022 import SPARE_TR, SUBJECTS, WORDS, write_run, write_tree

from n2s.data import SplitByStory
from n2s.data.bold_steps import cleaned
from n2s.data.content import Heard
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import Li2022
from n2s.studies.public import li2022
from n2s.studies.readers.bold_files import BoldFiles

FILES = BoldFiles(tr_s=2.0, mask="mask.nii.gz")


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds003643", whole=True)


def study(root, **options):
    return Li2022(str(root), files=FILES, **options)


def test_the_published_numbers_of_volumes_are_those_of_the_sounds():
    """README of ds003643: lengths of the audio, and volumes of the preprocessed runs, which start with it."""
    audio_s = {
        "CN": (564.9, 642.6, 643.7, 612.2, 584.5, 782.9, 726.6, 585.2, 801.1),
        "EN": (554.7, 587.8, 671.4, 598.2, 522.2, 678.1, 642.0, 575.8, 727.1),
        "FR": (613.5, 647.0, 702.2, 624.5, 580.8, 750.4, 658.5, 583.2, 667.9),
    }
    for language, lengths in audio_s.items():
        after = np.array(li2022.VOLUMES[language]) - np.array(lengths) / 2
        assert np.all(np.abs(after - SPARE_TR[language]) <= 1.1)
    assert sum(len(one) for one in audio_s.values()) == 27 and Li2022.expected["recordings"] == 9 * 112


def test_run_n_is_section_n_whatever_its_file_is_called(root):
    every = study(root)
    assert [one.name for one in every.recordings() if one.subject == "EN057"] == [
        f"sub-EN057_task-lppEN_run-{i}" for i in range(1, 10)
    ]
    for one in (one for one in every.recordings() if one.run in "19"):
        language = one.subject[:2]
        assert every.load(one).data.shape == (li2022.VOLUMES[language][int(one.run) - 1], 12)
        events = every.events(one)
        (sound,) = events[events.kind == "sound"].itertuples()
        mark = "-" if language == "EN" else "_"
        assert (sound.onset, sound.stimulus) == (0.0, f"task-lpp{language}_section{mark}{one.run}")
        assert sound.story == li2022.CHAPTERS[int(one.run) - 1]
        words = events[events.kind == "word"]
        spoken = [word for word in WORDS[language] if word[0].strip()]
        assert words.text.tolist() == [text for text, *_ in spoken]
        assert np.allclose(words.onset, [start for _, start, _ in spoken])
        assert set(events.language) == {li2022.LANGUAGES[language]}
    assert {one.subject for one in study(root, languages=["FR", "CN"]).recordings()} == {"FR001", "CN001"}
    assert every.space("EN057").template == "MNIColin27"


def test_a_missing_run_is_found_by_the_volumes(root):
    def path(subject, number):
        return next(root.rglob(f"sub-{subject}_task-*_run-{number:02d}_*"))

    path("EN057", 17).unlink()
    assert [one.run for one in study(root, subjects=["EN057"]).recordings()] == ["1", "2", "4", "5", "6", "7", "8", "9"]
    path("CN001", 5).unlink()  # sections 2 and 3 have as many volumes
    with pytest.raises(UserError, match=r"several choices of sections fit .*sections: \{CN001: \[...\]\}"):
        study(root, subjects=["CN001"])
    told = study(root, subjects=["CN001"], sections={"CN001": [1, 3, 4, 5, 6, 7, 8, 9]})
    assert [one.run for one in told.recordings()] == ["1", "3", "4", "5", "6", "7", "8", "9"]
    with pytest.raises(UserError, match="has 8 runs; expected as many of the sections 1 to 9, each once"):
        study(root, subjects=["CN001"], sections={"CN001": [1, 2]})
    write_run(root, "FR001", 3, 5)
    other = study(root, subjects=["FR001"])
    with pytest.raises(UserError, match="5 volumes, but section 3 in FR has 354. Is a run of the subject missing"):
        other.load(other.recordings()[2])


def test_translations_of_a_section_are_on_one_side(root):
    every = study(root)
    events = {one.name: every.events(one) for one in every.recordings() if one.run in "23"}
    table = SplitByStory(test=["ch7-9"], val=[]).intervals({"lpp": Heard(events, content=every.content)})
    held = table[table.split == "test"]
    assert set(held.recording) == {f"sub-{subject}_task-lpp{subject[:2]}_run-3" for subject in SUBJECTS}
    assert set(table.split) == {"train", "test"}


def test_drawings_are_taken_out_of_the_first_section(root):
    drawn, plain = study(root, subjects=["EN057"]), study(root, subjects=["EN057"], pictures=False)
    first, second = drawn.recordings()[:2]
    assert drawn.load(second).nuisances is None and plain.load(first).nuisances is None
    assert study(root, subjects=["FR001"]).load(study(root, subjects=["FR001"]).recordings()[0]).nuisances is None
    bold = drawn.load(first)
    assert bold.nuisances.shape == (len(bold.data), 2) and np.abs(bold.nuisances[:5]).max() < 1e-6  # none before 10 s
    without = cleaned(bold, drawn.cleaning, first.name).data
    shapes = bold.nuisances - bold.nuisances.mean(0)
    assert np.abs(np.corrcoef(without.T, shapes.T)[:12, 12:]).max() < 1e-4
    assert (
        np.abs(np.corrcoef(cleaned(plain.load(first), plain.cleaning, first.name).data.T, shapes.T)[:12, 12:]).max()
        > 0.05
    )


def test_words_that_do_not_fit(root):
    path = root / "annotation" / "EN" / "lppEN_word_information.csv"
    text = path.read_text()
    english = study(root, subjects=["EN057"])
    one = english.recordings()[0]
    write_audio(root / "stimuli" / "task-lppEN_section-1.wav", 1.7, rate_hz=1000)
    with kept() as said:
        words = english.events(one).query("kind == 'word'")
    assert words.duration.iloc[-1] == pytest.approx(0.1) and not [f for f in said if "begin after" in f.text]
    write_audio(root / "stimuli" / "task-lppEN_section-1.wav", 1.0, rate_hz=1000)
    with kept() as said:
        assert (english.events(one).kind == "word").sum() == 2
    assert any("1 words of section 1 begin after the end of its sound" in finding.text for finding in said)
    path.write_text(text.replace("once,once,0.3", "once,once,n/a"))
    with kept() as said:
        english.events(one)
    assert any("1 words of section 1 have no onset" in finding.text for finding in said)
    path.write_text(text.replace("offset", "end"))
    with pytest.raises(UserError, match="no column offset; there are"):
        english.events(one)
    path.unlink()
    with pytest.raises(UserError, match="Download annotation of ds003643"):
        english.events(one)
