"""What an interrupted test keeps is taken again by the same decoder alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from n2s.data.response_models import FIR
from n2s.systems.story_text.held_out import HeldOut
from n2s.systems.story_text.search import Beam
from n2s.systems.story_text.transcripts import Passage

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
