"""The Podcast set in miniature, with its traps, and its true transcripts."""

import shutil
from pathlib import Path

import mne
import numpy as np
import pytest
import yaml
from trees.zada2025 import CHANNELS, N_FEATURES, SOUND_S, WORDS, write_recording, write_tree

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitByTime
from n2s.errors import UserError
from n2s.features import Mel, ReadyWords, WordRate
from n2s.findings import kept
from n2s.studies import Zada2025
from n2s.studies.public.zada2025 import read_words

CONFIGS = Path(__file__).parents[2] / "configs" / "data_encoding"


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "ds005574")


def test_types_marks_and_places_come_from_the_tables(root):
    """An EDF calls all channels EEG; G6 is good and was not localised; the heart and the DC input are no brain."""
    study = Zada2025(str(root))
    raw = study.load(study.recordings()[0])
    assert [raw.get_channel_types([name])[0] for name in ("G1", "EKG1", "DC1")] == ["ecog", "ecg", "misc"]
    assert raw.info["bads"] == ["G7"] and not np.isfinite(raw.info["chs"][5]["loc"][:3]).any()
    assert np.allclose(raw.info["chs"][0]["loc"][:3], [-0.047, 0.006, 0.005])  # mm
    assert raw.get_data("G1").std() == pytest.approx(30e-6, rel=0.02) and raw.info["sfreq"] == 512


def test_the_line_frequency_of_the_file(root):
    study = Zada2025(str(root))
    assert study.load(study.recordings()[0]).info["line_freq"] == 60
    (root / "sub-01" / "ieeg" / "sub-01_task-podcast_ieeg.json").unlink()
    assert study.load(study.recordings()[0]).info["line_freq"] is None


def test_words_are_tokens_that_share_a_number(root):
    study = Zada2025(str(root))
    table = study.events(study.recordings()[1])
    words, (sound,) = table[table.kind == "word"], table[table.kind == "sound"].itertuples()
    assert words.text.tolist() == [word for _, word, *_ in WORDS] and words.onset.is_monotonic_increasing
    assert np.allclose(words.onset, [start for *_, start, _ in WORDS]) and np.allclose(words.duration, 0.3)
    assert (sound.onset, sound.duration, sound.stimulus) == (0.0, SOUND_S, "podcast")  # the recording goes on
    assert (table.kind == "sentence").sum() == 3 and set(table.language) == {"en"} and set(table.story) == {"podcast"}


def test_words_after_the_end_or_without_times_are_left_out(root):
    path = root / "stimuli" / "gpt2-xl" / "transcript.tsv"
    path.write_text(path.read_text() + "98\t98\tlost\tn/a\tn/a\tlost\n99\t99\tlate\t23.4\t23.8\tlate\n")
    study = Zada2025(str(root))
    with kept() as said:
        table = study.events(study.recordings()[0])
    assert not {"lost", "late"} & set(table.text)
    assert sorted(one.text.split()[0] + one.text.split()[-1] for one in said if "words" in one.text)[0].startswith("1")


def test_the_published_envelope_has_no_unit(root):
    study = Zada2025(str(root), high_gamma=True)
    with kept() as said:
        raw = study.load(study.recordings()[0])
    assert raw.get_data("G1").std() == pytest.approx(1e-6, rel=0.02) and raw.get_channel_types(["G1"]) == ["ecog"]
    assert any("too large for volts" in one.text for one in said) and "EKG1" not in raw.ch_names
    file = root / "derivatives/ecogprep/sub-02/ieeg/sub-02_task-podcast_desc-highgamma_ieeg.fif"
    write_recording(file, 3, scale=2e-6, fif=True)  # in volts
    with kept() as said:
        assert study.load(study.recordings()[1]).get_data("G1").std() == pytest.approx(2e-6, rel=0.02)
    assert not any("volts" in one.text for one in said)


def test_what_is_not_fetched_is_left_out(root):
    edf = root / "sub-02" / "ieeg" / "sub-02_task-podcast_ieeg.edf"
    edf.unlink()
    edf.symlink_to(root / ".git" / "annex" / "objects" / "nothing")
    with kept() as said:
        study = Zada2025(str(root))
    assert [one.subject for one in study.recordings()] == ["01"] and "datalad get" in said[0].text
    with pytest.raises(UserError, match="none of its recordings can be read.*not fetched"):
        Zada2025(str(root), subjects=["02"])


def test_what_is_refused(root):
    with pytest.raises(UserError, match="space is 'MNI'; expected one of MNI152NLin2009aSym, Other"):
        Zada2025(str(root), space="MNI")
    with pytest.raises(UserError, match="those with a transcript.tsv are gpt2-xl, phonetic"):
        Zada2025(str(root), transcript="whisper")
    with pytest.raises(UserError, match="'1' may be|no subject|'7'"):
        Zada2025(str(root), subjects=[7])
    (root / "sub-01" / "ieeg" / "sub-01_space-Other_electrodes.tsv").unlink()
    study = Zada2025(str(root), space="Other")
    with pytest.raises(UserError, match="no .*space-Other_electrodes.tsv. Download the small files"):
        study.load(study.recordings()[0])
    channels = root / "sub-02" / "ieeg" / "sub-02_task-podcast_channels.tsv"
    channels.write_text("name\ttype\nA1\tECOG\n")
    with pytest.raises(UserError, match="9 of 9 channels of the recording are not in it .*another recording's"):
        study.load(study.recordings()[1])
    shutil.rmtree(root / "derivatives")
    with pytest.raises(UserError, match="or high_gamma to false"):
        Zada2025(str(root), high_gamma=True)


def test_who_was_recorded(root):
    assert Zada2025(str(root), subjects=["02"]).participants().to_dict("records") == [
        {"subject": "02", "nyu_id": "662"}
    ]


@pytest.mark.parametrize(
    "name, n_words", [("gpt2-xl", 5136), ("syntactic", 5136), ("whisper-medium", 5134), ("phonetic", 5028)]
)
def test_the_true_transcripts(real_data, name, n_words):
    words = read_words(real_data / "openneuro_meta" / "ds005574" / "stimuli" / name / "transcript.tsv")
    assert len(words) == n_words and words.onset.is_monotonic_increasing
    assert words.text.iloc[:4].tolist() == ["Act", "one,", "monkey", "in"] and words.onset.iloc[0] == 3.71
    assert (words.onset + words.duration).max() == pytest.approx(1799.367) and (words.duration > 0).all()


def test_the_true_tables_of_channels_and_electrodes(real_data, tmp_path):
    """A recording with the channels of the true table: contacts that are good have places."""
    root = write_tree(tmp_path / "ds005574")
    shutil.copytree(real_data / "openneuro_meta" / "ds005574" / "sub-02", root / "sub-02", dirs_exist_ok=True)
    for path in (root / "sub-02").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    names = [
        line.split("\t")[0]
        for line in (root / "sub-02/ieeg/sub-02_task-podcast_channels.tsv").read_text().splitlines()[1:]
    ]
    names.remove("EDF Annotations")  # listed, and no channel
    raw = mne.io.RawArray(
        1e-5 * np.random.default_rng(0).standard_normal((len(names), 1024)),
        mne.create_info(names, 512.0, "eeg"),
        verbose="ERROR",
    )
    mne.export.export_raw(
        root / "sub-02/ieeg/sub-02_task-podcast_ieeg.edf", raw, fmt="edf", overwrite=True, verbose="ERROR"
    )
    study = Zada2025(str(root), subjects=["02"])
    raw = study.load(study.recordings()[0])
    good = mne.pick_types(raw.info, ecog=True)
    places = np.array([raw.info["chs"][i]["loc"][:3] for i in good])
    assert len(good) > 80 and np.isfinite(places).all() and 0.02 < np.linalg.norm(places, axis=1).max() < 0.12
    assert raw.info["line_freq"] == 60 and raw.get_montage().get_positions()["coord_frame"] == "mni_tal"


def test_encoding_of_ready_words(root, monkeypatch):
    """As the recipe has it: high gamma, and vectors of words that are published."""
    monkeypatch.setenv("N2S_DATA", str(root.parent))
    recipe = yaml.safe_load((CONFIGS / "zada2025.yaml").read_text())["data"]["init_args"]
    files = recipe["features"]["gpt2xl"]["init_args"]
    data = EncodingDataModule(
        {"podcast": Zada2025("ds005574", high_gamma=True)},
        {"mel": Mel(n_mels=4), "words": WordRate(), "gpt2xl": ReadyWords(**files)}, Lags(-0.2, 0.4),
        preprocessing=Preprocessing(sfreq=16.0, picks=["ecog"]), split=SplitByTime(n_folds=3, test_fold=2, val_fold=1), n_folds=3,
    )  # fmt: skip
    data.setup("fit")
    rows, folds = data.rows("podcast/01"), data.folds("podcast/01")
    assert len(folds) == 3 and data.measured("podcast/01").own_names and len(data.measured("podcast/01").names) == 6
    for fold in folds:
        train, test = data.design("podcast/01", fold, "gpt2xl")
        assert train.shape[1] == 10 * N_FEATURES and np.isfinite(train).all() and not set(fold.train) & set(fold.test)
        near_s = np.abs(rows.time_s.to_numpy()[fold.train][:, None] - rows.time_s.to_numpy()[fold.test]).min()
        assert near_s > 0.4 and len(test)  # lags and filters are purged
    _, words = data.heard("podcast/01", folds[1], "words")
    onsets = np.array([(start + stop) / 2 for *_, start, stop in WORDS])
    times_s = rows.time_s.to_numpy()[folds[1].test]
    assert words.sum() == ((onsets > times_s.min() - 1 / 32) & (onsets < times_s.max() + 1 / 32)).sum()
    assert len(CHANNELS) == 9
