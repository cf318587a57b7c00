"""A recipe whose windows start at words, and studies that have none or some: said before anything is prepared."""

import pytest
from tiny import TinyStudy

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitBySentence, WordOnsets
from n2s.errors import UserError
from n2s.features import Ready
from n2s.findings import kept


class Wordless(TinyStudy):
    """Without the words of some stories; ``sentences``: nor any sentence."""

    lacking: tuple[str, ...] = ("story0", "story1", "story2", "story3")
    dropped: tuple[str, ...] = ("word",)
    loaded = False

    def events(self, recording):
        table = super().events(recording)
        return table[~(table.kind.isin(self.dropped) & table.story.isin(self.lacking))].reset_index(drop=True)

    def load(self, recording):
        Wordless.loaded = True
        return super().load(recording)


def data(study, **options):
    return MEGDataModule(
        {"tiny": study}, Ready(n_features=4), preprocessing=Preprocessing(sfreq=50.0, highpass_hz=0.0, picks=["eeg"]),
        train_windows=Grid(1.0), n_jobs=1, **options,
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    Wordless.loaded = False
    return Wordless(tmp_path / "tiny")


def test_no_words_at_all_is_said_before_anything_is_prepared(study):
    with pytest.raises(UserError) as error:
        data(study, test_windows=WordOnsets(0.5)).prepare_data()
    told = str(error.value)
    assert "4 of 4 stimuli of tiny have no words (story0, story1, story2, ...)" in told
    assert "test and val windows start at words (data.test_windows: WordOnsets)" in told
    assert "n2s align" in told and "TextGrids" in told and "n2s.data.Grid" in told
    assert not Wordless.loaded


def test_some_stimuli_without_words_are_left_out_with_a_warning(study):
    study.lacking = ("story0",)
    module = data(study, test_windows=WordOnsets(0.5), split=SplitBySentence(val_fraction=0.3, test_fraction=0.4))
    with kept() as found:
        module.setup("fit")
    assert ("left out", "1 of 4 stimuli of tiny have no words (story0)") in [(one.kind, one.where) for one in found]
    assert "tiny/story0" not in set(module.window_table("test").stimulus)


def test_a_grid_needs_no_words(study):
    data(study, test_windows=Grid(1.0), split=SplitBySentence(val_fraction=0.3, test_fraction=0.4)).setup("fit")


def test_no_sentences_is_said_before_anything_is_prepared(study):
    study.dropped = ("word", "sentence")
    with pytest.raises(UserError, match="SplitBySentence needs events of kind 'sentence'.*n2s align"):
        data(study, split=SplitBySentence()).prepare_data()
    assert not Wordless.loaded
