"""Files of a run, weights and ratings: a mangled one is refused; nothing in one is run."""

import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from builders import write_audio
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, broken, fuzz, jsons, tables
from safetensors.torch import save
from torch import Tensor

from n2s.errors import UserError
from n2s.listening.manifest import COLUMNS, read_manifest
from n2s.listening.rating_report import read_ratings
from n2s.models.audiomae import read_state
from n2s.models.weights import read_weights
from n2s.report.page import read_json
from n2s.systems.contrastive.result import RetrievalResult
from n2s.training.run import Run

MANIFEST = """clip,method,path,text,subject
one,stimulus,stimulus/one.wav,"hello, you",01
one,model,model/one.wav,,01
two,stimulus,stimulus/two.wav,again,02
"""
RATINGS = """page,rater,clip,method,rating,time,order
abc,anna,one,A,5,2024-01-01T10:00:00Z,1
abc,anna,two,B,3,2024-01-01T10:01:00Z,2
abc,bert,one,A,,,1
abc,bert,two,B,7,2024-01-01T10:03:00Z,2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def test_tables_of_sounds(tmp_path):
    for name in ("stimulus/one", "model/one", "stimulus/two"):
        write_audio(tmp_path / f"{name}.wav", 0.1)

    @fuzz(share=2)
    @given(tables(MANIFEST, separator=","))
    def check(content):
        (tmp_path / "manifest.csv").write_bytes(content)
        table = answer(read_manifest, tmp_path)
        if table is not None:
            assert list(table.columns)[: len(COLUMNS)] == list(COLUMNS)
            assert all(os.path.isfile(path) for path in table.path) and not table.duplicated(["clip", "method"]).any()

    check()


def test_ratings(tmp_path):
    key = {"page": "abc", "methods": {"A": "model", "B": "stimulus"}}

    @fuzz(share=2)
    @given(tables(RATINGS, separator=","), jsons(key), st.integers(0, 2))
    def check(content, said, kind):
        (tmp_path / "a.csv").write_bytes(content if kind else RATINGS.encode())
        (tmp_path / "key.json").write_bytes(said if kind == 0 else json.dumps(key).encode())
        found = answer(read_ratings, [tmp_path / "a.csv"], None if kind == 2 else tmp_path / "key.json")
        if found is not None:
            given = found.values[np.isfinite(found.values)]
            assert found.values.shape == (len(found.raters), len(found.clips), len(found.methods))
            assert len(given) and np.isin(given, range(1, 8)).all()

    check()


RECORD = {
    "status": "finished",
    "started_from": None,
    "id": "abc",
    "started": "now",
    "resumed": [],
    "versions": {"torch": "2"},
}


@fuzz()
@given(jsons(RECORD))
def test_records_of_runs(folder, content):
    (folder / "run.json").write_bytes(content)
    answer(Run(folder).read)
    finished = answer(lambda: Run(folder).finished)
    assert finished is None or isinstance(finished, bool)
    found = answer(read_json, folder / "run.json")
    assert found is None or isinstance(found, dict)


def result() -> RetrievalResult:
    n = 4
    windows = pd.DataFrame({"recording": "r", "study": "s", "start_s": 1.0 * np.arange(n), "stimulus": "one",
                            "stimulus_start_s": 1.0 * np.arange(n), "sequence": ""})  # fmt: skip
    candidates = pd.DataFrame({"stimulus": "one", "start_s": 1.0 * np.arange(n), "duration_s": 3.0, "story": "one",
                               "text": "", "audio": ""})  # fmt: skip
    scores = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    return RetrievalResult(scores, np.arange(n), np.array(["s/1"] * n), windows, candidates, scores.copy())


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tested")
    result().save(folder)
    return folder, {path: path.read_bytes() for path in folder.iterdir()}


@fuzz()
@given(st.data())
def test_results_of_tests(tested, data):
    folder, valid = tested
    for path, content in valid.items():
        path.write_bytes(content)
    changed = data.draw(st.sampled_from(sorted(valid)))
    if changed.suffix == ".json":
        changed.write_bytes(data.draw(jsons(json.loads(valid[changed]))))
    else:
        changed.write_bytes(data.draw(broken(valid[changed], at_most=8)))
    found = answer(RetrievalResult.load, folder)
    if found is not None:
        n, k = found.similarity.shape
        assert len(found.windows) == n and len(found.candidates) == k and found.target.max() < k
        answer(found.facts)


class Runs:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: str):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("read", [read_weights, read_state])
@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
def test_weights_that_want_to_run_something(tmp_path, read, form):
    mark, path = tmp_path / "it ran", tmp_path / "weights.pth"
    content = {"model": {"a": torch.zeros(2)}, "more": Runs(str(mark))}
    if form == "bare":
        path.write_bytes(pickle.dumps(content["more"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UserError):
        read(path)
    assert not mark.exists()
    if form == "bare":
        pickle.loads(path.read_bytes())  # noqa: S301  (that it would have)
        assert mark.is_dir()


def weights() -> dict[str, Tensor]:
    return {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2, dtype=torch.float16)}


@st.composite
def weight_files(draw) -> tuple[str, bytes]:
    if draw(st.booleans()):
        content = save(weights())
        if draw(st.booleans()):
            length = struct.unpack("<Q", content[:8])[0]
            head = draw(jsons(json.loads(content[8 : 8 + length])))
            content = struct.pack("<Q", len(head)) + head + content[8 + length :]
        return ".safetensors", draw(broken(content)) if draw(st.booleans()) else content
    file = io.BytesIO()
    odd = draw(
        st.sampled_from(
            ({"model": weights()}, weights(), [1], "text", {"model": 3}, {"model": {"a": 1}}, {1: torch.ones(2)}, {})
        )
    )
    torch.save(odd, file, _use_new_zipfile_serialization=draw(st.booleans()))
    content = file.getvalue()
    if content[:2] == b"PK" and draw(st.booleans()):  # zipped anew, so that what is changed inside has the right sum
        inside, changed = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
        with zipfile.ZipFile(changed, "w") as out:
            for info in inside.infolist():
                part = inside.read(info)
                out.writestr(info.filename, draw(broken(part)) if info.filename.endswith("data.pkl") else part)
        content = changed.getvalue()
    return ".pth", draw(broken(content, at_most=8)) if draw(st.integers(0, 2)) else content


@fuzz(share=3)
@given(weight_files())
def test_weights(folder, file):
    suffix, content = file
    path = folder / f"weights{suffix}"
    path.write_bytes(content)
    for read in (read_weights, read_state):
        state = answer(read, path)
        if state is not None:
            assert all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items())
