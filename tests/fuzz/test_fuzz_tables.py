"""Tables of events and clips: a mangled one is refused by name, or its times are finite and its columns as promised."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from builders import write_audio, write_tsv
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, cells, fuzz, tables
from studies.trees import gwilliams2022, libribrain
from studies.trees_fmri import generic, nakai2022, park2025

from n2s.data.bold_steps import cleaned
from n2s.findings import kept
from n2s.studies import GenericFMRI, Gwilliams2022, LibriBrain, Nakai2022, Park2025
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.events import COLUMNS, CONDITIONS, KINDS
from n2s.studies.fmri import Bold, clip_table
from n2s.studies.readers.clips import read_clips
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.side_files import MARKS
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.tsv import read_cells, read_table

EVENTS = """onset\tduration\ttrial_type\tstim_file\ttext\tstimulus_onset\tvalue\tcondition\tsequence
0.5\tn/a\tsound\tone.wav\tn/a\tn/a\t1\tlisten\tn/a
1.0\t0.25\tword\tn/a\tHello\t0.5\t2\tlisten\t1
1.5\t0.25\tword\tn/a\tworld.\tn/a\t3\tlisten\t1
1.5\t0.1\tphoneme\tn/a\tw\tn/a\t4\tlisten\t1
6.0\t2.0\tsound\ttwo.wav\tn/a\t0\t5\tn/a\tn/a
6.5\t0.25\tword\tn/a\tAgain\tn/a\t6\tn/a\tn/a
0.0\t9.0\tstory\tn/a\ttale\tn/a\t7\tn/a\tn/a
9.0\t0\tBAD\tn/a\tn/a\tn/a\t8\tn/a\tn/a
"""
DURATION_S = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    for name, length_s in (("one", 4.0), ("two", 2.0), ("lw1_0", 1.2), ("minute", 60.0)):
        write_audio(folder / "stimuli" / f"{name}.wav", length_s, rate_hz=100)
    return folder


def check_events(table, duration_s: float | None) -> None:
    """What every events table promises."""
    assert list(table.columns) == list(COLUMNS) and len(table)
    times = table[["onset", "duration", "stimulus_onset"]].to_numpy()
    assert times.dtype == np.float64 and np.isfinite(times).all()
    assert (table.duration >= 0).all() and (table.stimulus_onset >= 0).all()
    assert table.onset.is_monotonic_increasing
    assert set(table.kind) <= set(KINDS) and set(table.condition) <= set(CONDITIONS)
    assert all(isinstance(value, str) for value in table[["text", "story", "stimulus", "sequence"]].to_numpy().ravel())
    if duration_s is not None:
        assert table.onset.min() >= -0.01 and (table.onset + table.duration).max() <= duration_s + 0.01


@fuzz(share=3)
@given(tables(EVENTS))
def test_cells(folder, content):
    path = folder / "cells.tsv"
    path.write_bytes(content)
    table = answer(read_cells, path)
    if table is None:
        return
    assert len(table) and np.isfinite(table.onset).all() and not np.isinf(table.duration).any()
    # the numbers are those that Python reads from the same cells
    wide = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8-sig")
    text = content.decode(wide).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.split("\t") for line in text.split("\n") if line.strip()]
    places = [
        next(i for i, name in enumerate(lines[0]) if name.strip(' "').lower() == one) for one in ("onset", "duration")
    ]
    for name, place in zip(("onset", "duration"), places, strict=True):
        for cell, found in zip(
            (line[place].strip().strip('"').strip() for line in lines[1:]), table[name], strict=True
        ):
            assert (math.isnan(found) and cell.lower() in ("n/a", "", "nan", "na")) or float(cell) == pytest.approx(
                found, rel=1e-12
            )


@pytest.mark.slow
@fuzz(share=3)
@given(tables(EVENTS))
def test_events_of_a_recording(folder, content):
    path = folder / "events.tsv"
    path.write_bytes(content)

    def read():
        stimuli = StimulusFolder(folder / "stimuli")
        return complete(read_rows(path, EventColumns()), stimuli, where=str(path), duration_s=DURATION_S)

    table = answer(read)
    if table is not None:
        check_events(table, DURATION_S)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[dict], list[tuple[float, float, float]]]:
    """Rows of a session as some laboratory writes them, and the (onset, duration, stimulus_onset) of what was heard."""
    heard, rows, at = [], [], round(draw(st.floats(0, 3)), 3)
    kinds = draw(st.sampled_from((("sound", "sound_end"), ("story_start", "story_end"), ("speech", "stop"))))
    with_ends, with_durations = draw(st.booleans()), draw(st.booleans())
    for _ in range(draw(st.integers(1, 4))):
        length_s = draw(st.sampled_from((4.0, 4.0, 2.5)))  # 2.5: aborted
        told = length_s if with_durations else None
        if length_s < 4 and not (with_ends or with_durations):
            length_s = 4.0
        row = {"onset": at, "duration": told, "trial_type": kinds[0], "stim_file": "one.wav"}
        rows += [row] * draw(st.sampled_from((1, 1, 2)))
        if draw(st.booleans()):
            rows.append(row | {"onset": round(at + draw(st.floats(0, 0.003)), 4)})  # noted twice
        if with_ends:
            end = {
                "onset": round(at + length_s, 3),
                "duration": draw(st.sampled_from((0, None))),
                "trial_type": kinds[1],
            }
            rows.append(end | {"stim_file": draw(st.sampled_from(("one.wav", None)))})
        for word in range(3):
            word = {"onset": at + 0.5 * word + 0.1, "duration": 0.2, "trial_type": "word", "word": f"w{word}"}
            rows += [word] * draw(st.sampled_from((1, 1, 2)))
        heard.append((at, length_s, 0.0))
        at = round(at + length_s + draw(st.floats(0.5, 3)), 3)
    for _ in range(draw(st.integers(0, 4))):  # rows of no kind of ours
        odd = {
            "onset": draw(st.sampled_from(("n/a", "-3", "7.5", "soon"))),
            "duration": draw(cells.filter(_fits_a_cell)),
        }
        kind = draw(st.sampled_from(("response", "fixation", "picture_off", "word_end", "S  7")))
        named = draw(st.sampled_from(("q.png", "n/a", "n/a")))
        rows.append(odd | {"trial_type": kind, "stim_file": named})
    return draw(st.permutations(rows)), heard


def _fits_a_cell(text: str) -> bool:
    return not set(text) & set('\t\r\n"\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029') and text.isprintable()


@pytest.mark.slow
@fuzz(share=1)
@given(sessions())
def test_each_presentation_once(folder, session):
    """Rows twice, ends, aborts and other rows, in any order: what was heard comes out, and nothing else."""
    rows, heard = session
    path = write_tsv(folder / "session.tsv", rows)
    stimuli = StimulusFolder(folder / "stimuli")
    with kept():
        table = complete(read_rows(path, EventColumns(), stimuli), stimuli, where=str(path), duration_s=60.0)
    sounds, words = (table[table.kind == kind] for kind in ("sound", "word"))
    found = sounds[["onset", "duration", "stimulus_onset"]].to_numpy()
    assert found == pytest.approx(np.array(heard), abs=0.004)
    assert len(words) == 3 * len(heard)
    assert words.stimulus_onset.to_numpy() == pytest.approx(np.tile([0.1, 0.6, 1.1], len(heard)), abs=0.004)


@pytest.mark.slow
@fuzz(share=1)
@given(
    st.floats(-0.2, 0.2),
    st.floats(-0.3, 0.3),
    st.sampled_from((0.0, 0.002, 0.01)),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_two_clocks(folder, rate, offset_s, jitter_s, with_sound, seed):
    """Windows are where the words are, or the drift or the distance is told."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.5:
        rate /= 100
    at = np.arange(0.5, 55.0, 0.5)
    onset = (15 + offset_s + at * (1 + rate) + jitter_s * rng.standard_normal(len(at))).round(4)
    rows = [{"onset": o, "duration": 0.1, "trial_type": "word", "stim_file": "minute.wav", "stimulus_onset": t,
             "text": "a."} for o, t in zip(onset, at, strict=True)]  # fmt: skip
    if with_sound:
        rows.append({"onset": 15.0, "trial_type": "sound", "stim_file": "minute.wav"})
    path = write_tsv(folder / "clocks.tsv", rows)
    stimuli = StimulusFolder(folder / "stimuli")
    with kept() as told:
        table = answer(
            lambda: complete(read_rows(path, EventColumns(), stimuli), stimuli, where="here", duration_s=99.0)
        )
    if table is None:
        assert abs(rate) > 0.003 or abs(offset_s) > 0.4
        return
    assert abs(rate) < 0.008
    pieces, words = (table[table.kind == kind] for kind in ("sound", "word"))
    at_s, begin = words.stimulus_onset.to_numpy(), pieces.stimulus_onset.to_numpy()
    own = np.clip(np.searchsorted(begin, at_s + 1e-9, side="right") - 1, 0, None)
    away_s = (words.onset - words.stimulus_onset).to_numpy() - (pieces.onset - pieces.stimulus_onset).to_numpy()[own]
    assert np.median(np.abs(away_s)) < 0.03 + jitter_s or any("all later" in one.text for one in told)
    assert len(pieces) == 1 or any(one.kind == "corrected" for one in told)


@pytest.fixture(scope="module")
def masc(folder) -> str:
    gwilliams2022.write_events(folder / "masc.tsv")
    return (folder / "masc.tsv").read_text()


@pytest.mark.slow
def test_dicts_in_cells(folder, masc):
    path = folder / "sub-01_ses-0_task-0_events.tsv"
    odd = ("{'kind': 'word'}", "{'kind': []}", "{1: 2}", "(" * 5000, "-" * 100_000, "{'kind': {}}", "{[]: 1}", "{**{}}",
           "{'kind': 'word', 'word': 1e999, 'sequence_id': None}", "__import__('os').abort()", "{'kind': 'sound', 'sound': 3}")  # fmt: skip

    @fuzz(share=2)
    @given(tables(masc, values=odd))
    def check(content):
        path.write_bytes(content)

        def read():
            rows = Gwilliams2022.read_rows(None, path)  # it takes nothing from the study
            return complete(rows, StimulusFolder(folder / "stimuli"), where=str(path), duration_s=2.0)

        table = answer(read)
        if table is not None:
            check_events(table, 2.0)

    check()


def test_events_of_libribrain(tmp_path):
    study = LibriBrain(str(libribrain.write_tree(tmp_path)))
    recording = study.recordings()[0]
    path = study.sources(recording)[1]

    @fuzz(share=2)
    @given(tables(path.read_text()))
    def check(content):
        path.write_bytes(content)
        table = answer(study.events, recording)
        if table is not None:
            check_events(table, None)

    check()


def check_clips(table) -> None:
    """What every table of clips promises."""
    assert len(table)
    for name in ("start_s", "duration_s", "time_s"):
        assert np.isfinite(table[name]).all()
    assert (table.duration_s > 0).all() and (table.start_s >= 0).all()
    assert table["repeat"].dtype.kind == "i"


CLIPS = """stimulus\tstart_s\tduration_s\ttime_s\tgroup\tsplit\trepeat\tlabel
one\t0\t2.0\t4\tn/a\ttrain\t0\tdogs
one\t2\t2.0\t6\tn/a\ttrain\tn/a\tn/a
two\t0\t2.0\t8\tn/a\ttest\t1\tcats
"""


@fuzz(share=2)
@given(tables(CLIPS))
def test_clips(folder, content):
    path = folder / "clips.tsv"
    path.write_bytes(content)
    table = answer(lambda: clip_table(read_clips(path), where=str(path)))
    if table is not None:
        check_clips(table)


def test_clips_of_a_lab(tmp_path):
    root = generic.write_tree(tmp_path)
    path = root / "task-listen_run-1_clips.tsv"
    valid = path.read_text()

    @fuzz()
    @given(tables(valid))
    def check(content):
        path.write_bytes(content)
        study = GenericFMRI(str(root), files=generic_files())
        table = answer(lambda: clip_table(study.clips(study.recordings()[0]), where="here"))
        if table is not None:
            check_clips(table)
            assert (table.time_s + table.duration_s).max() <= generic.N_TR * generic.TR_S + 0.05
            assert (table.start_s + table.duration_s).max() <= 40.05

    check()


def generic_files():
    from n2s.studies.readers.bold_files import BoldFiles

    return BoldFiles(tr_s=generic.TR_S)


RUNS = """subject\tbold\tclips\tconfounds\ttask
01\tsub-01/func/sub-01_task-listen_run-1_bold.npy\ttask-listen_run-1_clips.tsv\tn/a\tlisten
02\tsub-02/func/sub-02_task-listen_run-1_bold.npy\ttask-listen_run-1_clips.tsv\tn/a\tlisten
"""


def test_tables_of_runs(tmp_path):
    root = generic.write_tree(tmp_path)

    @fuzz()
    @given(tables(RUNS))
    def check(content):
        (root / "runs.tsv").write_bytes(content)
        study = answer(GenericFMRI, str(root), runs="runs.tsv", files=generic_files())
        if study is not None:
            assert study.recordings()
            for recording in study.recordings():
                answer(study.clips, recording)

    check()


def test_pieces_of_nakai(tmp_path):
    root = nakai2022.write_tree(tmp_path)
    study = Nakai2022(str(root), volumes=str(root / "volumes"))
    recording = study.recordings()[0]
    path = study.sources(recording)[1]

    @fuzz(share=2)
    @given(tables(path.read_text()))
    def check(content):
        path.write_bytes(content)
        table = answer(lambda: clip_table(study.clips(recording), where="here"))
        if table is not None:
            check_clips(table)

    check()


def test_labels_of_park(tmp_path):
    root = park2025.write_tree(tmp_path)
    path = root / "SoundReconstruction_stimulus.csv"
    valid = path.read_text()

    @fuzz(share=0.5)
    @given(tables(valid, separator=","))
    def check(content):
        path.write_bytes(content)
        study = Park2025(str(root))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = answer(study.clips, study.recordings()[0])
        if table is not None:
            assert all(isinstance(label, str) for label in table.label)

    check()


CONFOUNDS = "trans_x\ttrans_y\tx_derivative1\n" + "".join(
    f"{i}\t{i * i % 7}\t{'n/a' if i == 0 else i % 3}\n" for i in range(8)
)


@fuzz()
@given(tables(CONFOUNDS))
def test_confounds(folder, content):
    path = folder / "confounds.tsv"
    path.write_bytes(content)
    cleaning = BoldCleaning(detrend=True, confounds=("trans_*", "x_derivative1"))
    data = np.random.default_rng(0).standard_normal((8, 3))
    found = answer(cleaned, Bold(data, 2.0, confounds=path), cleaning, "here")
    if found is not None:
        assert found.data.shape == (8, 3) and np.isfinite(found.data).all()


@fuzz()
@given(tables(CLIPS))
def test_any_table(folder, content):
    path = folder / "any.tsv"
    path.write_bytes(content)
    table = answer(read_table, path, numbers=("start_s", "repeat"))
    if table is not None:
        for name in table:
            if name in ("start_s", "repeat"):
                assert not np.isinf(table[name]).any()
            else:
                assert all(isinstance(cell, str) for cell in table[name])
