"""The best possible decision of who was attended, beside the decoder's: of the same windows, of the brain that a decoder sees."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from encoding_memory import slow
from test_linear_decoder import RECIPE, RUN, Listeners, N, fitted

from n2s.metrics.score import ALL
from n2s.systems.linear.figures import drawings
from n2s.systems.linear.scores import Options
from n2s.systems.linear.scoring import Scorer

OPTIONS = Options((5.0,), (1,), 1.0, 50, 0, (2.0, 5.0, 40.0))
WRONG_S = 7.0  # before this moment of each run the observer is wrong; a tie in one window


class Knowing:
    """A study whose observer knows; what it is asked is kept."""

    def __init__(self, knows=True):
        self.asked, self.knows = [], knows

    def recordings(self):
        return [SimpleNamespace(name=f"{subject:02d}_run-{run}") for subject in (1, 2) for run in range(4)]

    def ideal_attention(self, recording, starts_s, *, duration_s):
        self.asked.append((recording.name, starts_s.copy(), duration_s))
        if not self.knows:
            return None
        return np.where(np.isclose(starts_s, 20.1), -1e-9, np.where(starts_s < WRONG_S, -3.0, 1e-3))


@dataclass
class TwoTalkers(Listeners):
    """The second half of the features is what was not attended."""

    studies: dict | None = None

    def heard(self, subject, fold, space, seed=0, stream="attended"):
        values = self.features[space][seed].astype(np.float32)
        half = values.shape[1] // 2
        values = values[:, :half] if stream == "attended" else values[:, half:]
        return values[fold.train], values[fold.test]

    def rows(self, subject):
        return super().rows(subject).assign(unattended="other")

    def delays(self, space, subject):
        return np.arange(-2, 7) * self.tr_s, self.features[space][0].shape[1] // 2


def data(study, n_subjects=2):
    rng = np.random.default_rng(0)
    sounds = slow(rng, N, 4, 0.5)
    brains = {
        f"study/{one + 1:02d}": np.roll(sounds[:, :2], 2, 0) @ rng.normal(size=(2, 6)) + slow(rng, N, 6, 0.5)
        for one in range(n_subjects)
    }
    features = {"env": [sounds], "again": [sounds[:, [1, 0, 3, 2]]]}
    return TwoTalkers(features, brains, n_runs=4, tr_s=0.1, kind="sensor", studies={"study": study})


def result(data, targets=("env", "again")):
    recipe = replace(RECIPE, lags_s=(0.1, 0.3))
    scorer = Scorer(data, fitted(data, recipe, targets), list(targets), recipe, OPTIONS)
    for one in data.subjects:
        scorer.add(one)
    return scorer.result()


def test_the_ceiling_is_of_the_same_windows_and_the_same_brain():
    study = Knowing()
    found = result(data(study))
    values = found.values.set_index(["subject", "target", "measure"])
    starts = np.arange(0, RUN // 20) * 2.0 + 0.1  # windows of 2 s, seen from the first lag on
    right = np.where(np.isclose(starts, 20.1), 0.5, starts >= WRONG_S)
    for subject in ("study/01", "study/02"):
        line = values.loc[subject, "env", "attended, 2 s"]
        assert line.n == 4 * len(starts) and line.ceiling == pytest.approx(right.mean())
        assert line.ceiling_low < line.ceiling < line.ceiling_high
        assert np.isnan(values.loc[subject, "env", "attended, 40 s"].ceiling)  # no run is so long
        assert np.isnan(values.loc[subject, "env", "r"].ceiling)
    name, starts_s, duration_s = study.asked[0]
    assert name == "01_run-0" and duration_s == pytest.approx(2.2)  # and to the last lag
    np.testing.assert_allclose(starts_s, starts)
    assert len(study.asked) == 2 * 4 * 2  # subjects, runs, lengths: targets share them


@pytest.mark.slow
def test_the_page_shows_it_in_its_row_its_note_and_its_line(tmp_path):
    found = result(data(Knowing()))
    scores, shown = found.scores(), found.shown()[0]
    assert scores.rows["ceiling"].role == "ceiling"
    own = [scores.get("attended, 2 s", "ceiling", one).mean for one in ("study/01", "study/02")]
    assert scores.get("attended, 2 s", "ceiling", ALL).mean == pytest.approx(np.mean(own))
    assert scores.get("r", "ceiling") is None and scores.get("attended, 40 s", "ceiling") is None
    assert any(one.startswith("Ceiling: the exact likelihood") for one in shown.notes)
    labels = [
        line.get_label()
        for one in drawings(found.values, found.folds, found.courses, scores)
        if one.title.startswith("Attended")
        for line in one.figure.axes[0].lines
    ]
    assert labels.count("best possible") == 2  # a figure a target
    found.save(tmp_path)
    assert type(found).load(tmp_path).scores().plain() == scores.plain()


def test_without_a_generator_nothing_is_said():
    found = result(data(Knowing(knows=False), 1), ("env",))
    assert found.values.ceiling.isna().all() and found.scores().get("attended, 2 s", "ceiling") is None
    assert not any(one.startswith("Ceiling") for one in found.shown()[0].notes)
    before = replace(found, values=found.values.drop(columns=["ceiling", "ceiling_low", "ceiling_high"]))
    assert before.scores().plain() == found.scores().plain() and before.shown()[0].drawings  # kept by an older version
