"""Sentences that are written out, by the command: what is said is found, noise is not, and the controls are what they say."""

import json
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import mne
import numpy as np
import pandas as pd
import pytest
import yaml
from closed_form_recipe import QUIET

sys.path.insert(0, str(Path(__file__).parent))

from sentence_study import SentenceStudy

import n2s
from n2s.data import AnyText, AtEvents
from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import ConformerCTC
from n2s.models.ngrams import NGrams
from n2s.systems import SaidText
from n2s.systems.said_text.decoding import Decoder, named
from n2s.systems.said_text.result import SaidTextResult
from n2s.systems.said_text.said import (
    PHONES,
    Said,
    check_alphabet,
    checked_said,
    fill,
    learned_lexicon,
    leave_out_long,
    timed_path,
)
from n2s.systems.said_text.summary import Summary

NETWORK = {"n_channels": 8, "dim": 24, "convs": 2, "kernel": 5, "stride": 1, "depth": 0, "dropout": 0.0}


def recipe(
    path: Path, *, study: dict | None = None, data: dict | None = None, model: dict | None = None, epochs: int = 25
) -> Path:
    windows = {"classes": {"class_path": "n2s.data.AnyText"}, "kind": "sentence"}
    options = {"root": "lab", "n_runs": 5, "n_subjects": 1, "gain": 2.5, "sfreq": 50.0} | (study or {})
    whole = {
        "seed_everything": 0,
        "experiment": "small",
        "data": {
            "class_path": "n2s.data.EventDataModule",
            "init_args": {
                "studies": {"lab": {"class_path": "sentence_study.SentenceStudy", "init_args": options}},
                "windows": {"class_path": "n2s.data.AtEvents", "init_args": windows},
                "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 25.0, "picks": ["eeg"]}},
                "split": {"class_path": "n2s.data.SplitByRun", "init_args": {"val": [4], "test": [5]}},
                "window_s": 1.2,
                "offset_s": -0.1,
                "batch_size": 8,
                "n_jobs": 1,
            } | (data or {}),
        },
        "model": {
            "class_path": "n2s.systems.SaidText",
            "init_args": {
                "network": {"class_path": "n2s.models.ConformerCTC", "init_args": NETWORK},
                "order": 2,
                "n_permutations": 200,
                "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 5e-3}},
            } | (model or {}),
        },
        "trainer": QUIET | {"max_epochs": epochs, "num_sanity_val_steps": 0, "log_every_n_steps": 1, "logger": False},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


@pytest.mark.slow
def test_what_is_said_is_found(at, fit_and_test):
    """Sentences of the test run are new; those that are imagined have no phones among the events, in training and in test."""
    run, out = fit_and_test(recipe(at / "recipe.yaml"))
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    found = {
        name: {row: own["all subjects"]["mean"] for row, own in rows.items()}
        for name, rows in metrics["scores"].items()
    }
    assert set(found) == {"per_greedy", "per", "wer"}
    for name, rows in found.items():
        assert rows["model"] < 0.3 and all(rows["model"] < rows[row] - 0.3 for row in rows if row != "model"), (
            name,
            rows,
        )
        assert metrics["tests"][name]["p_holm"] < 0.05
    result = SaidTextResult.load(run / "test" / "test")
    assert result.sentences.condition.value_counts().to_dict() == {"overt": 8, "imagined": 8}
    assert (result.sentences.none_words.nunique() == 1) and result.settings["n_seen"] == 0
    assert "The brain tells what was said" in out.replace("\n", " ")
    assert len(pd.read_csv(run / "test" / "test" / "sentences.csv")) == 16
    page = (run / "report.html").read_text()
    assert "Errors beside controls" in page and "Conditions" in page and "is not told" in page
    _new_recording_is_written(run, at, result)


def _new_recording_is_written(folder, at, tested):
    """The test run given as a recording of no study: the same sentences, beside no brain; what is missing is said."""
    run, study = n2s.load(folder), SentenceStudy(at / "lab", n_runs=5, n_subjects=1, gain=2.5, sfreq=50.0)
    (recording,) = [one for one in study.recordings() if one.run == "5"]
    raw, events = study.load(recording), study.events(recording)
    sentences = events[events.kind == "sentence"].sort_values("onset")
    table = sentences[["onset", "duration", "text"]].rename(columns={"text": "trial_type"})
    weight = tested.settings["weight"]
    found = run.decode(raw, subject="01", events=table, language_weight=weight)
    assert list(found.table.words) == list(tested.sentences.brain_words)
    assert found.no_brain == tested.sentences.none_words.iloc[0]
    own, others, nobody, p = found.errors
    assert (
        own < 0.3 < others and own < nobody and p < 0.05 and "fewer than texts of other events" in found.headline()[1]
    )
    shared = n2s.load(run.export(at / "shared"))
    assert list(shared.decode(raw, subject="01", events=list(table.onset), language_weight=weight).table.words) == list(
        found.table.words
    )
    noise = mne.io.RawArray(
        1e-6 * np.random.default_rng(0).standard_normal((8, raw.n_times)), raw.info, verbose="error"
    )
    assert run.decode(noise, events=table).errors[3] > 0.01
    told = found.save(at / "written").read_text()
    assert found.no_brain in told and (at / "written" / "sentences.csv").is_file()
    for wrong, message in (
        (lambda: run.decode(raw), "say when they are"),
        (lambda: run.decode(raw, ["a.wav"], events=[1.0]), "compares no sounds"),
        (lambda: run.decode(raw, events=[1e4]), "none of 1 events"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()


@pytest.mark.slow
def test_noise_says_nothing_and_that_is_said(at, fit_and_test):
    run, out = fit_and_test(recipe(at / "recipe.yaml", study={"gain": 0.0}, model={"language": "phones"}, epochs=3))
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    assert set(metrics["scores"]) == {"per_greedy", "per"}
    assert all(one["p_holm"] > 0.05 for one in metrics["tests"].values())
    assert "Nothing shows that this is better than chance" in out.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": {"windows": {"class_path": "n2s.data.AtEvents", "init_args": {"classes": {"class_path": "n2s.data.AnyText"}, "kind": "word"}}}}, "kind: sentence"),
        ({"data": {"test_averages": [4]}}, "data.average 1, data.test_averages [4]"),
        ({"model": {"network": {"class_path": "n2s.models.ConformerCTC", "init_args": NETWORK | {"stride": 12}}}}, "no train sentence has phones that the network has steps for"),
        ({"model": {"network": {"class_path": "n2s.models.ConformerCTC", "init_args": NETWORK | {"n_channels": 9}}}}, "n_channels 9, and the data have 8"),
        ({"data": {"window_s": 0.5}}, "no train sentence has phones that the network has steps for, and ends inside its window of 0.5 s"),
        ({"model": {"timed": 1.5}}, "model.timed is 1.5"),
        ({"model": {"timed_conditions": ["spoken"]}}, "model.timed_conditions"),
        ({"study": {"words": False}}, "no word has phones"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(options, message, at, run_n2s):
    status, out, err = run_n2s("fit", "--config", recipe(at / "recipe.yaml", **options, epochs=1))
    said = " ".join((out + err).split())
    assert status and message in said, said[-1500:]


def sentences(words: list[str], phones: list[list[int]], *, timed: bool = True) -> Said:
    n = len(words)
    split = [tuple(one.split()) for one in words]
    halves = [
        [(word, tuple(own[2 * i : 2 * i + 2])) for i, word in enumerate(two)] if own else []
        for two, own in zip(split, phones, strict=True)
    ]
    middle = [np.arange(len(one)) * 0.1 if timed else np.zeros(0) for one in phones]
    return Said(split, [np.array(one, np.int64) for one in phones], middle, halves, np.ones(n, bool))


def test_sentences_without_phones_get_those_of_training():
    train = sentences(["a b", "b a", "a b"], [[1, 2, 3, 4], [3, 4, 1, 2], [1, 2, 3, 4]])
    lexicon = learned_lexicon(train)
    assert lexicon == {"a": [(1, 2)], "b": [(3, 4)]}
    test = sentences(["b a", "b b", "a c"], [[], [], []])
    assert fill(test, train, lexicon) == 2
    assert [one.tolist() for one in test.phones] == [[3, 4, 1, 2], [3, 4, 3, 4], []] and test.known.tolist() == [
        True,
        True,
        False,
    ]


def test_labels_that_are_no_phones_are_told_or_refused():
    said = sentences(["a b"], [[1, 2, 3, 4]])
    said.no_phone, said.n_phones = Counter({"sil": 2}), 6
    with kept() as told:
        check_alphabet(said)
    assert "2 of 6 in training are none of ARPABET: sil (2)" in told[0].text
    said.no_phone = Counter({"あ": 4})
    with pytest.raises(UserError, match="4 of 6 phones in training are none of ARPABET: あ"):
        check_alphabet(said)


def test_the_path_of_known_times():
    path = timed_path(np.array([5, 6, 6]), np.array([0.1, 0.2, 0.39]), step_s=0.1, n_steps=6)
    assert path.tolist() == [0, 5, 6, 0, 6, 0]
    assert timed_path(np.array([5, 5]), np.array([0.1, 0.2]), step_s=0.1, n_steps=6) is None  # would be one phone
    assert timed_path(np.array([5, 6]), np.array([0.11, 0.12]), step_s=0.1, n_steps=6) is None
    assert timed_path(np.array([5]), np.array([0.9]), step_s=0.1, n_steps=6) is None
    assert timed_path(np.array([5]), np.zeros(0), step_s=0.1, n_steps=6) is None


def test_sentences_with_more_phones_than_steps_are_left_out():
    said = sentences(["a b", "b a", "c c"], [[1, 2, 2, 4], [1, 2, 3, 4], [1, 1, 1, 1]])
    said.whole[2] = False  # longer than its window: told elsewhere
    with kept() as told:
        leave_out_long(said, 5, "train sentences", 1.0)
    assert said.known.tolist() == [True, True, False] and not told
    with kept() as told:
        leave_out_long(said, 4, "train sentences", 1.0)
    assert said.known.tolist() == [False, True, False]
    assert "1 of 3 have too many phones: 'a b' has 4 and needs 5 steps of CTC; the network makes 4" in told[0].text


def test_validation_without_a_known_sentence_is_refused_and_never_perfect(monkeypatch):
    """Zero phones wrong of zero would be the best score that there is."""
    some, none = sentences(["a b"], [[1, 2, 3, 4]]), sentences(["c d"], [[]])
    data = SimpleNamespace(
        event_windows=AtEvents(AnyText(), kind="sentence"),
        average=1,
        test_averages=[],
        shape=SimpleNamespace(window_s=1.0),
    )
    for val, refused in ((none, True), (some, False), (sentences([], []), False)):
        parts = {"train": some, "val": val, "test": some}
        monkeypatch.setattr("n2s.systems.said_text.said.said_in", lambda _, split, parts=parts: parts[split])
        with pytest.raises(UserError, match="no val sentence has phones") if refused else nullcontext():
            assert checked_said(data, 9)[0] == parts
    system, logged = SaidText(ConformerCTC(8, dim=8, n_heads=2)), {}
    system.log = lambda name, value, **_: logged.update({name: value})
    system.on_validation_epoch_start()
    system.on_validation_epoch_end()
    assert set(logged) == {"val/loss", "val/per"} and np.isnan(list(logged.values())).all()


def test_phones_of_a_word_are_those_that_the_brain_makes_likeliest():
    """The commoner pronunciation is not what was said: no phone is wrong all the same."""
    train = sentences(["a", "a", "a", "b"], [[1, 2], [1, 2], [1, 5], [3, 4]])
    lexicon = learned_lexicon(train)
    assert lexicon["a"] == [(1, 2), (1, 5)]
    decoder = Decoder(train, lexicon, language="words", order=2, beam=16, bonus=0.0)
    for said in ([1, 2, 3, 4], [1, 5, 3, 4], [3, 4, 1, 5]):
        clear = np.full((8, len(PHONES) + 1), -9.0, np.float32)
        clear[np.arange(8), np.stack([said, np.zeros(4, int)], 1).ravel()] = -0.01
        assert decoder(clear).phones == named(said)
    assert decoder.likeliest() == (("a",), named([1, 2])) and decoder.vocabulary == {"a", "b"}


def test_the_language_model_is_of_training_and_its_weight_of_validation():
    train = sentences(["a b", "a b", "b a"], [[1, 2, 3, 4], [1, 2, 3, 4], [3, 4, 1, 2]])
    decoder = Decoder(train, learned_lexicon(train), language="words", order=2, beam=16, bonus=0.0)
    own = NGrams([("a", "b"), ("a", "b"), ("b", "a")], 2)
    assert decoder.language.log_likelihood(("a", "b")) == pytest.approx(own.log_likelihood(("a", "b")))
    clear = np.full((8, len(PHONES) + 1), -9.0, np.float32)
    clear[np.arange(8), [3, 0, 4, 0, 1, 0, 2, 0]] = -0.01  # b a
    assert decoder(clear).words == ("b", "a") and decoder(clear).greedy == named([3, 4, 1, 2])
    weak = 0.03 * clear  # b a, which the language model finds less likely than a b
    assert decoder.choose([1.0, 0.1], [weak], sentences(["b a"], [[3, 4, 1, 2]])) == 0.1 == decoder.weight
    weak = 0.03 * np.full((8, len(PHONES) + 1), -9.0, np.float32)
    weak[np.arange(8), [3, 0, 4, 0, 3, 0, 4, 0]] = -0.0003  # b b, which nobody says
    assert decoder.choose([0.1, 1.0], [weak], sentences(["a b"], [[1, 2, 3, 4]])) == 1.0 == decoder.weight
    assert decoder(weak).words == ("a", "b")
    assert decoder.choose([0.7, 2.0], [], sentences([], [])) == 0.7  # no validation: the first


def summary(found: list[str], words: list[str]) -> Summary:
    """Each letter is a word and a phone."""
    n = len(words)
    table = pd.DataFrame(
        {
            "subject": "s",
            "recording": [f"r{i % 2}" for i in range(n)],
            "condition": "overt",
            "fold": 0,
            "unit": [f"run-{i % 2}" for i in range(n)],
            "start_s": 4.0 * np.arange(n),
            "words": words,
            "phones": words,
        }
    )
    for part in ("greedy", "phones", "words"):
        table[f"brain_{part}"], table[f"none_{part}"] = found, "a a"
    others = pd.DataFrame(
        {
            "role": ["random", "random", "constant", "likeliest"],
            "words": ["a b", "c d", "a b", "c b"],
            "phones": ["a b", "c d", "a b", "c b"],
            "fold": 0,
        }
    )
    return Summary(table, others, True, 199, 0)


def test_scores_against_counts_by_hand():
    words = ["a b", "c d", "e f", "g h", "a d", "c b"]
    perfect = summary(words, words)
    assert perfect.rate("wer", "model") == 0 and perfect.rate("wer", "none") == pytest.approx(
        (1 + 2 + 2 + 2 + 1 + 2) / 12
    )
    assert perfect.rate("wer", "constant") == pytest.approx((0 + 2 + 2 + 2 + 1 + 1) / 12)
    assert perfect.rate("wer", "random") == pytest.approx(((0 + 2 + 2 + 2 + 1 + 1) + (2 + 0 + 2 + 2 + 1 + 1)) / 24)
    assert perfect.rate("wer", "likeliest") == pytest.approx((1 + 1 + 2 + 2 + 2 + 0) / 12)
    # another sentence of the run: a b, e f, a d are in one run; c d, g h, c b in the other
    assert perfect.rate("wer", "permuted") == pytest.approx(2 * (1.5 + 2 + 1.5) / 12)
    assert perfect.scores.get("wer", "permuted").mean == pytest.approx(
        2 / 3 * 10 / 12, abs=0.05
    )  # draws leave one of three as it is; .015 is the standard error
    assert perfect.beaten["wer"] == [] and perfect.scores.get("wer", "permuted").low is not None
    none = summary(["a b"] * 6, words)
    assert none.p["wer"] == 1.0 and "constant" in none.beaten["wer"]


@pytest.mark.slow
def test_random_sentences_are_below_chance_as_often_as_p_says():
    """Decoded sentences that have nothing to do with what was said: p is uniform."""
    rng, p = np.random.default_rng(0), []
    letters = list("abcdef")
    for _ in range(60):
        drawn = [" ".join(rng.choice(letters, 3)) for _ in range(32)]
        one = summary(drawn[:16], drawn[16:])
        p.append((1 + (one.nulls["wer"] <= one.rate("wer", "model") + 1e-12).sum()) / 200)
    assert 0.3 < np.mean(p) < 0.75 and np.mean(np.array(p) < 0.1) < 0.25


def test_people_who_say_the_same_and_err_alike_are_no_evidence():
    """The null of six equal people is that of one; it was two and a half times too narrow."""
    rng = np.random.default_rng(3)
    drawn = [" ".join(rng.choice(list("abcdef"), 3)) for _ in range(24)]
    one = summary(drawn[:12], drawn[12:])
    people = [one.sentences.assign(subject=f"s{i}", recording=f"s{i} " + one.sentences.recording) for i in range(6)]
    six = Summary(pd.concat(people, ignore_index=True), one.others, True, 199, 0)
    assert one.nulls["wer"].std() > 0 and np.allclose(six.nulls["wer"], one.nulls["wer"])
    assert six.p["wer"] == pytest.approx(one.p["wer"])


def test_folds_are_pooled_with_the_training_of_their_own():
    settings = {
        "language": "words",
        "order": 2,
        "weight": 1.0,
        "n_train": 3,
        "n_val": 0,
        "n_seen": 1,
        "unknown_words": ["z"],
        "window_s": 1.0,
        "split": "SplitByRun",
    }
    words = ["a b", "c d", "e f", "g h"]
    made = summary(words, words)
    other = made.others.assign(words="g h", phones="g h")
    parts = [
        SaidTextResult(made.sentences, one, settings | {"unknown_words": [name]}, 99, 0)
        for one, name in ((made.others, "z"), (other, "y"))
    ]
    found = SaidTextResult.pooled(parts)
    assert len(found.sentences) == 8 and found.settings["unknown_words"] == ["y", "z"] and found.settings["n_seen"] == 2
    constant = found.summary.edits["wer"]["constant"]
    assert constant[0] == 0 and constant[3] == 2 and constant[4] == 2 and constant[7] == 0
    (shown,) = found.shown()
    assert any("were said in training, too" in one for one in shown.notes) and any(
        "not chosen" in one for one in shown.notes
    )
    assert "Nothing shows" in shown.headline[0]  # two sentences a run and fold: too few for any p


def test_times_of_what_is_imagined_are_not_trusted_unless_they_are_named():
    network = ConformerCTC(8, dim=8, n_heads=2)
    assert SaidText(network).timed_conditions == ["listen", "overt", "silent", "rest"]
    assert SaidText(network, timed_conditions=["imagined"]).timed_conditions == ["imagined"]
    with pytest.raises(UserError, match="n_phones 5; expected 39"):
        SaidText(ConformerCTC(8, dim=8, n_heads=2, n_phones=5))
