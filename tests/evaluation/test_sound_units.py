"""Which sounds of a folder are of one stimulus: by a manifest, a table, a pattern, or their names; and what is said of it."""

import numpy as np
import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.evaluation.units import sound_units

CLIPS = [f"clip_{i}" for i in range(8)]


def test_names_up_to_the_last_number_are_the_stimulus(tmp_path):
    names = [f"{story}_{ms:07d}" for story in ("harbour", "market", "train2") for ms in (0, 2500, 10000)]
    units, said = sound_units(names, None, tmp_path / "reference")
    assert units.words == "stimuli" and units.of.tolist() == np.repeat(["harbour", "market", "train2"], 3).tolist()
    assert "9 clips are of 3 stimuli, such as 'harbour' (by names up to the last number" in said
    units, said = sound_units(["dog", "cat", "rain", "7"], None, tmp_path / "reference")
    assert len(set(units.of)) == 4 and "each clip is a stimulus of its own" in said
    units, said = sound_units(CLIPS, None, tmp_path / "reference")
    assert units.words == "stretches of stimuli" and len(set(units.of)) == 4  # neighbours by twos
    assert "8 clips are of 1 stimulus, such as 'clip'" in said and "--stimulus can say otherwise" in said


def test_it_can_be_told(tmp_path):
    units, said = sound_units(CLIPS, "each", tmp_path)
    assert len(set(units.of)) == 8 and "each clip is taken as independent of every other" in said
    table = tmp_path / "stimuli.csv"
    pd.DataFrame({"clip": CLIPS[::-1], "stimulus": list("abcabcab")}).to_csv(table, index=False)
    units, said = sound_units(CLIPS, str(table), tmp_path)
    assert units.of.tolist() == list("bacbacba") and "8 clips are of 3 stimuli, such as 'b'" in said
    assert len(set(sound_units(CLIPS, r"_(\d)$", tmp_path)[0].of)) == 8


def test_the_manifest_beside_a_run_s_sounds_is_believed(tmp_path):
    (tmp_path / "stimulus").mkdir()
    rows = {"clip": CLIPS, "method": "stimulus", "stimulus": "s/one", "start_s": np.arange(8.0)}
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    units, said = sound_units(CLIPS, None, tmp_path / "stimulus")
    assert units.of[0] == units.of[1] != units.of[2] and "manifest.csv" in said


def test_what_cannot_be_read_is_refused(tmp_path):
    table = tmp_path / "stimuli.csv"
    table.write_text("clip,stimulus\nclip_0,a\n")
    other = tmp_path / "other.csv"
    other.write_text("file,story\nclip_0,a\n")
    for given, message in (
        (str(table), "no row for 7 of 8 clips, such as 'clip_1'"),
        (str(other), "the columns are file, story; expected clip and stimulus"),
        ("^story", "nothing like it in 8 of 8 names, such as 'clip_0'"),
        ("(", "neither a file nor a regular expression"),
    ):
        with pytest.raises(UserError, match=".*".join(message.split())):
            sound_units(CLIPS, given, tmp_path)
