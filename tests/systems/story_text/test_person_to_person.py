"""People who hear the same stories through different voxels."""

import numpy as np
import pandas as pd
import pytest
import torch

from n2s.data import FIR, EncodingDataModule
from n2s.data.encoding_data import Fold
from n2s.errors import UserError
from n2s.features import WordRate
from n2s.findings import kept
from n2s.studies import SimulatedStories
from n2s.systems.story_text.transfer import PersonToPerson, shared_rows

pytestmark = pytest.mark.slow

N, V = 80, {"s/a": 12, "s/b": 9}  # rows of a story, voxels
STORIES = ("one", "two", "three", "four")


class Two:
    """Two people; each story has courses that both mix. The last story is held out. The second starts half a row earlier, and hears them
    in another order.
    """

    def __init__(self, *, tr_s=2.0, heard=None, noise=0.3, late=0):
        rng = np.random.default_rng(0)
        self.subjects, self.rate_hz = ["s/a", "s/b"], {"s/a": 0.5, "s/b": 1 / tr_s}
        heard = heard or {"s/a": STORIES, "s/b": ("two", "one", "four", "three")}
        smooth = np.ones((4, 1)) / 2
        self.courses = {
            story: np.apply_along_axis(np.convolve, 0, rng.normal(size=(N + 3, 4)), smooth[:, 0], "valid")
            for story in STORIES
        }
        self.mix = {subject: rng.normal(size=(4, n)) for subject, n in V.items()}
        self.noise = {subject: noise * rng.normal(size=(N * len(STORIES), n)) for subject, n in V.items()}
        self.tables, self.values, self.clean = {}, {}, {}
        for subject, offset_s in (("s/a", 0.0), ("s/b", -0.4)):
            stories = heard[subject]
            rows = [
                {"recording": f"run {story}", "time_s": 2.0 * i, "story": story, "stimulus": f"s/{story}.wav", "unit": story,
                 "stimulus_s": 2.0 * i + offset_s if i else np.nan}
                for story in stories for i in range(N)
            ]  # fmt: skip
            self.tables[subject] = pd.DataFrame(rows)
            shift = late if subject == "s/a" else 0
            clean = np.concatenate([np.roll(self.courses[story], shift, 0) for story in stories]) @ self.mix[subject]
            self.clean[subject], self.values[subject] = clean, clean + self.noise[subject][: len(clean)]

    def rows(self, subject):
        return self.tables[subject]

    def folds(self, subject):
        story = self.tables[subject].story.to_numpy()
        train, test = np.flatnonzero(story != "four"), np.flatnonzero(story == "four")
        return [Fold("held-out", train, test, story[train])]

    def responses(self, subject, fold):
        return self.values[subject][fold.train].astype(np.float32), self.values[subject][fold.test].astype(np.float32)


def accuracy(data, **options) -> float:
    """Mean correlation of mapped held-out responses of the target with the reference's signal."""
    fitted = PersonToPerson(**options).fit(data, "s/a", "s/b")
    mine, theirs = data.folds("s/a")[0], data.folds("s/b")[0]
    mapped = fitted.apply(data.responses("s/a", mine)[1]).numpy()
    signal = data.clean["s/b"][theirs.test]
    return float(np.mean([np.corrcoef(mapped[:, i], signal[:, i])[0, 1] for i in range(signal.shape[1])]))


def test_mapped_responses_are_the_reference_signal():
    assert accuracy(Two()) > 0.9


def test_a_wrong_pairing_maps_nothing():
    data = Two()
    names = data.tables["s/b"].stimulus
    data.tables["s/b"]["stimulus"] = names.map(
        {"s/one.wav": "s/two.wav", "s/two.wav": "s/three.wav", "s/three.wav": "s/one.wav", "s/four.wav": "s/four.wav"}
    )
    assert accuracy(data) < 0.4 < accuracy(Two())


def test_neighbours_in_time_help_where_one_person_is_slower():
    assert accuracy(Two(late=1), around=1) > accuracy(Two(late=1), around=0) + 0.05


def test_pairs_are_the_same_moments_of_the_same_stories():
    data = Two()
    mine, theirs = data.folds("s/a")[0], data.folds("s/b")[0]
    pairs = shared_rows(data, "s/a", "s/b", mine, theirs)
    own, other = data.rows("s/a").iloc[mine.train[pairs.target]], data.rows("s/b").iloc[theirs.train[pairs.reference]]
    assert (own.story.to_numpy() == other.story.to_numpy()).all() and set(own.story) == {"one", "two", "three"}
    assert np.abs(own.stimulus_s.to_numpy() - other.stimulus_s.to_numpy()).max() <= 1.0
    assert len(pairs) == 3 * (N - 1)  # the first row of each is before the story


def test_held_out_rows_are_not_read():
    """Whatever they hold, and whoever holds them out, the map is the same."""
    data, other = Two(), Two()
    for subject in V:
        held_out = other.folds(subject)[0].test
        other.values[subject][held_out] = 1e6
    one, two = (PersonToPerson().fit(each, "s/a", "s/b") for each in (data, other))
    assert all(
        torch.equal(one.state()[name], two.state()[name]) for name in ("weights", "intercept", "mean", "out_size")
    )


def test_a_story_that_the_reference_holds_out_is_not_used():
    data = Two()
    folds = data.folds
    story = data.tables["s/b"].story.to_numpy()
    train = np.flatnonzero((story != "four") & (story != "one"))
    other = Fold("held-out", train, np.flatnonzero(story == "one"), story[train])
    data.folds = lambda subject: [other] if subject == "s/b" else folds(subject)
    assert PersonToPerson().fit(data, "s/a", "s/b").stories == ["three", "two"]


def test_neighbours_are_not_taken_from_held_out_rows():
    data, other = Two(), Two()
    for each in (data, other):  # every other row of a story is held out: neighbours would be in there
        each.folds = lambda subject, each=each: [
            Fold("odd", np.arange(0, N * 4, 2), np.arange(1, N * 4, 2), each.tables[subject].story.to_numpy()[::2])
        ]
    for subject in V:
        other.values[subject][1::2] = 1e6
    one, two = (PersonToPerson(around=1).fit(each, "s/a", "s/b") for each in (data, other))
    assert torch.equal(one.weights, two.weights)


def test_mapped_training_rows_have_mean_0_and_size_1():
    data = Two()
    fitted = PersonToPerson(around=0).fit(data, "s/a", "s/b", voxels=np.arange(5))
    mine = data.folds("s/a")[0]
    heard = data.rows("s/a").stimulus_s.notna().to_numpy()[mine.train]
    mapped = fitted.apply(data.responses("s/a", mine)[0][heard])
    assert mapped.shape == (3 * (N - 1), 5) and mapped.dtype == torch.float32
    torch.testing.assert_close(mapped.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(mapped.std(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)


def test_rows_of_other_runs_are_no_neighbours():
    fitted = PersonToPerson(around=1).fit(Two(), "s/a", "s/b")
    responses = np.random.default_rng(1).normal(size=(20, V["s/a"]))
    together = fitted.apply(responses, [0] * 10 + [1] * 10)
    torch.testing.assert_close(together, torch.cat([fitted.apply(responses[:10]), fitted.apply(responses[10:])]))
    assert not torch.allclose(together, fitted.apply(responses))


def test_what_was_learned_is_kept(tmp_path):
    fitted = PersonToPerson(around=1).fit(Two(), "s/a", "s/b")
    torch.save(fitted.state(), tmp_path / "map.pt")
    other = PersonToPerson(around=0).load(torch.load(tmp_path / "map.pt", weights_only=True))
    responses = np.random.default_rng(1).normal(size=(20, V["s/a"]))
    assert torch.equal(other.apply(responses), fitted.apply(responses))
    assert "237 moments of 3 stories" in other.told()


def test_one_shared_story_is_told():
    data = Two(heard={"s/a": ("one", "two"), "s/b": ("one", "four")})
    with kept() as found:
        fitted = PersonToPerson().fit(data, "s/a", "s/b")
    assert fitted.stories == ["one"] and "share one story" in found[0].text


@pytest.mark.parametrize(
    ("options", "target", "said"),
    [
        (
            {"heard": {"s/a": ("one", "four"), "s/b": ("two", "four")}},
            "s/a",
            "share 0 moments.*heard: one; s/b heard: two",
        ),
        ({"tr_s": 1.5}, "s/a", "each 2 s and s/b each 1.5 s"),
        ({}, "s/b", "both target and reference"),
        ({}, "s/c", "no subject 's/c'"),
    ],
)
def test_people_who_do_not_fit(options, target, said):
    with pytest.raises(UserError, match=said):
        PersonToPerson().fit(Two(**options), target, "s/b")


def test_other_bad_input():
    with pytest.raises(UserError, match="around=-1"):
        PersonToPerson(around=-1)
    with pytest.raises(UserError, match="fold 3"):
        PersonToPerson().fit(Two(), "s/a", "s/b", fold=3)
    fitted = PersonToPerson().fit(Two(), "s/a", "s/b")
    with pytest.raises(UserError, match="fitted on 12 columns"):
        fitted.apply(np.zeros((5, 9)))
    with pytest.raises(UserError, match="4 runs for 5 rows"):
        fitted.apply(np.zeros((5, 12)), [0] * 4)


class Shuffled:
    """One person's stories are said to be each other's."""

    def __init__(self, data, subject):
        self.data, self.subject = data, subject

    def __getattr__(self, name):
        return getattr(self.data, name)

    def rows(self, subject):
        rows = self.data.rows(subject).copy()
        if subject == self.subject:
            names = sorted(set(rows.stimulus.astype(str)) - {""})
            rows["stimulus"] = rows.stimulus.astype(str).map(
                dict(zip(names, names[1:] + names[:1], strict=True)) | {"": ""}
            )
        return rows


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    """Two listeners of simulated stories, with noise and nearly without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        found = []
        for noise in (1.0, 1e-3):
            study = SimulatedStories(
                n_stories=5,
                minutes=3.0,
                n_test=1,
                resolution_mm=12,
                noise_level=noise,
                root=tmp_path_factory.getbasetemp() / "tales",
            )
            data = EncodingDataModule({"s": study}, {"rate": WordRate()}, FIR(), roi="meaning")
            data.prepare_data()
            data.setup("fit")
            found.append(data)
        yield found


@pytest.mark.slow
def test_simulated_listeners(listeners):
    noisy, quiet = listeners
    one, two = noisy.subjects
    mine, theirs = noisy.folds(one)[0], noisy.folds(two)[0]
    signal = quiet.responses(two, theirs)[1]
    rows = noisy.rows(one).iloc[mine.test]

    def correlation(fitted):
        mapped = fitted.apply(noisy.responses(one, mine)[1], rows.recording.to_numpy()).numpy()
        return np.mean([np.corrcoef(mapped[:, i], signal[:, i])[0, 1] for i in range(signal.shape[1])])

    right = correlation(PersonToPerson().fit(noisy, one, two))
    wrong = Shuffled(noisy, two)
    assert right > correlation(PersonToPerson().fit(wrong, one, two)) + 0.2
    assert right > 0.3


def test_folds_of_two_people_are_those_of_the_same_name():
    # folds of which somebody heard nothing are not in their list: the second of one may be the first of the other
    data = Two()

    def fold(subject, name, held_out):
        story = data.tables[subject].story.to_numpy()
        train = np.flatnonzero(story != held_out)
        return Fold(name, train, np.flatnonzero(story == held_out), story[train])

    names = {"fold 1 of 2": "one", "fold 2 of 2": "four"}
    data.folds = lambda subject: [fold(subject, *one) for one in names.items()][1 if subject == "s/b" else 0 :]
    assert PersonToPerson().fit(data, "s/a", "s/b", fold=1).stories == ["one", "three", "two"]
    with pytest.raises(UserError, match="s/b has no fold 'fold 1 of 2'"):
        PersonToPerson().fit(data, "s/a", "s/b", fold=0)
