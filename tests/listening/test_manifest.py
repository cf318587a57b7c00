"""The table of a run's sounds."""

from pathlib import Path

import pandas as pd
import pytest
from method_sounds import METHODS, TEXT, write_sounds

from n2s.errors import UserError
from n2s.listening.manifest import read_manifest, write_manifest


@pytest.fixture
def run(tmp_path) -> Path:
    write_sounds(tmp_path / "exp" / "run" / "predictions")
    return tmp_path / "exp" / "run"


def test_manifest_comes_back_as_it_was_and_can_be_moved(run, tmp_path):
    table = read_manifest(run)
    assert (
        (run / "predictions" / "manifest.csv")
        .read_text()
        .splitlines()[1]
        .startswith("clip0,stimulus,stimulus/clip0.wav")
    )
    run.rename(tmp_path / "moved")
    moved = read_manifest(tmp_path / "moved")
    pd.testing.assert_frame_equal(moved.drop(columns="path"), table.drop(columns="path"))
    assert moved.path[0] == str(tmp_path / "moved" / "predictions" / "stimulus" / "clip0.wav")
    assert list(moved.text.unique()) == [TEXT]
    assert not list((tmp_path / "moved" / "predictions").glob(".*"))


def test_sounds_without_a_manifest_are_found_by_their_folders(run):
    (run / "predictions" / "manifest.csv").unlink()
    table = read_manifest(run / "predictions")
    assert len(table) == 9 and set(table.method) == {"stimulus", *METHODS} and (table.text == "").all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="method"), "no column method"),
        (lambda t: pd.concat([t, t[:1]]), "two sounds of 'stimulus'"),
        (
            lambda t: t.assign(path=t.path.where(t.index != 4, "nowhere.wav")),
            "1 of 9 sounds are missing, such as .*nowhere",
        ),
        (lambda t: t.assign(clip=t["clip"].where(t.index != 4, " ")), "row 5 has no clip"),
    ],
)
def test_a_wrong_manifest_is_told_when_written_and_when_read(run, change, said):
    folder = run / "predictions"
    good = (folder / "manifest.csv").read_bytes()
    table = change(pd.read_csv(folder / "manifest.csv", dtype=str))
    with pytest.raises(UserError, match=said):
        write_manifest(folder, table)
    assert (folder / "manifest.csv").read_bytes() == good
    table.to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(UserError, match=said):
        read_manifest(run)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match="neither manifest.csv nor a sound"):
        read_manifest(tmp_path)
