"""One word is one word, one instant one segment, however many clocks tell it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitBySentence, SplitByStory, WordOnsets
from n2s.data.content import Heard
from n2s.data.placements import Grid
from n2s.data.splits import joined
from n2s.data.stimuli import collect_stimuli
from n2s.data.windows import Windows, instants, lay_windows
from n2s.data.words import canonical_words
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.studies.events import events_table
from n2s.studies.study import Frames, Recording, Study


def _words(texts, onset, *, start=10.0, **more):
    onset = np.asarray(onset, float)
    return pd.DataFrame(
        {"text": texts, "onset": start + onset, "stimulus_onset": onset, "duration": 0.2, "sequence": "s"} | more
    )


def _spoken(n, seed=0):
    """Words of a small vocabulary, many of them twice in a row, 0.12 to 0.6 s apart."""
    rng = np.random.default_rng(seed)
    texts = np.array(["the", "cat", "no", "very", "sat"])[rng.integers(0, 5, n)]
    return texts, np.cumsum(rng.uniform(0.12, 0.6, n))


def test_words_of_many_clocks_are_as_many_as_of_one():
    """Jitter of 2 ms, a start up to 0.3 s late, a drift of 200 ppm, times rounded to 1 ms."""
    texts, onset = _spoken(800)
    rng = np.random.default_rng(1)
    tables = []
    for _ in range(27):
        told = onset * (1 + rng.uniform(-2e-4, 2e-4)) + rng.uniform(0, 0.3) + rng.uniform(-0.002, 0.002, len(onset))
        tables.append(_words(texts, told.round(3)))
    found = canonical_words(tables)
    assert found.text.tolist() == texts.tolist()
    offset = found.onset.to_numpy() - onset
    assert np.ptp(offset) < 0.2 and 0 < np.median(offset) < 0.3  # the median clock, drift included
    assert np.abs(np.diff(offset)).max() < 0.004


def test_words_that_some_recordings_lack_or_have_alone():
    texts, onset = _spoken(300, seed=2)
    rng = np.random.default_rng(3)
    tables = []
    for _ in range(12):
        kept = np.sort(rng.choice(300, 270, replace=False))
        tables.append(_words(texts[kept], onset[kept] + rng.normal(0, 0.002, 270) + rng.uniform(-0.1, 0.1)))
    found = canonical_words(tables)
    assert found.text.tolist() == texts.tolist() and np.abs(np.diff(found.onset - onset)).max() < 0.01


@pytest.mark.parametrize("seam", ["the", "v1", "w58"])
@pytest.mark.parametrize("second_of_both", [False, True])
def test_the_two_parts_of_a_story_keep_their_times(seam, second_of_both):
    """A common word on both sides of the seam is not the same word, and one that both runs tell there is one."""
    first = [(0.5 * i, f"w{i}") for i in range(1, 59)] + [(29.4, "the")]
    second = [(30.1, seam)] + [(30.5 + 0.5 * i, f"v{i}") for i in range(50)]
    if second_of_both:
        second.insert(0, (29.43, "the"))
    tables = [_words([w for _, w in rows], [t for t, _ in rows]) for rows in (first, second)]
    for order in (tables, tables[::-1]):
        found = canonical_words(order)
        times = dict(zip(found.text, found.onset, strict=True))
        for at, text in first[:-2] + second[-48:]:
            assert times[text] == pytest.approx(at, abs=1e-9)
        assert len(found) == len(first) + len(second) - second_of_both


def test_one_listeners_table_without_words_and_words_known_in_one_run_alone():
    texts, onset = _spoken(100)
    half = _words(texts[50:], onset[50:])
    found = canonical_words([_words(texts, onset).iloc[:50], half, half])
    assert found.text.tolist() == texts.tolist() and np.allclose(found.onset, onset)


def test_clocks_of_listeners_that_are_apart_are_told():
    texts, onset = _spoken(60)
    told = {"where": "here", "names": ["ane", "ion"]}
    with kept() as found:
        canonical_words([_words(texts, onset), _words(texts, onset + 0.02)], **told)
    assert not found
    with kept() as found:
        words = canonical_words([_words(texts, onset), _words(texts, onset + 0.12)], **told)
    assert np.allclose(words.onset, onset + 0.06)
    assert [(one.kind, one.where) for one in found] == [("odd", "here (120 ms between ane and ion)")]
    with pytest.raises(UserError, match=r"here: ion has its words \+5\.00 s from where ane has the same words"):
        canonical_words([_words(texts, onset), _words(texts, onset + 5.0)], **told)


def test_a_word_said_twice_in_a_row_stays_two_words():
    tables = [
        _words(["no", "no"], [1.0, 1.2]),
        _words(["no"], [1.203]),
        _words(["no"], [0.998]),
        _words(["No", "no"], [1.05, 1.25]),
    ]
    for order in itertools.permutations(tables):
        found = canonical_words(order)
        assert len(found) == 2 and np.allclose(found.onset, [1.0, 1.2], atol=0.03), found


def test_one_recording_keeps_its_own_times_and_each_hearing_of_it_is_a_telling():
    texts, onset = _spoken(40)
    once = _words(texts, onset)
    assert np.array_equal(canonical_words([once]).onset, onset)
    again = _words(texts[:30], onset[:30] + 0.003, start=100.0)
    found = canonical_words([pd.concat([once, again])])
    assert len(found) == 40 and np.allclose(found.onset, onset, atol=0.0031)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 0.05)), max_size=60),
    st.sampled_from([0.004, 0.01]),
)
def test_instants_are_as_near_as_they_should_be(starts, same_s):
    audio = np.array([sound for sound, _ in starts], int)
    start_s = np.array([time for _, time in starts])
    number, common_s = instants(audio, start_s, same_s)
    assert list(dict.fromkeys(number.tolist())) == list(range(len(set(number.tolist()))))
    for one in set(number.tolist()):
        mine = number == one
        assert np.ptp(start_s[mine]) < same_s and len(set(audio[mine])) == 1 and len(set(common_s[mine])) == 1
    for sound in (0, 1):  # no two segments of one sound are nearer than that
        places = np.unique(common_s[audio == sound])
        assert (np.diff(places) >= same_s - 1e-12).all()


def test_moved_windows_of_two_segments_never_meet_and_those_of_one_always_do():
    intervals = pd.DataFrame(
        {"recording": ["a", "b"], "stimulus": "s", "audio": "x", "onset": 0.0, "stimulus_onset": 0.0}
    ).assign(duration=[20.0, 18.2])
    windows = lay_windows(
        intervals, Grid(0.5, jitter=True), window_s=3.0, words={"s": None}, bad_spans={"a": [], "b": []}, jitter=True,
        same_s=0.01,
    )  # fmt: skip
    for seed in range(200):
        moved = windows.jittered(3.0, [seed])
        assert (pd.Series(moved).groupby(windows.segment).nunique() == 1).all()
        assert np.diff(np.unique(moved)).min() > 0.0099
        stop = (intervals.stimulus_onset + intervals.duration).to_numpy()[windows.interval]
        assert (moved + 3.0 <= stop + 1e-9).all() and (moved >= windows.start_s).all()


# -- the tables of a real study -----------------------------------------------------------------------------------------

N_TEST = 1284  # Défossez 2023, Table 2: candidates of Gwilliams 2022


class Masc(Study):
    """The tables of MEG-MASC: four stories in parts, up to 27 people who come twice, each session on its own clock."""

    name, root, split = "masc", None, None

    def __init__(self, split, n_people):
        self.n_people, self.split_by = n_people, split
        rng = np.random.default_rng(0)
        self.spoken, held_out = {}, 0
        while held_out < N_TEST:
            rows, at_s, part = [], 2.0, len(self.spoken)
            for sentence in range(40):
                words = [f"w{rng.integers(200)}" for _ in range(min(rng.integers(8, 20), N_TEST - held_out))]
                held_out += len(words) if split.of(" ".join(words)) == "test" else 0
                for word in words:
                    rows.append((word, at_s, f"{part}.{sentence}", " ".join(words)))
                    at_s += rng.uniform(0.15, 0.5)
                at_s += 4.0
            self.spoken[f"story{part % 4}_{part // 4}"] = rows, at_s
        self.n_test = held_out

    def recordings(self):
        return [Recording(f"{s:02d}", str(session)) for s in range(self.n_people) for session in (0, 1)]

    def events(self, recording):
        rng = np.random.default_rng([int(recording.subject), int(recording.session)])
        rows, onset = [], 1.0
        for name, (words, stop_s) in self.spoken.items():
            clock = 1 + rng.uniform(-5e-5, 5e-5)
            shared = {"story": name[:6], "stimulus": name}
            rows.append({"onset": onset, "duration": stop_s, "kind": "sound", "stimulus_onset": 0.0, **shared})
            late = rng.uniform(0, 0.02)
            told = {}
            for text, at_s, sentence, whole in words:
                at = round(at_s * clock + late + rng.uniform(-0.002, 0.002), 3)
                rows.append({"onset": onset + at, "duration": 0.1, "kind": "word", "stimulus_onset": at, "text": text,
                             "sequence": sentence, **shared})  # fmt: skip
                told.setdefault((sentence, whole), []).append(at)
            rows += [
                {"onset": onset + at[0] - 0.9, "duration": at[-1] - at[0] + 4.4, "kind": "sentence", "text": whole,
                 "stimulus_onset": at[0] - 0.9, **shared}
                for (_, whole), at in told.items()
            ]  # fmt: skip
            onset += stop_s + 2.0
        return events_table(rows, where=recording.name)

    def load(self, recording):
        raise NotImplementedError

    def sources(self, recording):
        return []

    def features(self, stimulus):
        return Frames(np.zeros((round(10 * self.spoken[stimulus][1]) + 10, 1)), 10.0)


def _segments(split, n_people) -> Windows:
    study = Masc(split, n_people)
    assert study.n_test == N_TEST
    events = {recording.name: study.events(recording) for recording in study.recordings()}
    stimuli = collect_stimuli(study, events)
    table = joined(split.intervals({"m": Heard(events)}), gap_s=0.01)
    table = table[table.split == "test"].assign(audio=table.stimulus)
    words = {f"m/{name}": stimulus.words for name, stimulus in stimuli.items()}
    return lay_windows(
        table, WordOnsets(0.5), window_s=3.0, words=words, bad_spans={key: [] for key in events}, jitter=False,
        same_s=0.5 / 120,
    )  # fmt: skip


@pytest.mark.parametrize("n_people", [1, 6, pytest.param(27, marks=[pytest.mark.slow, pytest.mark.nightly])])
def test_candidates_are_as_many_as_published_whoever_listened(n_people):
    """1284 words of the held-out sentences, at 2, 4 or 54 hearings of each: 157 words were 282 candidates of two clocks."""
    windows = _segments(SplitBySentence(), n_people)
    assert len(windows.first) == N_TEST
    assert len(windows) == pytest.approx(2 * n_people * N_TEST, rel=0.01)


class Clocks(TinyStudy):
    """Every recording tells its words by its own triggers."""

    def events(self, recording):
        table = super().events(recording)
        rng = np.random.default_rng([ord(one) for one in recording.name])
        word = table.kind == "word"
        moved = (rng.uniform(-0.003, 0.003, word.sum()) + rng.uniform(0, 0.01)).round(3)
        table.loc[word, ["onset", "stimulus_onset"]] += moved[:, None]
        return table


@pytest.mark.slow
def test_an_oracle_knows_every_word(tmp_path):
    """Who knows the answer is always right: no equal candidate beside the true one."""
    data = MEGDataModule(
        {"t": Clocks(tmp_path, n_subjects=4)},
        Ready(4),
        split=SplitByStory(val=["story1"], test=["story0", "story3"]),
        preprocessing=Preprocessing(sfreq=50, picks=["eeg"]),
        test_windows=WordOnsets(0.5),
        n_jobs=1,
    )
    data.setup("test")
    candidates = data.segment_targets("test").flatten(1)
    assert len(candidates) == 2 * 27 and len(data.windows["test"]) >= 4 * 2 * 26
    for batch in data.test_dataloader():
        true = batch.target.flatten(1)
        distance = ((true[:, None] - candidates[None]) ** 2).sum(-1)
        assert (distance.argmin(1) == batch.segment).all()
        assert ((distance == 0).sum(1) == 1).all()
