"""Clips of a corpus: dealt out without a leak, batched by length, and what is wrong with them is left out aloud."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from tone_corpus import ToneCorpus, length_s, write_tones

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.data import CorpusDataModule
from n2s.data.corpus_batch import LengthSampler
from n2s.data.corpus_splits import split_clips
from n2s.data.corpus_text import Symbols, n_frames_needed, sentence, written
from n2s.data.recordings import Shard
from n2s.errors import UserError
from n2s.features import LogSpectrogram
from n2s.findings import kept

FRONT = {"n_bins": 20, "sfreq": 8000, "window_s": 0.01}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tones")
    ToneCorpus(str(root)).clips()
    return root


class Told(Corpus):
    """The tones, with other columns or further clips."""

    name = "told"

    def __init__(self, root: Path, **columns):
        self.root, self.columns = root, columns

    def clips(self) -> pd.DataFrame:
        return ToneCorpus(str(self.root)).clips().assign(**self.columns)


def module(corpus: Corpus, **options) -> CorpusDataModule:
    data = CorpusDataModule(corpus, spectrogram=LogSpectrogram(**FRONT), **options)
    data.prepare()
    data.setup("fit")
    return data


def table(n: int, **columns) -> pd.DataFrame:
    base = dict.fromkeys(COLUMNS, "") | {"start_s": 0.0, "duration_s": 1.0}
    return pd.DataFrame({name: [value] * n for name, value in base.items()}).assign(
        content=[f"text {i}" for i in range(n)], **columns
    )


def dealt(clips: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    return split_clips(clips, val_fraction=0.1, test_fraction=0.1, seed=seed, where="here")


def test_shares_are_80_10_10_and_depend_on_the_seed_alone():
    clips = table(1000)
    counts = dealt(clips).split.value_counts()
    assert counts.to_dict() == {"train": 800, "val": 100, "test": 100}
    assert dealt(clips).equals(dealt(clips)) and not dealt(clips).equals(dealt(clips, seed=1))
    again = dealt(clips.sample(frac=1, random_state=0))
    assert dealt(clips).set_index("content").split.to_dict() == again.set_index("content").split.to_dict()


def test_no_speaker_is_on_two_sides():
    clips = dealt(table(600, speaker=[f"s{i % 30}" for i in range(600)]))
    assert (clips.groupby("speaker").split.nunique() == 1).all()
    assert clips.split.value_counts().to_dict() == {"train": 480, "val": 60, "test": 60}


def test_no_sentence_is_on_two_sides():
    """A leak that is planted: every sentence is said by three speakers of thirty."""
    clips = table(300, speaker=[f"s{i % 30}" for i in range(300)])
    clips["content"] = [f"text {i % 100}" for i in range(300)]
    with kept() as findings:
        found = dealt(clips)
    assert (found.groupby("content").split.nunique() == 1).all()
    assert len(found) < 300 and any("held out elsewhere" in one.text for one in findings)


def test_speakers_who_speak_at_once_are_not_heard_on_two_sides():
    """A meeting: no speaker and no sentence is shared, but seconds of sound are; a padding of 0.2 s is none."""
    n = 240
    talk = table(n, speaker=[f"s{i % 20}" for i in range(n)], sound=[f"m{i // 60}.wav" for i in range(n)])
    apart = dealt(talk.assign(start_s=np.arange(n) % 60 * 0.8))
    with kept() as found:
        clips = dealt(talk.assign(start_s=np.arange(n) % 60 * 0.5))
    assert len(apart) == n and 100 < len(clips) < n and "two speakers at once" in found[-1].text
    for _, own in clips.groupby("sound"):
        sides = [own.start_s[own.split == name].to_numpy() for name in ("train", "val", "test")]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert (np.abs(sides[one][:, None] - sides[other]) >= 0.75).all()


def test_few_speakers_are_said_and_sentences_dealt():
    with kept() as findings:
        found = dealt(table(100, speaker=[f"s{i % 3}" for i in range(100)]))
    assert found.split.value_counts().to_dict() == {"train": 80, "val": 10, "test": 10}
    assert [one.kind for one in findings] == ["odd"] and "3 speakers" in findings[0].where


def test_every_class_is_in_every_split():
    found = dealt(table(200, label=[f"class {i % 10}" for i in range(200)]))
    assert (found.groupby(["label", "split"]).size().unstack() > 0).all(None)


def test_a_recording_of_several_classes_is_dealt_out_whole():
    clips = table(400, speaker=[f"recording {i // 10}" for i in range(400)], label=["speech", "noise"] * 200)
    found = dealt(clips)
    assert (found.groupby("speaker").split.nunique() == 1).all()
    assert found.split.value_counts().to_dict() == {"train": 320, "val": 40, "test": 40}


class Scenes(Corpus):
    """Two classes; twelve recordings, each of six stretches, or of a file each, and one file that is there twice."""

    name = "scenes"

    def __init__(self, root: Path, *, cut: bool = True, n_classes: int = 2):
        self.root, self.cut, self.n_classes = root, cut, n_classes
        root.mkdir()
        rng = np.random.default_rng(0)
        for i in range(12 if cut else 72):
            soundfile.write(root / f"{i:02d}.wav", 0.1 * rng.standard_normal(24000 if cut else 4000), 8000)

    def clips(self) -> pd.DataFrame:
        rows = [
            (f"{i // 6 if self.cut else i:02d}.wav", i % 6 * 0.5 if self.cut else 0.0, 0.5) for i in range(72)
        ]  # fmt: skip
        clips = pd.DataFrame(rows, columns=["sound", "start_s", "duration_s"])
        clips["sound"] = [str(self.root / name) for name in clips.sound]
        return clips.assign(text="", label=[f"class {i % self.n_classes}" for i in range(72)], speaker="", split="")[
            list(COLUMNS)
        ]


def test_stretches_of_one_recording_are_on_one_side_wherever_it_lies(tmp_path):
    found = {}
    for place in ("one", "another"):
        data = CorpusDataModule(Scenes(tmp_path / place), target="label", spectrogram=LogSpectrogram(**FRONT))
        data.setup("fit")
        found[place] = {name: set(part.speaker) for name, part in data.splits.items()}
        parts = list(found[place].values())
        assert all(parts) and sum(map(len, parts)) == len(set.union(*parts)) == 12
        found[place]["hash"] = data.data_hashes()["clips scenes"]
    assert found["one"] == found["another"]


def test_overlapping_stretches_are_on_one_side_though_recordings_are_few(tmp_path):
    """Two classes at once, in four recordings: the same half second is not heard in training and in the test."""

    class Overlapping(Scenes):
        def clips(self) -> pd.DataFrame:
            found = super().clips().iloc[:24]
            place = np.arange(24) % 6
            return found.assign(start_s=place // 2 + place % 2 * 0.25)

    for seed in range(4):
        data = CorpusDataModule(
            Overlapping(tmp_path / str(seed)), target="label", spectrogram=LogSpectrogram(**FRONT), seed=seed,
            val_fraction=0.25, test_fraction=0.25,
        )  # fmt: skip
        data.setup("fit")
        heard = [set(zip(part.sound, part.start_s.astype(int), strict=True)) for part in data.splits.values()]
        assert all(heard) and sum(map(len, heard)) == len(set.union(*heard)) == 12


def test_a_file_that_is_there_twice_is_on_one_side(tmp_path):
    corpus = Scenes(tmp_path / "scenes", cut=False)
    for i in range(0, 72, 2):
        (corpus.root / f"{i + 1:02d}.wav").write_bytes((corpus.root / f"{i:02d}.wav").read_bytes())
    data = CorpusDataModule(corpus, target="label", spectrogram=LogSpectrogram(**FRONT))
    data.setup("fit")
    pairs = [{int(Path(sound).stem) // 2 for sound in part.sound} for part in data.splits.values()]
    assert all(pairs) and sum(map(len, pairs)) == len(set.union(*pairs))


def test_a_single_class_is_refused(tmp_path):
    with pytest.raises(UserError, match="all of its 72 clips are of the class 'class 0'; expected at least two"):
        CorpusDataModule(Scenes(tmp_path / "scenes", n_classes=1), target="label").setup("fit")


def test_the_official_split_wins_and_what_it_lacks_is_taken_from_training():
    given = ["test" if i % 4 == 0 else "train" for i in range(200)]
    found = dealt(table(200, split=given))
    assert (found.split[::4] == "test").all() and (found.split == "test").sum() == 50
    assert (found.split == "val").sum() == 15  # a tenth of the others
    with pytest.raises(UserError, match="'dev'.*expected train, val, test"):
        dealt(table(20, split="dev"))
    with pytest.raises(UserError, match="no clip is for"):
        dealt(table(2))


def test_texts_and_symbols():
    assert written(" Ga\u0301  mee\n") == "G\u00e1 mee"
    assert sentence("It's  ONE, e\u0301te!") == sentence("it’s one \u00e9te") == "its one \u00e9te"
    symbols = Symbols.of(["ab", "ca"])
    assert symbols.names == ("a", "b", "c") and symbols.n_classes == 4
    assert symbols.encoded("cxb").tolist() == [3, 2] and symbols.decoded([0, 1, 0, 2]) == ["a", "b"]
    assert n_frames_needed(np.array([1, 1, 2, 2, 2])) == 8


def test_batches_hold_the_spectrograms_and_the_characters(folder):
    data = module(ToneCorpus(str(folder)), batch_size=4)
    assert (data.n_classes, data.n_inputs) == (5, 20) and data.symbols.names == (" ", "a", "b", "c")
    seen = []
    for batch in data.train_dataloader():
        for row, clip in enumerate(data.splits["train"].iloc[batch.row.numpy()].itertuples()):
            n, s = batch.lengths[row], batch.target_lengths[row]
            assert n == round(length_s(clip.text) * 100) + 1
            alone = data.spectrogram.of_audio(data.sound("train", int(batch.row[row])))
            assert torch.allclose(batch.spectrogram[row, :n], alone, atol=2e-3)  # float16
            assert not batch.spectrogram[row, n:].any() and not batch.target[row, s:].any()
            assert "".join(data.symbols.decoded(batch.target[row].tolist())) == clip.text
        seen += batch.row.tolist()
    assert sorted(seen) == list(range(len(data.splits["train"])))
    assert len(data.data_hashes()) == 2 and "48 clips" in str(data)
    assert len(data.places(batch)) == len(batch)


def test_what_cannot_be_used_is_left_out_and_counted(folder, tmp_path):
    """One of each: no text, too long, no such file, silent, damaged, more characters than frames, unknown length."""
    clips = ToneCorpus(str(folder)).clips()
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    for name in ("good.wav", "held.wav"):
        write_tones(tmp_path / name, "cab bac")
    ok, n = str(tmp_path / "good.wav"), length_s("cab bac")
    odd = [
        (ok, 0.0, n, "  ", "", "", "train"), (ok, 0.0, 30.0, "abc", "", "", "train"),
        (str(tmp_path / "none.wav"), 0.0, 1.0, "abc", "", "", "train"),
        (str(tmp_path / "silent.wav"), 0.0, 1.0, "abc a", "", "", "train"),
        (str(tmp_path / "broken.wav"), 0.0, 1.0, "abc b", "", "", "train"),
        (ok, 0.0, n, "aabb" * 20, "", "", "train"), (ok, 0.0, np.nan, "cab bac", "", "", "train"),
        (str(tmp_path / "held.wav"), 0.0, n, "xylo", "", "", "test"),
    ]  # fmt: skip
    clips["split"] = ["test" if i < 6 else "val" if i < 12 else "train" for i in range(len(clips))]
    clips = pd.concat([clips, pd.DataFrame(odd, columns=list(COLUMNS))], ignore_index=True)

    class Odd(Told):
        def clips(self):
            return clips

    with kept() as findings:
        data = module(Odd(folder))
    told = "\n".join(f"{one.where}: {one.text}" for one in findings)
    for why in (
        "have no text",
        "longer than 20 s",
        "none.wav",
        "silent",
        "broken.wav",
        "than what CTC",
        "training has not",
    ):
        assert why in told, why
    texts = {name: set(part.text) for name, part in data.splits.items()}
    assert "cab bac" in texts["train"] and "xylo" in texts["test"] and "abc a" not in texts["train"]
    assert data.symbols.unknown("xylo") == ["l", "o", "x", "y"]
    with kept() as findings:
        assert "xylo" not in set(module(Odd(folder), alphabet="abc ").splits["test"].text)
    assert any("data.alphabet has not" in one.text for one in findings)


def test_nothing_left_is_an_error(folder):
    with pytest.raises(UserError, match="none of its 60 clips is left: they have no text"):
        CorpusDataModule(Told(folder, text="")).n_classes  # noqa: B018
    with pytest.raises(UserError, match="none of its 1 sounds"):
        CorpusDataModule(Told(folder, sound="/nowhere.wav")).n_classes  # noqa: B018
    with pytest.raises(UserError, match="data.hours is 5, but"):
        CorpusDataModule(ToneCorpus(str(folder)), hours=5).n_classes  # noqa: B018
    with pytest.raises(UserError, match="leave nothing"):
        CorpusDataModule(ToneCorpus(str(folder)), val_fraction=0.5, test_fraction=0.5)


def test_hours_are_matched(folder):
    wanted = 20.0
    data = module(ToneCorpus(str(folder)), hours=wanted / 3600)
    found = sum(part.duration_s.sum() for part in data.splits.values())
    assert wanted <= found + 3 and found <= wanted + 1.5  # a clip more at most; shared sentences are left out later
    assert data._clips.equals(CorpusDataModule(ToneCorpus(str(folder)), hours=wanted / 3600)._clips)


def test_classes(folder):
    labels = ["bell, tin" if i == 7 else "ab"[i % 2] for i in range(60)]
    with kept() as findings:
        data = module(Told(folder, label=labels), target="label")
    assert data.symbols.names == ("a", "b") and any("several classes" in one.text for one in findings)
    batch = next(iter(data.test_dataloader()))
    assert batch.target.shape[1] == 1 and set(batch.target.flatten().tolist()) == {1, 2}


def test_parts_of_the_work_are_the_whole(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path))
    monkeypatch.setattr("n2s.data.corpus_spectrograms._CLIPS", 16)
    data = CorpusDataModule(ToneCorpus(str(folder)), spectrogram=LogSpectrogram(**FRONT))
    n_parts = len(data._spectrograms.parts)
    for index in (1, 2):
        data.prepare(Shard.parse(f"{index}/2"))
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "corpora").glob("*/frames.npy")}
    assert len(made) == n_parts > 2
    data.setup("fit")
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "corpora").glob("*/frames.npy")}
    monkeypatch.setattr("n2s.data.corpus_spectrograms._CLIPS", 1000)
    whole = module(ToneCorpus(str(folder)))
    assert all(np.array_equal(data._spectrograms.read(i), whole._spectrograms.read(i)) for i in range(len(data._clips)))


@pytest.mark.parametrize("dealt_out", [False, True])
def test_processes_have_every_clip_once(dealt_out):
    lengths = np.random.default_rng(0).integers(10, 200, 53)
    samplers = [
        LengthSampler(lengths, batch_size=8, shuffle=not dealt_out, rank=rank, world_size=2, dealt=dealt_out)
        for rank in range(2)
    ]
    assert len({len(one) for one in samplers}) == 1
    rows = [row for one in samplers for part in one for row in part]
    assert sorted(rows) == list(range(53))
    one = LengthSampler(lengths, batch_size=8, shuffle=True)
    first = list(one)
    one.set_epoch(1)
    assert any(not np.array_equal(a, b) for a, b in zip(first, one, strict=True))
    spread = np.mean([np.ptp(lengths[part]) for part in first])
    assert spread < np.ptp(lengths) / 3
    with pytest.raises(UserError, match="cannot be shared by 9 processes"):
        LengthSampler(lengths, batch_size=8, shuffle=True, world_size=9)
