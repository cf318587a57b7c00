"""Labels change places inside runs; people with the same events share a draw, also where some of them have lost windows."""

import numpy as np
import pytest

from n2s.metrics import label_draws
from n2s.metrics.label_draws import LabelPlaces, neighbours, permutations
from n2s.metrics.same_events import aligned, shared_places


def drawn(labels, places, n=50, seed=0, circular=False, least_shift=1):
    return np.concatenate([part for _, part in permutations(labels, places, n, seed, circular, least_shift)])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def people(rng):
    """Two runs of 60 events for four people: all of them, some lost, clocks that are late, pauses of another length; and what each row is."""
    rows, label, at_s = [], rng.integers(0, 5, (2, 60)), np.cumsum(rng.uniform(1, 3, (2, 60)), 1)
    for person in range(4):
        for run in (0, 1):
            kept = np.flatnonzero(rng.random(60) > 0.1 * (person > 0))
            time_s = np.cumsum(rng.uniform(1, 3, 60)) if person == 3 else at_s[run] + 7.3 * person
            rows += [(person, run, event, label[run, event], time_s[event]) for event in kept]
    return np.array(rows).T


def places_of(people):
    person, run, _, label, time_s = people
    names = [f"{int(one)}_{int(other)}" for one, other in zip(person, run, strict=True)]
    return shared_places(np.array(names), person.astype(str), label.astype(int), time_s, run.astype(str))


@pytest.mark.parametrize("circular", [False, True])
def test_labels_stay_in_their_runs(people, circular):
    person, run, _, label, _ = people
    places = places_of(people)
    for one in range(4):
        own = np.flatnonzero(person == one)
        for new in drawn(label[own].astype(int), places.some(own), circular=circular):
            assert (new != label[own]).any()
            for name in (0, 1):
                assert np.array_equal(np.sort(new[run[own] == name]), np.sort(label[own][run[own] == name]))


def test_people_with_the_same_events_get_the_same_draw(people):
    """Events that two people have get the same label in nearly all draws; before, each person's own permutation gave one in five."""
    person, run, event, label, _ = people
    places = places_of(people)
    assert len(places.sizes) == 2 and places.sizes.max() <= 66
    own = {one: np.flatnonzero(person == one) for one in range(4)}
    new = {one: drawn(label[rows].astype(int), places.some(rows)) for one, rows in own.items()}
    key = {one: (100 * run + event)[rows] for one, rows in own.items()}
    for one in (1, 2, 3):
        _, mine, first = np.intersect1d(key[one], key[0], return_indices=True)
        assert (new[one][:, mine] == new[0][:, first]).mean() > (0.75 if one < 3 else 0.6)


def test_a_story_that_comes_back_is_drawn_as_before(rng):
    """Two sessions of one person with the same events, of which the second has lost some."""
    label, kept = rng.integers(0, 5, 80), np.sort(rng.permutation(80)[:75])
    labels, time_s = np.r_[label, label[kept]], np.r_[np.arange(80.0), kept + 4.0]
    session = np.repeat(["a", "b"], [80, 75])
    places = shared_places(session, np.full(155, "lab/1"), labels, time_s, np.full(155, "story"))
    assert places.sizes.tolist() == [80] and len(places.members) == 2
    new = drawn(labels, places)
    assert (new[:, :80][:, kept] == new[:, 80:]).mean() > 0.85
    assert all(np.array_equal(np.sort(one[80:]), np.sort(label[kept])) for one in new)


def test_draws_do_not_depend_on_blocks(people, monkeypatch):
    person, label = people[0], people[3].astype(int)
    own = np.flatnonzero(person == 1)
    whole = drawn(label[own], places_of(people).some(own))
    monkeypatch.setattr(label_draws, "NUMBERS", 7 * len(own))
    assert np.array_equal(whole, drawn(label[own], places_of(people).some(own)))


def test_who_lacks_places_has_every_order_as_often():
    some = LabelPlaces(np.zeros(3, int), np.array([0, 2, 3]), np.array([6]), np.zeros(3, int))
    counts = np.unique(drawn(np.arange(3), some, 6000), axis=0, return_counts=True)[1]
    assert len(counts) == 6 and abs(counts - 1000).max() < 4 * 30


def test_stretches_stay_whole():
    labels = np.array([0, 0, 0, 1, 1, 2, 0, 0])
    found = drawn(labels, LabelPlaces.of(np.zeros(8)).whole(labels), 400)
    assert (np.diff(found, axis=1) != 0).sum(1).max() <= 3 and len(
        np.unique(found, axis=0)
    ) == 24 - 6  # zeros beside each other are alike
    assert (np.sort(found, 1) == np.sort(labels)).all()


def test_how_many_turns_there_are():
    places = LabelPlaces.of(np.repeat([0, 1], [10, 30]))
    assert places.n_turns(1) == 9 * 29 and places.n_turns(5) == (10 - 2 * 3 + 1) * 21
    assert len(np.unique(drawn(np.arange(10), LabelPlaces.of(np.zeros(10)), 500, circular=True), axis=0)) == 9


def test_neighbours_that_are_alike(rng):
    """Blocks are found; labels at random are in 2%, in which several people with the same events count once."""
    blocks = np.repeat(rng.permutation(np.arange(24) % 3), 5)
    excess, variance = neighbours(blocks, LabelPlaces.of(np.zeros(120)), np.zeros(120))
    assert excess > 5 * variance**0.5
    found = []
    for _ in range(150):
        one = rng.integers(0, 3, 40)
        labels, person, run = np.tile(one, 5), np.repeat(np.arange(5), 40), np.zeros(200, int)
        excess, variance = neighbours(labels, LabelPlaces(run, np.tile(np.arange(40), 5), np.array([40]), run), person)
        found.append(excess > 2 * variance**0.5)
    assert np.mean(found) < 0.08


def test_runs_of_other_events_are_not_taken_for_the_same(rng):
    one, other = (rng.permutation(np.arange(100) % 5) for _ in "ab")
    first, second = (np.cumsum(rng.uniform(2, 3, 100)) for _ in "ab")
    assert (aligned(one, first, other, second) >= 0).mean() < 0.5
    places = shared_places(
        np.repeat(["a", "b"], 100),
        np.repeat(["p", "q"], 100),
        np.r_[one, other],
        np.r_[first, second],
        np.full(200, "run"),
    )
    assert places.sizes.tolist() == [100, 100]


def test_runs_of_two_classes_on_a_grid_are_not_the_same_by_chance():
    """Half of the events match by chance; what is left over would be put between the others, and turns and stretches break there."""
    person, found = np.repeat(["p", "q"], 40), []
    for seed in range(20):
        label = np.random.default_rng(seed).integers(0, 2, 80)
        places = shared_places(person, person, label, np.tile(np.arange(40.0), 2), np.full(80, "run-1"))
        found.append(len(places.sizes))
        apart = places.apart(person)
        assert np.array_equal(apart.place, np.tile(np.arange(40), 2)) and apart.run[0] != apart.run[-1]
    assert np.mean(found) > 1.9


def test_turns_and_stretches_stay_whole_where_a_run_is_shared_with_other_events():
    """Before, the last four of the first person had places 12, 14, 16 and 18, and stretches of their own."""
    one, other = (np.array(list(text)) for text in ("AAAABBBBAAAABBBB", "AAAABBBBAAAAAAAA"))
    person, label, time_s = np.repeat(["p", "q"], 16), np.r_[one, other], np.tile(np.arange(16.0), 2)
    labels, shared = (label == "B").astype(int), shared_places(person, person, label, time_s, np.full(32, "run-1"))
    assert shared.sizes.tolist() == [20]
    places = shared.apart(person)
    first = np.arange(16)
    for draws in (drawn(labels[:16], places.some(first), circular=True), drawn(labels[:16], places.whole(labels).some(first))):  # fmt: skip
        assert (np.diff(draws, axis=1) != 0).sum(1).max() <= 4
    assert (np.diff(drawn(labels[:16], shared.some(first), circular=True), axis=1) != 0).sum(1).max() > 4


def test_who_lost_one_part_still_shares_turns():
    kept = np.r_[0:40, 60:100]
    places = shared_places(
        np.repeat(["p", "q"], [100, 80]), np.repeat(["p", "q"], [100, 80]), np.zeros(180), np.r_[0:100, kept] * 0.5, np.full(180, "run")
    ).apart(np.repeat(["p", "q"], [100, 80]))  # fmt: skip
    assert places.sizes[np.unique(places.run)].tolist() == [100]


def test_a_run_of_a_name_is_found_among_many_others(rng):
    """Twelve people hear other orders under one name; the thirteenth has lost windows of the twelfth's."""
    labels = [np.arange(40) + 40 * one for one in range(12)]
    kept = np.sort(rng.permutation(40)[:34])
    label, person = np.concatenate([*labels, labels[-1][kept]]), np.repeat(np.arange(13), [40] * 12 + [34]).astype(str)
    time_s = np.concatenate([np.arange(40.0)] * 12 + [kept.astype(float)])
    places = shared_places(person, person, label, time_s, np.full(len(label), "run-1"))
    assert len(places.sizes) == 12 and places.run[-1] == places.run[40 * 12 - 1]


def test_people_share_a_run_of_a_common_and_a_rare_class_though_all_have_lost_windows():
    """What is lost says nothing against the same events: nine of ten are alike by chance, so that fewer matches would be no proof."""
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        label, at_s = rng.choice(2, 100, p=[0.9, 0.1]), np.cumsum(rng.uniform(1, 3, 100))
        kept = [np.flatnonzero(rng.random(100) > 0.2) for _ in range(4)]
        person = np.repeat(np.arange(4), [len(one) for one in kept]).astype(str)
        time_s = np.concatenate([at_s[one] + 3.3 * number for number, one in enumerate(kept)])
        found.append(len(shared_places(person, person, label[np.concatenate(kept)], time_s, np.full(len(person), "r")).sizes))  # fmt: skip
    assert np.mean(found) < 1.3
