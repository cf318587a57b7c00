"""What tells when a word was said or a sound was played: TextGrids, Presentation's logs, Gentle's JSON, MATLAB's arrays."""

import copy
import json

import numpy as np
import pytest
from builders import write_audio
from hypothesis import given
from hypothesis import strategies as st
from mangled import ODD, answer, broken, fuzz, jsons, tables
from scipy.io import savemat
from studies.test_textgrid import grid_text
from studies.trees import brennan2019, broderick2019, schoffelen2019, smn4lang
from test_fuzz_tables import check_events

from n2s.studies import Brennan2019, Broderick2019, SMN4Lang
from n2s.studies.public.broderick2019 import gentle_rows
from n2s.studies.public.schoffelen2019 import sounds
from n2s.studies.readers.matlab import read_mat
from n2s.studies.readers.presentation import read_log
from n2s.studies.readers.stimuli import StimulusFolder
from n2s.studies.readers.textgrid import read_alignment, read_textgrid


@st.composite
def grids(draw) -> bytes:
    """A TextGrid with lines, numbers and labels changed."""
    lines = grid_text(draw(st.sampled_from(("long", "short")))).split("\n")
    for _ in range(draw(st.integers(0, 3))):
        i = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(("number", "number", "line", "out", "twice", "label")))
        head, sign, value = lines[i].rpartition("= ")
        if what == "number":
            lines[i] = head + sign + draw(st.sampled_from(ODD))
        elif what == "label":
            lines[i] = head + sign + f'"{draw(st.text(max_size=5))}"'
        elif what == "line":
            lines[i] = draw(st.sampled_from(ODD))
        elif what == "out" and len(lines) > 1:
            del lines[i]
        else:
            lines.insert(i, lines[i])
    coding = draw(st.sampled_from(("utf-8",) * 5 + ("utf-8-sig", "utf-16", "latin-1")))
    content = "\n".join(lines).encode(coding, "replace")
    return draw(broken(content)) if draw(st.booleans()) else content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    write_audio(folder / "stimuli" / "one.wav", 2.0, rate_hz=100)
    return folder


@fuzz(share=3)
@given(grids())
def test_textgrids(folder, content):
    path = folder / "stimuli" / "one.TextGrid"
    path.write_bytes(content)
    for read in (read_textgrid, read_alignment):
        table = answer(read, path)
        if table is not None:
            times = table[["onset", "duration"]].to_numpy(float)
            assert np.isfinite(times).all() and (times >= 0).all()
            assert all(isinstance(text, str) and text for text in table.text)
    table = answer(StimulusFolder(folder / "stimuli").alignment, "one")
    if table is not None and len(table):
        assert (table.onset + table.duration).max() <= 2.1


@pytest.fixture(scope="module")
def log(folder) -> str:
    schoffelen2019.write_log(folder / "a.log", subject="A2002")
    return (folder / "a.log").read_text()


def test_presentation_logs(folder, log):
    values = ("14 Start File 186.wav", "Start File ٣.wav", f"Start File {'9' * 5000}.wav", "Start File .wav", "1 Audio onset",
              "15 End of file", "20 FIX", "10 ZINNEN")  # fmt: skip

    @fuzz(share=3)
    @given(tables(log, values=values))
    def check(content):
        path = folder / "fuzzed.log"
        path.write_bytes(content)
        table = answer(read_log, path)
        if table is None:
            return
        assert list(table.columns) == ["kind", "code", "time_s"]
        assert np.isfinite(table.time_s).all() and table.time_s.is_monotonic_increasing
        for number, start_s, stop_s in answer(sounds, table, path) or []:
            assert isinstance(number, int) and number >= 0 and stop_s >= start_s

    check()


def test_gentle(tmp_path):
    broderick2019.write_alignment(tmp_path / "a.json")
    valid = json.loads((tmp_path / "a.json").read_text())

    @fuzz(share=3)
    @given(jsons(valid))
    def check(content):
        (tmp_path / "a.json").write_bytes(content)
        rows = answer(gentle_rows, tmp_path / "a.json")
        for row in rows or []:
            assert np.isfinite([row["onset"], row["duration"], row["stimulus_onset"]]).all()
            assert row["onset"] >= 0 and row["duration"] >= 0
            assert isinstance(row["text"], str) and row["kind"] in ("word", "phone")

    check()


numbers = st.one_of(
    st.floats(),
    st.integers(-(2**40), 2**40),
    st.sampled_from(ODD[:20]),
    st.sampled_from(([], [1.0, 2.0], np.zeros((2, 2, 2)), {"a": 1}, np.array(["a", "b"], object), 1j, True)),
)


def mangled_mat(draw, path, content: dict) -> None:
    """Write a MATLAB file of which variables or fields, or bytes, are changed."""
    content = {key: dict(value) if isinstance(value, dict) else value for key, value in content.items()}
    for _ in range(draw(st.integers(0, 2))):
        place = content
        key = draw(st.sampled_from(sorted(place) or ["none"]))
        if isinstance(place.get(key), dict) and place[key]:
            place = place[key]
            key = draw(st.sampled_from(sorted(place)))
        what = draw(st.sampled_from(("out", "odd", "odd", "cell", "shape", "type")))
        value = place.get(key)
        if what == "out":
            place.pop(key, None)
        elif what == "odd" or not isinstance(value, np.ndarray) or not value.size:
            place[key] = copy.deepcopy(draw(numbers))
        elif what == "cell":
            value = value.copy()
            odd = {"f": st.floats(), "U": st.sampled_from(ODD[:20]), "O": st.sampled_from(ODD[:20])}
            value.flat[draw(st.integers(0, value.size - 1))] = draw(odd.get(value.dtype.kind, st.integers(0, 1)))
            place[key] = value
        elif what == "shape":
            place[key] = draw(st.sampled_from((value.T, value[:-1], value.ravel(), value[None], value[:0])))
        else:
            place[key] = (
                value.astype(draw(st.sampled_from((np.int16, bool, complex)))) if value.dtype.kind == "f" else value
            )
    savemat(path, content, do_compression=draw(st.booleans()))
    if draw(st.integers(0, 2)) == 0:
        written = b"MATLAB".ljust(116) + path.read_bytes()[116:]  # without the time of writing
        path.write_bytes(draw(broken(written, at_most=8)))


EEG = {"eegData": np.random.default_rng(0).standard_normal((12 * 128, 128)).astype(np.float32)[: 8 * 128], "fs": 128}


@pytest.mark.slow
def test_the_eeg_of_broderick(tmp_path):
    root = broderick2019.write_tree(tmp_path)
    study = Broderick2019(str(root), runs=[1])
    recording = study.recordings()[0]
    path = study.sources(recording)[0]

    @fuzz()
    @given(st.data())
    def check(data):
        mangled_mat(data.draw, path, EEG)
        raw = answer(study.load, recording)
        if raw is not None:
            assert raw.get_data().shape[0] == len(raw.ch_names) == 128 and 0 < raw.info["sfreq"] < np.inf
        table = answer(study.events, recording)
        if table is not None:
            check_events(table, None)

    check()


def test_the_words_of_brennan(tmp_path):
    root = brennan2019.write_tree(tmp_path)
    study = Brennan2019(str(root))
    recording = study.recordings()[0]
    proc, words = root / "proc" / "S01.mat", root / "AliceChapterOne-EEG.csv"
    story = brennan2019.story()
    whole = words.read_text()
    onset = np.array(
        [round((row.onset + brennan2019.START_S[row.Segment]) * brennan2019.SFREQ) + 1 for row in story.itertuples()]
    )
    trials = [onset - 150, onset + 500, np.full(len(story), -150), story.Segment, story.onset, story.Order]
    content = {
        "proc": {"trl": np.stack(trials, 1).astype(float), "varnames": np.array(["segment", "tmin", "Order"], object)}
    }

    @fuzz(share=2)
    @given(st.data())
    def check(data):
        words.write_text(whole)
        if data.draw(st.booleans()):
            words.write_bytes(data.draw(tables(whole, separator=",")))
            savemat(proc, content)
        else:
            mangled_mat(data.draw, proc, content)
        table = answer(study.events, recording)
        if table is not None:
            check_events(table, 24.0)

    check()


@pytest.mark.slow
def test_the_eeg_of_brennan(tmp_path):
    root = brennan2019.write_tree(tmp_path)
    study = Brennan2019(str(root))
    recording = study.recordings()[0]
    data = np.random.default_rng(0).standard_normal((len(brennan2019.LABELS), 100))
    content = {"raw": {"trial": data, "label": np.array(brennan2019.LABELS, object), "fsample": 500.0}}

    @fuzz()
    @given(st.data())
    def check(data):
        mangled_mat(data.draw, root / "S01.mat", content)
        raw = answer(study.load, recording)
        if raw is not None:
            assert raw.get_data().dtype == np.float64 and 0 < raw.info["sfreq"] < np.inf
        answer(study.events, recording)

    check()


def test_the_words_of_smn4lang(tmp_path):
    root = smn4lang.write_tree(tmp_path)
    study = SMN4Lang(str(root), subjects=["01"], runs=["1"])
    recording = study.recordings()[0]
    path = root / "derivatives" / "annotations" / "time_align" / "word-level" / "story_1_word_time.mat"
    text, start, stop = zip(*smn4lang.WORDS, strict=True)
    lead = smn4lang.FMRI_LEAD_S
    content = {"start": np.add(start, lead)[None], "end": np.add(stop, lead)[None], "word": np.array(text)}
    study.events(recording)

    @fuzz()
    @given(st.data())
    def check(data):
        mangled_mat(data.draw, path, content)
        table = answer(study.events, recording)
        if table is not None:
            check_events(table, 20.0)

    check()


@fuzz()
@given(st.data())
def test_any_mat(folder, data):
    mangled_mat(data.draw, folder / "any.mat", {"raw": {"trial": np.zeros((2, 3)), "fsample": 1.0}, "n": 3.0})
    for name, fields in (("raw", ("trial", "fsample")), ("", ("n",))):
        found = answer(read_mat, folder / "any.mat", name, fields)
        if found is not None:
            assert all(field in found for field in fields)
