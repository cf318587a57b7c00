"""Stories joined from a run's clips: their length, what is silent, what is faded, and what the manifest says."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from n2s.listening.manifest import read_manifest, write_manifest
from n2s.systems.sound.stitching import clear_stitched, write_stitched

SFREQ = 16000


def cut(folder, stories, starts, *, lacking=(), subject="s/01", take=""):
    """Manifest rows of clips of 1 s that are cut from each method's story; ``lacking``: (method, number) of those that are not."""
    rows = []
    for method, story in stories.items():
        for number, start_s in enumerate(starts):
            if (method, number) in lacking:
                continue
            clip = f"{subject[2:]}_{number}{take}"
            path = folder / method / f"{clip}.wav"
            path.parent.mkdir(exist_ok=True)
            first = round(start_s * SFREQ)
            soundfile.write(path, story[first : first + SFREQ], SFREQ, subtype="FLOAT")
            row = {"clip": clip, "method": method, "path": path, "subject": subject, "stimulus": "s/a story"}
            rows.append(row | {"start_s": start_s})
    return rows


def stitched(folder, rows):
    write_manifest(folder, pd.DataFrame(rows))
    found = write_stitched(folder)
    return {(row["clip"], row.method): (soundfile.read(row.path)[0], row) for _, row in found.iterrows()}


def sine(duration_s, peak=0.5):
    return peak * np.sin(2 * np.pi * 313.0 * np.arange(round(duration_s * SFREQ)) / SFREQ)


@pytest.mark.parametrize("step_s", [1.0, 0.75, 0.5, 0.2])  # they touch, or up to five are at one place
def test_a_sine_cut_into_clips_is_rebuilt_to_the_sample(tmp_path, step_s):
    starts, whole = [2.0 + step_s * i for i in range(7)], sine(9.0)
    found = stitched(tmp_path, cut(tmp_path, {"stimulus": whole, "decoded": whole}, starts))
    first, last = round(2.0 * SFREQ), round((starts[-1] + 1) * SFREQ)
    assert set(found) == {("s_01_a_story", "stimulus"), ("s_01_a_story", "decoded")}
    for sound, row in found.values():
        assert len(sound) == last - first == row.duration_s * SFREQ
        np.testing.assert_allclose(sound, whole[first:last], atol=1 / 32768)
        assert row.silent_s == 0 and row.gain == 1 and row.start_s == 2.0


def test_where_a_clip_is_missing_there_is_silence_and_the_rest_stays_in_its_place(tmp_path):
    starts, whole = [0.0, 0.75, 1.5, 2.25, 3.0], sine(4.0)
    rows = cut(tmp_path, {"stimulus": whole, "decoded": whole}, starts, lacking=[("decoded", 0), ("decoded", 2)])
    found = stitched(tmp_path, rows)
    sound, row = found["s_01_a_story", "decoded"]
    assert len(sound) == 4 * SFREQ == len(found["s_01_a_story", "stimulus"][0])
    silent = np.zeros(4 * SFREQ, bool)
    silent[: round(0.75 * SFREQ)] = silent[round(1.75 * SFREQ) : round(2.25 * SFREQ)] = True
    assert (sound[silent] == 0).all() and row.silent_s == 1.25 and row.n_clips == 3
    np.testing.assert_allclose(sound[~silent], whole[~silent], atol=1 / 32768)


def test_what_would_clip_is_scaled_as_a_whole(tmp_path):
    rng = np.random.default_rng(0)
    story = np.where(np.arange(4 * SFREQ) < 2 * SFREQ, sine(4.0, peak=1.4), 0.1 * rng.uniform(-1, 1, 4 * SFREQ))
    sound, row = stitched(tmp_path, cut(tmp_path, {"stimulus": story}, [0.0, 0.9, 1.8, 2.7]))[
        "s_01_a_story", "stimulus"
    ]
    story = story[: len(sound)]
    assert np.abs(sound).max() <= 0.9901 and row.gain == pytest.approx(0.99 / np.abs(story).max(), rel=1e-4)
    np.testing.assert_allclose(sound, row.gain * story, atol=1 / 32768)


def test_people_and_repeats_are_stories_of_their_own_and_old_ones_go(tmp_path):
    loud, soft, starts = sine(3.0), sine(3.0, peak=0.1), [0.0, 1.0, 2.0]
    rows = cut(tmp_path, {"stimulus": loud, "decoded": loud}, starts)
    rows += cut(tmp_path, {"stimulus": soft}, starts, take="_2") + cut(
        tmp_path, {"stimulus": soft}, starts, subject="s/02"
    )
    found = stitched(tmp_path, rows)
    assert set(found) == {("s_01_a_story", "stimulus"), ("s_01_a_story", "decoded"), ("s_01_a_story_2", "stimulus"),
                          ("s_02_a_story", "stimulus")}  # fmt: skip
    peaks = {key: np.abs(sound).max() for key, (sound, _) in found.items()}
    assert [round(peaks[key], 1) for key in sorted(peaks)] == [0.5, 0.5, 0.1, 0.1]
    kept = read_manifest(tmp_path / "stitched")
    assert len(kept) == 4 and set(kept.n_clips) == {"3"}
    assert len(read_manifest(tmp_path)) == len(rows)  # the clips' own manifest is as it was
    mine = tmp_path / "stitched" / "decoded" / "mine.wav"
    soundfile.write(mine, soft, SFREQ)
    clear_stitched(tmp_path)
    assert sorted((tmp_path / "stitched").rglob("*.*")) == [mine]
