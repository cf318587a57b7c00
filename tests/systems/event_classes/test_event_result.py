"""What a test of a classifier leaves, from made logits: scores, nulls, folds, averages, frames, and what is said of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from n2s.metrics.classification import f1_macro, p_above, permutation_null
from n2s.metrics.score import ALL
from n2s.systems.event_classes.result import EventResult

K, NAMES = 3, ["vowel", "plosive", "nasal"]


def made(*, gain=1.5, n=120, n_subjects=2, n_runs=3, seed=0, control=0.0, **options) -> EventResult:
    """Windows of runs, with logits that know the class by ``gain``, and a control that knows it by ``control``."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(n_subjects):
        for run in range(n_runs):
            label = rng.choice(K, n, p=[0.5, 0.3, 0.2])
            table = pd.DataFrame({"label": label, "start_s": 0.3 * np.arange(n)})
            rows.append(
                table.assign(
                    subject=f"lab/{subject}",
                    recording=f"lab/sub-{subject}_run-{run}",
                    unit=f"run-{run}",
                    condition="listen",
                )
            )
    events = pd.concat(rows, ignore_index=True)
    events = events.assign(onset=events.start_s, duration=0.1, text="", previous="", pause_s=0.0)
    truth = np.eye(K)[events.label]
    logits = (gain * truth + rng.standard_normal(truth.shape)).astype(np.float32)
    controls = (control * truth + rng.standard_normal(truth.shape))[None]
    controls -= np.log(np.exp(controls).sum(-1, keepdims=True))
    given = {
        "controls": controls.astype(np.float32),
        "control_names": ["duration and pause only"],
        "n_permutations": 100,
        "seed": seed,
    }
    return EventResult(
        events=events, logits=logits, names=NAMES, trained=np.array([500, 300, 200]), **(given | options)
    )


def p_of(result: EventResult) -> float:
    """Of F1-macro alone: a loop over data sets needs no more."""
    return p_above(f1_macro(result.labels, result.predicted, len(result.names)), result.summary.nulls["f1_macro"][ALL])


def test_scores_are_those_of_each_subject_and_their_mean():
    result = made()
    scores = result.scores()
    guess = result.logits.argmax(1)
    for who in ("lab/0", "lab/1"):
        own = (result.events.subject == who).to_numpy()
        y, p = result.labels[own], np.exp(result.logits[own]) / np.exp(result.logits[own]).sum(1, keepdims=True)
        assert scores.get("f1_macro", "model", who).mean == pytest.approx(f1_score(y, guess[own], average="macro"))
        assert scores.get("balanced_accuracy", "model", who).mean == pytest.approx(
            balanced_accuracy_score(y, guess[own])
        )
        assert scores.get("auc", "model", who).mean == pytest.approx(roc_auc_score(y, p, multi_class="ovr"), abs=1e-6)
    both = [scores.get("f1_macro", "model", who).mean for who in ("lab/0", "lab/1")]
    assert scores.get("f1_macro", "model").mean == pytest.approx(np.mean(both))
    assert "t interval over 2 subjects" in scores.get("f1_macro", "model").kind
    assert scores.get("accuracy", "commonest").mean == pytest.approx(np.mean(result.labels == 0), abs=0.02)
    assert scores.get("balanced_accuracy", "proportion").mean == pytest.approx(1 / K)
    one = made(n_subjects=1)
    score = one.scores().get("f1_macro", "model")
    assert "over runs of one subject" in score.kind and score.low < score.mean < score.high


def test_noise_is_not_above_chance_and_a_signal_is():
    p = [p_of(made(gain=0.0, seed=seed, n_subjects=1)) for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) <= 0.15 and 0.35 < np.mean(p) < 0.65
    assert made().summary.p["f1_macro"] == pytest.approx(1 / 101)


@pytest.mark.slow
def test_windows_that_overlap_in_stretches_are_tested_in_other_ways_too():
    """Classes in blocks, and logits of noise that neighbours share: permuted labels alone would be beaten three times too often."""
    found = {"permuted": [], "all": []}
    for seed in range(60):
        result = made(n_subjects=1, n=60, seed=seed, controls=None, control_names=[], n_permutations=99)
        rng = np.random.default_rng(seed)
        result.events["label"] = np.concatenate(
            [np.repeat(rng.permutation(np.repeat(np.arange(K), 2)), 10) for _ in range(3)]
        )
        noise = rng.standard_normal((185, K))
        result.logits = sum(noise[i : i + 180] for i in range(6)).astype(np.float32)
        value, draws = f1_macro(result.labels, result.predicted, K), result.draws
        assert draws.overlap and draws.stretches
        nulls = {
            way: permutation_null(
                result.labels, result.predicted, places, "f1_macro", 99, seed, circular, least_shift=draws.least_turn
            )
            for way, (places, circular) in draws.ways.items()
        }
        found["permuted"].append(p_above(value, nulls["permuted"]))
        found["all"].append(draws.p(value, nulls))
    share = {name: np.mean(np.array(p) <= 0.05) for name, p in found.items()}
    assert share["permuted"] > 0.1 and share["all"] <= 0.1
    assert "Windows overlap, and classes come in stretches" in " ".join(result.shown()[0].notes)
    assert "Windows overlap: p" in " ".join(made(n=40).shown()[0].notes)
    assert list(made(average=4).draws.ways) == ["permuted"]


def test_the_tests_of_all_sets_are_corrected_together():
    single, mean = made(gain=0.0, seed=3), made(average=4)
    alone = dict(mean.corrected)
    EventResult.settle({"test": single, "test, averages of 4": mean})
    assert all(mean.corrected[name] >= alone[name] for name in alone)
    assert mean.corrected["f1_macro"] == pytest.approx(8 / 101)
    assert single.facts()["tests"]["auc"]["p_holm"] == single.corrected["auc"]


def test_how_far_it_is_ahead_of_a_control():
    found = {one.name: one.score for one in made(n_subjects=1).summary.ahead}
    assert found["f1_macro"].low > 0
    behind = made(n_subjects=1, gain=0.5, control=3.0)
    assert {one.name: one.score for one in behind.summary.ahead}["f1_macro"].high < 0
    assert "Without a brain, duration and pause only" in " ".join(behind.shown()[0].headline)
    assert "Without a brain" not in " ".join(made(n_subjects=1).shown()[0].headline)


def test_folds_are_pooled_and_their_scores_compared_inside():
    parts = [made(seed=seed, n_runs=1, n_subjects=1) for seed in range(3)]
    for number, part in enumerate(parts):  # another model has another scale
        part.events["recording"] = f"lab/sub-0_run-{number}"
        part.logits = part.logits * (number + 1) + 5 * number * np.eye(K, dtype=np.float32)[0]
    pooled = EventResult.pooled(parts)
    assert pooled.n_folds == 3 and len(pooled.events) == 360 and pooled.trained.shape == (3, K)
    each = [part.scores().get("auc", "model").mean for part in parts]
    assert pooled.scores().get("auc", "model").mean == pytest.approx(np.mean(each), abs=0.01)
    one, all_of_them = (result.summary.nulls["f1_macro"][ALL].std() for result in (replace(pooled, n_folds=1), pooled))
    assert all_of_them == pytest.approx(2**0.5 * one)  # folds learn from each other
    lacking = made(seed=4, n_runs=1, n_subjects=1, controls=None, control_names=[])
    some = EventResult.pooled([parts[0], lacking])
    assert some.controls is None and "some folds lack it" in " ".join(some.control_notes)


def test_averages_say_that_they_are_averages():
    result = made(average=10, n_averaged=np.full(720, 10), n_runs=3)
    told = " ".join(result.shown()[0].headline)
    assert told.startswith("Averages, not single windows") and "never a score of single windows" in told
    assert result.facts()["n_averages"] == 720 and result.facts()["average"] == 10


def test_a_class_that_is_not_tested_has_no_score():
    result = made()
    kept = result.labels != 2
    result = EventResult(
        events=result.events[kept].reset_index(drop=True),
        logits=result.logits[kept],
        names=NAMES,
        trained=np.array([5, 3, 2]),
        n_permutations=20,
    )
    shown = result.shown()[0]
    assert "No test window of nasal" in " ".join(shown.notes) and [row[0] for row in shown.tables["Each class"][1]] == [
        "vowel",
        "plosive",
    ]
    assert 0 < result.scores().get("f1_macro", "model").mean <= 1


def test_it_is_kept_and_exported(tmp_path):
    result = made(n=30)
    result.save(tmp_path)
    result.export(tmp_path)
    again = EventResult.load(tmp_path)
    assert again.scores().plain() == result.scores().plain()
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert table.predicted.tolist() == [NAMES[i] for i in result.predicted]
    with np.load(tmp_path / "probabilities.npz") as kept:
        assert np.allclose(kept["probabilities"], np.exp(result.log_proba), atol=1e-6)
    assert len(result.shown()[0].drawings) == 4


def frames(*, gain=1.0, step_s=0.1, seed=0, **options) -> EventResult:
    """A run of 120 s with stretches of speech, and one logit that knows of them."""
    rng = np.random.default_rng(seed)
    label = (np.convolve(rng.standard_normal(1229), np.ones(30) / 5, "valid") > 0).astype(int)
    noise = np.convolve(rng.standard_normal(1209), np.ones(10) / 3, "valid")
    logits = (gain * (2 * label - 1) + noise).astype(np.float32)[:, None]
    start_s = step_s * np.arange(1200)
    events = pd.DataFrame(
        {
            "label": label,
            "start_s": start_s,
            "onset": start_s + 0.5,
            "duration": 0.0,
            "subject": "lab/0",
            "recording": "lab/sub-0",
            "unit": "run",
            "condition": "listen",
            "text": "",
            "previous": "",
            "pause_s": 0.0,
        }
    )
    given = {"frames": True, "step_s": step_s, "window_s": 1.0, "n_permutations": 100, "seed": seed}
    return EventResult(
        events=events, logits=logits, names=["silence", "speech"], trained=np.array([500, 700]), **(given | options)
    )


def test_frames_of_speech():
    result = frames()
    scores = result.scores()
    assert scores.get("auc", "model").mean == pytest.approx(roc_auc_score(result.labels, result.logits[:, 0]))
    assert scores.get("f1_macro", "model").mean == pytest.approx(
        f1_score(result.labels, result.logits[:, 0] > 0, average="macro")
    )
    shown = result.shown()[0]
    assert "1200 single frames" in shown.headline[0] and "turned" in " ".join(shown.notes)
    assert shown.drawings[1].title == "A minute of speech and silence" and len(shown.drawings) == 5
    p = [p_of(frames(gain=0.0, seed=seed)) for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_short_stretches_of_speech_are_dropped():
    result = frames(gain=2.0, min_run_s=0.4)
    said = result.logits[:, 0] > 0
    expected, at = said.copy(), 0
    while at < len(said):  # naive
        stop = at
        while stop < len(said) and said[stop] == said[at]:
            stop += 1
        if said[at] and stop - at < 4:
            expected[at:stop] = False
        at = stop
    assert np.array_equal(result.predicted, expected) and (expected != said).any()
    rows = result.scores().rows
    assert (
        rows["model"].label == "network, stretches under 0.4 s dropped"
        and rows["raw"].label == "network, each frame as it is"
    )
    assert result.scores().get("f1_macro", "raw").mean == pytest.approx(f1_score(result.labels, said, average="macro"))


def test_the_sound_itself_is_no_control_that_the_brain_must_beat():
    """Of heard speech the sound tells everything: a brain below it is no error in the data."""
    found = made(control=6.0, control_names=["audio only"], n=300)
    (shown,) = found.shown()
    verdict = shown.judgement()
    assert found.scores().get("f1_macro", "audio only").mean > found.scores().get("f1_macro", "model").mean + 0.1
    assert verdict.state == "above" and verdict.control != "audio only"
    assert "cannot exceed that by much" in " ".join(verdict.sentences)
    said = made(control=6.0, control_names=["audio only"], n=300)
    said.events["condition"] = "overt"
    assert "muscles and microphones may tell it, too" in " ".join(said.shown()[0].judgement().sentences)
    durations = made(control=6.0, n=300).shown()[0].judgement()
    assert durations.state == "below" and durations.sentences[0].startswith("Worse than duration and pause only")
