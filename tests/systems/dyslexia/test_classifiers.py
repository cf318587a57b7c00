"""Classifiers of people: what they learn from, chance on noise, a planted leak, and each against another way to the same numbers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from n2s.data.encoding_data import Measured
from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import DyslexNet
from n2s.studies.readers.participants import as_people, read_people
from n2s.systems.dyslexia.classifiers import CovariatesOnly, ElasticNet, LinearSVM, Logistic
from n2s.systems.dyslexia.gathered import check_places
from n2s.systems.dyslexia.groups import (
    check_sizes,
    covariates_of,
    grouped,
    people_table,
    refuse_copies,
    tell_nuisances,
    with_sounds,
)
from n2s.systems.dyslexia.network import WindowNetwork, scale_of
from n2s.systems.dyslexia.people import Cleaning, People
from n2s.systems.dyslexia.spatial import BandCSP, RiemannianTangent, followers, seen_through
from n2s.systems.dyslexia.validation import held_out_scores, p_value, permuted, repeated, summary

LINEAR = [Logistic(strengths=(0.01, 1.0)), ElasticNet(), LinearSVM(strengths=(0.001, 0.1))]
NETWORK = WindowNetwork(
    lambda c, t: DyslexNet(c, t, dim=8, depth=1, n_heads=2, embed_dim=6, factor_dim=4), n_epochs=2, batch_size=64
)


def people(n=40, n_features=6, shift=0.0, seed=0, **more):
    rng = np.random.default_rng(seed)
    positive = np.arange(n) % 2 == 0
    measures = rng.standard_normal((n, n_features))
    measures[:, 0] += shift * positive
    found = {"covariates": rng.standard_normal((n, 2))} | more
    return People(np.array([f"s/{i:02d}" for i in range(n)]), measures, **found), positive


def covariances(n=40, gain=1.0, seed=0):
    """Of five sensors and an envelope of two parts; the first sensor's variance differs between groups."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        x = rng.standard_normal((400, 7))
        x[:, 0] = x[:, 0] * (gain if i % 2 == 0 else 1.0) + 0.5 * x[:, 5]
        found.append([x.T @ x / 400])
    return np.array(found)


def windows(n=20, seed=0, n_windows=6):
    """Each person has a pattern of its own, and no group has any."""
    rng = np.random.default_rng(seed)
    own = 3 * rng.standard_normal((n, 1, 4, 1))
    return list((own + rng.standard_normal((n, n_windows, 4, 10))).astype(np.float16))


@pytest.mark.parametrize("classifier", LINEAR, ids=lambda one: type(one).__name__)
def test_what_differs_is_found_and_noise_is_not(classifier):
    some, positive = people(shift=2.0)
    found = held_out_scores(classifier, some, positive, n_folds=5, seed=0)
    assert roc_auc_score(positive, found) > 0.8 and np.mean((found > 0) == positive) > 0.7
    noise = [held_out_scores(classifier, people(seed=s)[0], positive, n_folds=5, seed=0) for s in range(5)]
    assert 0.25 < np.mean([roc_auc_score(positive, one) for one in noise]) < 0.65


@pytest.mark.parametrize("kind", [Logistic, LinearSVM])
def test_scores_of_all_penalties_are_on_one_scale(kind):
    """Folds that choose other penalties are pooled: the order of people is that of each fold, and zero stays where it is."""
    some, positive = people(shift=2.0)
    for strength in (1e-4, 1.0):
        alone = kind(strengths=(strength,)).scores(some, positive, some, seed=0)
        found = kind(strengths=(strength, strength)).scores(some, positive, some, seed=0)
        assert found == pytest.approx(alone / alone.std(), rel=1e-6)


def test_cleaning_is_of_the_people_that_are_learned_from():
    some, _ = people(covariates=np.random.default_rng(1).standard_normal((40, 2)))
    x, c = some.measures.copy(), some.covariates
    x[:, 1] = 3.0  # the same for all
    x[:, 2] = np.nan  # nobody's
    x[3, 0] = np.nan
    found = Cleaning(x[:30], c[:30])
    filled = np.where(np.isnan(x[:, 0]), np.nanmedian(x[:30, 0]), x[:, 0])
    line = LinearRegression().fit(c[:30], filled[:30])
    own = filled - line.predict(c)
    assert found.apply(x[30:], c[30:])[:, 0] == pytest.approx(own[30:] / own[:30].std())
    assert found.apply(x[30:], c[30:]).shape == (10, 4)
    later = x.copy()
    later[30:] = 1e6 * np.random.default_rng(2).standard_normal((10, 6))  # held-out people change nothing
    assert np.array_equal(Cleaning(later[:30], c[:30]).apply(x[:30], c[:30]), found.apply(x[:30], c[:30]))


def test_covariates_are_taken_out_and_known_to_the_baseline():
    """The group differs in age alone, and the measure follows age alone."""
    rng, positive = np.random.default_rng(0), np.arange(80) % 2 == 0
    age = rng.standard_normal((80, 1)) + 2.0 * positive[:, None]
    names = np.array([f"s/{i}" for i in range(80)])
    some = People(names, age + 0.1 * rng.standard_normal((80, 1)), age)
    raw = People(names, some.measures, age[:, :0])
    scores = {
        "taken out": held_out_scores(Logistic(strengths=(0.1,)), some, positive, n_folds=5, seed=0),
        "left": held_out_scores(Logistic(strengths=(0.1,)), raw, positive, n_folds=5, seed=0),
        "alone": held_out_scores(CovariatesOnly(), some, positive, n_folds=5, seed=0),
    }
    found = {name: roc_auc_score(positive, one) for name, one in scores.items()}
    assert found["left"] > 0.85 and found["alone"] > 0.85 and found["taken out"] < 0.65


@pytest.mark.parametrize(
    "classifier",
    [BandCSP(n_patterns=2, n_components=5, strengths=(0.1,)), RiemannianTangent(n_components=3, strengths=(0.1,))],
)
def test_covariances(classifier):
    some, positive = people(covariances=covariances(gain=1.5))
    assert roc_auc_score(positive, held_out_scores(classifier, some, positive, n_folds=5, seed=0)) > 0.8
    aucs = []
    for seed in range(3):
        noise, _ = people(covariances=covariances(seed=seed))
        aucs.append(roc_auc_score(positive, held_out_scores(classifier, noise, positive, n_folds=5, seed=0)))
    assert 0.25 < np.mean(aucs) < 0.65


def test_components_follow_the_envelope():
    found = followers(covariances()[:, 0], 2)
    assert abs(found[0, -1]) > 5 * np.abs(found[1:, -1]).max()
    seen = seen_through(found, covariances()[:, 0])
    assert seen.shape == (40, 4, 4) and np.linalg.eigvalsh(seen).min() > 0


def test_segments_on_both_sides_shoot_up_and_people_do_not():
    """The planted leak: segments dealt as if they were people. Each person has a pattern, no group has: who is known again tells its group."""
    rng, positive, plain = np.random.default_rng(0), np.arange(24) % 2 == 0, Logistic(strengths=(1.0,))
    own = rng.standard_normal((24, 40))
    segments = (own[:, None] + 0.3 * rng.standard_normal((24, 4, 40))).reshape(96, 40)
    names = np.array([f"s/{i}, segment {k}" for i in range(24) for k in range(4)])
    leaking = held_out_scores(plain, People(names, segments, np.zeros((96, 0))), positive.repeat(4), n_folds=4, seed=0)
    assert roc_auc_score(positive.repeat(4), leaking) > 0.98
    whole = People(np.array([f"s/{i}" for i in range(24)]), own, np.zeros((24, 0)))
    honest = [roc_auc_score(positive, held_out_scores(plain, whole, positive, n_folds=4, seed=s)) for s in range(5)]
    assert np.mean(honest) < 0.7
    with pytest.raises(ValueError, match="both sides"):
        People(np.array(["s/1", "s/1"]), np.zeros((2, 1)), np.zeros((2, 0)))


@pytest.mark.slow
@pytest.mark.nightly
def test_the_network_knows_people_again_and_nothing_of_others():
    """The planted leak through a network: parts of a person's windows dealt as if they were people."""
    positive, own = np.arange(20) % 2 == 0, windows(n_windows=24)
    network = WindowNetwork(NETWORK.network, rates=(3e-3,), n_epochs=25, batch_size=64)

    def reached(parts, labels, seed):
        names = np.array([f"s/{i}" for i in range(len(parts))])
        some = People(names, np.zeros((len(parts), 1)), np.zeros((len(parts), 0)), windows=parts)
        return roc_auc_score(labels, held_out_scores(network, some, labels, n_folds=4, seed=seed))

    segments = [one[4 * k : 4 * k + 4] for one in own for k in range(6)]
    assert reached(segments, positive.repeat(6), 0) > 0.75
    assert np.mean([reached(own, positive, seed) for seed in range(3)]) < 0.62


def test_the_network_is_scaled_by_whom_it_learns_from_and_draws_by_its_seed():
    positive, own = np.arange(20) % 2 == 0, windows()
    some = People(np.array([f"s/{i}" for i in range(20)]), np.zeros((20, 1)), np.zeros((20, 0)), windows=own)
    train, test = np.arange(16), np.arange(16, 20)
    first, again, other = (
        NETWORK.scores(some.of(train), positive[train], some.of(test), seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    alone = NETWORK.scores(some.of(train), positive[train], some.of(test[:1]), seed=1)
    assert alone[0] == pytest.approx(first[0], rel=1e-4)  # nothing of one held-out person depends on another
    mean, deviation = scale_of(own)
    every = np.concatenate(own).astype(np.float64)
    assert mean[:, 0] == pytest.approx(every.mean((0, 2))) and deviation[:, 0] == pytest.approx(every.std((0, 2)))
    chosen = WindowNetwork(NETWORK.network, n_epochs=1, rates=(1e-4, 1e-3), n_folds=2)
    assert np.isfinite(chosen.scores(some.of(train), positive[train], some.of(test), seed=0)).all()


class FirstChannel(nn.Module):
    """Says the mean of the first channel, with an offset that is drawn anew for each network and is a hundred times as large."""

    def __init__(self, n_channels, n_times):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.offset = 100 * torch.randn(1)

    def forward(self, x):
        said = self.gain * x[:, 0].mean(1) + self.offset
        return torch.stack([torch.zeros_like(said), said], 1)


def test_offsets_of_networks_do_not_hide_what_they_tell_apart():
    """Each fold has its own network: people of one fold would all be before those of another."""
    positive, own = np.arange(20) % 2 == 0, windows()
    for number, one in enumerate(own):
        one[:, 0] += 9 * positive[number]
    some = People(np.array([f"s/{i}" for i in range(20)]), np.zeros((20, 1)), np.zeros((20, 0)), windows=own)
    network = WindowNetwork(FirstChannel, n_epochs=1)
    scores = held_out_scores(network, some, positive, n_folds=5, seed=0)
    assert roc_auc_score(positive, scores) > 0.95
    assert ((scores > 0) == positive).mean() > 0.85


def test_permutations_are_the_same_procedure():
    some, positive = people(shift=2.0)
    options = {"n_folds": 3, "n_repeats": 2, "seed": 0}
    plain = Logistic(strengths=(0.1,))
    null = permuted(plain, some, positive, 15, **options)
    found = summary(repeated(plain, some, positive, **options), positive)
    assert null.shape == (15, 2) and 0.3 < null[:, 0].mean() < 0.6 and p_value(found[0], null[:, 0]) == 1 / 16
    assert np.array_equal(null, permuted(plain, some, positive, 15, **options))
    assert p_value(0.9, np.empty(0)) is None


class Said:
    """A study that says who took part."""

    def __init__(self, table, sessions=None):
        self.table, self.sessions = table, sessions or {}

    def participants(self):
        return self.table

    def recordings(self):
        from n2s.studies.study import Recording

        names = [one.removeprefix("sub-") for one in self.table.iloc[:, 0].unique()]
        return [Recording(one, self.sessions.get(one, "1")) for one in names]


def table(**columns):
    return pd.DataFrame(
        {"participant_id": [f"sub-{i:02d}" for i in range(12)], "group": ["control", "dyslexia"] * 6} | columns
    )


NAMES = [f"s/{i:02d}" for i in range(12)]


def test_who_is_compared(tmp_path):
    own = table(age=["8", "n/a", *["9.5"] * 10], sex=["f", "m", "n/a", *["f"] * 9], site=["a", "b"] * 6)
    own.loc[4, "group"], own.loc[5, "group"] = "n/a", "carers"
    with kept() as told:
        found = grouped(people_table({"s": Said(own)}, NAMES, None), ["control", "dyslexia"])
        known = covariates_of(found, None)
        warned = tell_nuisances(found)
    assert len(found) == 10 and found.positive.sum() == 5
    assert list(known) == ["age", "sex m"] and np.isnan(known.age.iloc[1]) and np.isnan(known["sex m"].iloc[2])
    assert warned and "the group follows the site" in warned[0]
    texts = " ".join(one.text for one in told)
    assert "2 of 12 are of neither group" in texts and "covariates are not known: age of 1, sex m of 1" in texts
    own.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    assert read_people(tmp_path / "p.tsv").age.tolist()[0] == 8.0
    assert people_table({"s": Said(own.iloc[:2])}, NAMES, tmp_path / "p.tsv").group.tolist()[:2] == [
        "control",
        "dyslexia",
    ]
    with kept() as told:
        by_day = people_table({"s": Said(table(), {f"{i:02d}": str(i % 2) for i in range(12)})}, NAMES, None)
        assert "the group follows the session" in tell_nuisances(grouped(by_day, ["control", "dyslexia"]))[0]


def test_people_of_several_studies(tmp_path):
    """A row is of one person, whatever ids are; and a group may follow the study."""
    studies, names = {"s": Said(table()), "t": Said(table())}, ["s/00", "s/01", "t/00", "t/01"]
    path = tmp_path / "p.tsv"
    path.write_text("participant_id\tgroup\nsub-00\tcontrol\nsub-01\tdyslexia\n")
    assert people_table(studies, names[:2], path).group.tolist() == ["control", "dyslexia"]
    with pytest.raises(UserError, match="the row of '00' is that of s/00 and of t/00"):
        people_table(studies, names, path)
    path.write_text(
        "participant_id\tgroup\nsub-00\tcontrol\ns/01\tcontrol\nt/sub-00\tdyslexia\nt/01\tdyslexia\nsub-01\tn/a\n"
    )
    found = people_table(studies, names, path)
    assert found.group.tolist() == ["control", "control", "dyslexia", "dyslexia"]
    assert found.study.tolist() == ["s", "s", "t", "t"] and "study" not in people_table(studies, names[:2], path)
    one, other = (Said(table(group=[name] * 12)) for name in ("control", "dyslexia"))
    every = people_table({"s": one, "t": other}, [*NAMES, *(f"t/{i:02d}" for i in range(12))], None)
    with kept():
        assert (
            "the group follows the study (s: 12 control, 0 dyslexia"
            in tell_nuisances(grouped(every, ["control", "dyslexia"]))[0]
        )
        assert tell_nuisances(grouped(people_table(studies, [*NAMES, "t/01"], None), ["control", "dyslexia"])) == []


def test_a_group_that_heard_another_story_is_said():
    class Data:
        """Everybody hears two stories, in an order of the group's, and one second of silence."""

        def rows(self, subject):
            order = ["s/one", "s/two"][:: 1 if int(subject[-2:]) % 2 else -1]
            heard = pd.Categorical(["", *np.repeat(order, 3)])
            return pd.DataFrame(
                {"stimulus": heard, "stimulus_s": [np.nan, 0, 1, 2, 0, 1, 2], "split": ["", *["train"] * 6]}
            )

    people = grouped(people_table({"s": Said(table())}, NAMES, None), ["control", "dyslexia"])
    assert set(with_sounds(people, Data(), 6).sounds) == {"s/one, s/two"}
    with kept():
        assert tell_nuisances(with_sounds(people, Data(), 6)) == []
        (told,) = tell_nuisances(with_sounds(people, Data(), 3))  # of the shortest person there are three rows
    assert "the group follows the sounds (s/one: 0 control, 6 dyslexia; s/two: 6 control, 0 dyslexia" in told
    assert with_sounds(people.assign(Sounds="mine"), Data(), 3).Sounds.eq("mine").all()


def test_contacts_inside_the_head_are_elsewhere_in_each_person():
    inside = SimpleNamespace(measured=lambda name: Measured("sensor", np.array(["LA1"]), own_names=True))
    outside = SimpleNamespace(measured=lambda name: Measured("sensor", np.array(["LA1"])))
    both = {"logistic": Logistic(), "csp": BandCSP(), "network": NETWORK}
    check_places(inside, NAMES, {"logistic": Logistic()})
    check_places(outside, NAMES, both)
    with pytest.raises(UserError, match="s/00, .* whatever their names, and csp, network compare"):
        check_places(inside, NAMES, both)


def test_columns_in_capital_letters():
    own = table(Age=[str(8 + i) for i in range(12)], Sex=["f", "m"] * 6, Site=["a", "b"] * 6)
    people = grouped(people_table({"s": Said(own)}, NAMES, None), ["control", "dyslexia"])
    assert list(covariates_of(people, None)) == ["Age", "Sex m"]
    with kept():
        assert "the group follows the Site" in tell_nuisances(people)[0]


def test_covariates_that_would_explain_everything():
    """A column for each person's text leaves nothing of the features; numbers with a comma are numbers."""
    ages = [f"{8 + i / 10:.1f}" for i in range(12)]
    with kept() as told:
        found = as_people(table(age=[one.replace(".", ",") for one in ages]), "people.tsv")
    assert found.age.tolist() == [float(one) for one in ages] and covariates_of(found, None).shape == (12, 1)
    assert "comma before decimals" in told[0].text and told[0].kind == "corrected"
    with pytest.raises(UserError, match="'age' is text with 12 values"):
        covariates_of(as_people(table(age=[f"{one} y" for one in ages]), "people.tsv"), None)


def test_what_a_test_compares_with_the_fit():
    """All options of a classifier, those of its network too, but not how often labels are permuted."""
    one = NETWORK.settings()
    assert one == NETWORK.settings()
    wider = WindowNetwork(lambda c, t: DyslexNet(c, t, dim=16, depth=1, n_heads=2, embed_dim=6, factor_dim=4), n_epochs=2, batch_size=64, n_permutations=9)  # fmt: skip
    assert {name for name, value in wider.settings().items() if value != one[name]} == {"network"}
    assert Logistic(strengths=(0.1, 1.0)).settings() != Logistic(strengths=(0.1, 2.0)).settings()


def test_a_single_penalty_needs_no_choice():
    some, positive = people(8)
    single = Logistic(strengths=(0.1,))
    single.check(1)
    assert np.isfinite(held_out_scores(single, some, positive, n_folds=4, seed=0)).all()
    with pytest.raises(UserError, match="chooses its learning rate in 5 folds"):
        WindowNetwork(rates=(1e-3, 1e-4)).check(4)
    NETWORK.check(1)


def test_groups_written_as_numbers(tmp_path):
    table(group=["1", "2"] * 6).to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    found = grouped(people_table({"s": Said(table())}, NAMES, tmp_path / "p.tsv"), ["1", "2"])
    assert found.positive.tolist() == [False, True] * 6


def test_what_a_table_of_people_must_not_be(tmp_path):
    groups = ["control", "dyslexia"]
    both = pd.concat([table(), pd.DataFrame([{"participant_id": "sub-00", "group": "dyslexia"}])])
    with pytest.raises(UserError, match="s/00 is in both groups: control, dyslexia"):
        people_table({"s": Said(both)}, NAMES, None)
    silent = Said(table())
    silent.table = None
    with pytest.raises(UserError, match="does not say who its participants are"):
        people_table({"s": silent}, NAMES, None)
    with pytest.raises(UserError, match="no such table"):
        people_table({"s": Said(table())}, NAMES, tmp_path / "no.tsv")
    with pytest.raises(UserError, match="nobody|of the group 'dyslexic'"):
        grouped(people_table({"s": Said(table())}, NAMES, None), ["control", "dyslexic"])
    with pytest.raises(UserError, match="no column group"):
        grouped(pd.DataFrame({"age": [1.0]}, ["s/1"]), groups)
    with pytest.raises(UserError, match="expected two names"):
        grouped(table(), ["control"])
    with pytest.raises(UserError, match="no column 'iq'"):
        covariates_of(grouped(people_table({"s": Said(table())}, NAMES, None), groups), ["iq"])
    with pytest.raises(UserError, match="group 'dyslexia' has 3 people, fewer than the 5 folds"):
        check_sizes(np.arange(12) < 3, groups, 5)
    with pytest.raises(UserError, match="chooses its penalty in 3 folds"):
        Logistic().check(2)
    with pytest.raises(UserError, match="no column participant_id"):
        as_people(pd.DataFrame({"who": ["1"]}), "here")
    with pytest.raises(UserError, match="the same recording under two names"):
        refuse_copies({"recording s/sub-01_task-a": "x", "recording s/sub-02_task-a": "x"}, ["s/01", "s/02"])
    refuse_copies({"recording s/sub-01_task-a": "x", "recording s/sub-01_task-b": "x"}, ["s/01", "s/02"])
    names = ["s/one_01", "s/one_01_b", "s/two_01"]
    for copy in ("two_01", "one_01_b"):  # folders without sub- in their names
        with pytest.raises(UserError, match="the same recording under two names"):
            refuse_copies({"recording s/sub-one_01": "x", f"recording s/sub-{copy}": "x"}, names)
    refuse_copies({"recording s/sub-one_01": "x", "recording s/sub-one_02": "x", "stimulus s/a": "x"}, names)
    for wrong in (
        lambda: Logistic(strengths=(0.0,)),
        lambda: ElasticNet(l1_ratio=1.5),
        lambda: WindowNetwork(n_epochs=0),
    ):
        with pytest.raises(UserError):
            wrong()
