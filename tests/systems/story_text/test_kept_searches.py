"""What an interrupted test keeps is taken again by the same decoder alone."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from toy import ToyLanguage

from n2s.data.encoding_data import Fold
from n2s.data.response_models import FIR
from n2s.errors import UserError
from n2s.studies.study import Stimulus
from n2s.systems.encoding.inputs import mark, rows_hash
from n2s.systems.story_text.fit import WORDS
from n2s.systems.story_text.held_out import HeldOut
from n2s.systems.story_text.search import Beam
from n2s.systems.story_text.transcripts import Passage, Transcripts

PASSAGE = Passage("s/r", "tale", slice(0, 4), 0.0, 2.0, 0.0, ["a"], np.array([1.0]), "s/tale")


def searched(folder, *, weights=1.0, brain=0.0, delays=(1, 2)):
    """The beam that a search began with."""
    began = []

    def texts(passage, times_s, responses, *, kept, each):
        began.append(kept)
        beam = Beam.empty(1, 3)
        for _ in times_s:
            beam.words.append(np.zeros(1, np.int64))
            beam.parents.append(np.zeros(1, np.int64))
        each(beam)
        return {}

    held = HeldOut.__new__(HeldOut)
    vars(held).update(
        subject="s/1",
        fold=SimpleNamespace(name="held-out"),
        fitted={
            "marks": {"rows": "x"},
            "language": "l",
            "encoding": {"weights": torch.linspace(0, 1, 2000) * weights},
        },
        search_options=(),
        options=(),
        data=SimpleNamespace(response=FIR(delays)),
        decoder=SimpleNamespace(texts=texts, search=SimpleNamespace(restored=lambda beam: beam)),
        responses=lambda passage: {"model": torch.full((4, 3), brain)},
    )
    held._searched(PASSAGE, np.array([1.0, 2.0]), folder, lambda done, total: None)
    return began[0]


def test_a_search_goes_on_with_the_same_decoder(tmp_path):
    assert searched(tmp_path) is None
    assert len(searched(tmp_path).words) == 2


@pytest.mark.parametrize("other", [{"weights": 1.001}, {"brain": 0.5}, {"delays": (1, 3)}])
def test_another_fit_brain_or_response_model_is_searched_anew(other, tmp_path):
    # such as after a second fit in the same folder, with another shrinkage: word times are the same
    searched(tmp_path)
    assert searched(tmp_path, **other) is None


def test_a_test_with_other_features_than_the_fit_is_refused():
    # such as an edited transcript, or another response model: the same rows and brain, and weights that mean something else
    n = 12
    rows = pd.DataFrame({"time_s": 2.0 * np.arange(n), "stimulus_s": 2.0 * np.arange(n), "repeat": 0})
    for name, of in (("recording", "s/r"), ("stimulus", "s/a"), ("unit", "A"), ("story", "A")):
        rows[name] = pd.Categorical([of] * n)
    rows["unit"] = rows["story"] = pd.Categorical(["A"] * 8 + ["B"] * 4)
    said = pd.DataFrame({"text": "w0", "onset": np.arange(0.0, 24), "duration": 0.1, "sequence": ""})
    fold = Fold("held-out", np.arange(8), np.arange(8, 12), np.array(["A"] * 8))
    brain, columns = np.zeros((n, 3), np.float32), np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    data = SimpleNamespace(
        rate_hz={"s/1": 0.5},
        stimuli={"s/a": Stimulus("a", None, said)},
        rows=lambda subject: rows,
        folds=lambda subject: [fold],
        responses=lambda subject, fold: (brain[fold.train], brain[fold.test]),
        columns=lambda subject, feature: columns + 0.1,
    )
    marks = {"rows": rows_hash(data, "s/1", fold), "brain": torch.from_numpy(mark(brain[:8]))}
    fitted = {
        "marks": marks | {WORDS: torch.from_numpy(mark(columns[:8]))},
        "voxels": torch.arange(3),
        "rate": {"voxels": torch.arange(3), "shifts": torch.tensor([1])},
        "language": "l",
    }
    options, transcripts = SimpleNamespace(language="en", at="middle"), Transcripts(data.stimuli, "en")
    with pytest.raises(UserError, match="words in context"):
        HeldOut(data, "s/1", fold, fitted, {"l": ToyLanguage()}, transcripts, [], options, None, None)
