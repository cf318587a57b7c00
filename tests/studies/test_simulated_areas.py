"""The simulated areas: what is heard, what drives which voxel, and the exact score of a model of it."""

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile

from n2s.data import hrf_response
from n2s.data.bold_steps import cleaned
from n2s.data.encoding import EncodingDataModule
from n2s.data.response_models import Glover
from n2s.errors import UserError
from n2s.features import Driver
from n2s.metrics.ceilings import explainable_variance
from n2s.metrics.correlation import column_correlation
from n2s.studies import Recording, SimulatedAreas, Stimulus
from n2s.studies.fmri import clip_table
from n2s.studies.simulated.areas_blocks import VOICES, blocks
from n2s.studies.simulated.areas_brain import AREAS, listener, regions
from n2s.studies.simulated.areas_drivers import DRIVERS, IMPULSES, RATE_HZ, Bigrams
from n2s.studies.simulated.areas_run import courses, lay_run, noise_over_time, responses
from n2s.studies.simulated.areas_scores import expected_correlation, explainable_share
from n2s.studies.simulated.bold_sources import brain

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 1, "n_blocks": 6, "n_repeated": 2, "resolution_mm": 12}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: six blocks are spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def small(root):
    return SimulatedAreas(**SMALL, root=root)


def rows_of(study, subject="01"):
    """Training rows, and those of the first presentation of the repeated blocks."""
    rows = study.block_rows(subject)
    return rows[rows.recording.str.contains("once")], rows[rows.recording.str.contains("ses-1_task-repeated")]


# what is heard


def test_dutch_sentences_are_distinct_and_short():
    sentences = [text for block in blocks("nl") for text in block.sentences]
    assert len(set(sentences)) == len(sentences) == 120
    assert {len(text.split()) for text in sentences} <= set(range(5, 11))
    assert [block.id for block in blocks("nl")][:2] == ["nl-01", "nl-02"] and len(blocks("nl")) == 24
    assert all(len(block.sentences) == 5 for language in VOICES for block in blocks(language))


def test_a_block_is_its_sentences_with_pauses_between(small):
    (recording, *_) = small.recordings()
    events = small.events(recording)
    block = events[events.stimulus == "nl-01"]
    assert set(block.kind) == {"story", "sentence", "word", "phone"} and set(block.story) == {"nl-01"}
    sentences = block[block.kind == "sentence"]
    assert sentences.text.tolist() == blocks("nl")[0].sentences
    gaps = sentences.onset.to_numpy()[1:] - (sentences.onset + sentences.duration).to_numpy()[:-1]
    assert ((gaps > 1.99) & (gaps < 3.01)).all() and np.ptp(gaps) > 0.05
    assert " ".join(block[block.kind == "word"].text) == " ".join(blocks("nl")[0].sentences).replace(".", "")
    samples, rate = soundfile.read(small.audio("nl-01"))
    assert rate == 16000 and samples.ndim == 1
    heard = np.abs(samples)
    for row in sentences.itertuples():  # sound where a sentence is, silence in the middle of the pause after it
        first, last = (round(at * rate) for at in (row.stimulus_onset, row.stimulus_onset + row.duration))
        assert heard[first:last].mean() > 0.01
        assert not heard[last + rate // 2 : last + rate].any()
    story = block[block.kind == "story"].iloc[0]
    assert story.duration == pytest.approx(len(samples) / rate, abs=0.01)
    assert 15 < story.duration < 32
    unspaced, _ = soundfile.read(small.audio("nl-01").parent / "speech" / "nl-01.nl.wav")
    np.testing.assert_array_equal(samples[samples != 0], unspaced[unspaced != 0])


def test_runs_have_blocks_with_rest_and_repeats_are_alike(small):
    runs = small.recordings()
    names = ["ses-1_task-once_run-1", "ses-1_task-repeated_run-1", "ses-2_task-repeated_run-1"]
    assert [one.name for one in runs] == [f"sub-01_{name}" for name in names]
    heard = [small.events(one).query("kind == 'story'") for one in runs]
    assert [list(one.stimulus) for one in heard] == [["nl-01", "nl-02", "nl-03", "nl-04"], ["nl-05", "nl-06"], ["nl-05", "nl-06"]]  # fmt: skip
    pd.testing.assert_frame_equal(heard[1], heard[2])
    assert heard[0].onset[0] == 10
    rests = heard[0].onset.to_numpy()[1:] - (heard[0].onset + heard[0].duration).to_numpy()[:-1]
    assert ((rests > 11.9) & (rests < 12.1)).all()
    for recording in runs:
        bold, clips = small.load(recording), clip_table(small.clips(recording), where="here")
        assert small.events(recording).query("kind == 'story'").eval("onset + duration").max() + 15 < len(bold.data) * 2
        assert set(clips.group) == set(small.events(recording).story)
        np.testing.assert_array_equal(bold.data, small.load(recording).data)
    np.testing.assert_array_equal(small.signal(runs[1]), small.signal(runs[2]))
    assert np.abs(small.load(runs[1]).data - small.load(runs[2]).data).max() > 1


def test_options_choose_the_design_and_not_the_speech(root, small):
    many = SimulatedAreas(n_subjects=2, n_blocks=6, n_repeated=0, official_split=True, root=root)
    assert [one.run for one in many.recordings()] == ["1", "1"] and many.split is None
    assert SimulatedAreas(**SMALL, official_split=True, root=root).split == {
        "nl-01": "train", "nl-02": "train", "nl-03": "train", "nl-04": "train", "nl-05": "test", "nl-06": "test",
    }  # fmt: skip
    assert len(SimulatedAreas(root=root).recordings()) == 6 * (4 + 2)
    every = SimulatedAreas(n_subjects=1, n_repeated=24, n_repeats=3, root=root).recordings()
    assert [(one.task, one.run, one.session) for one in every][:4] == [("repeated", run, session) for run, session in ("11", "12", "13", "21")]  # fmt: skip
    assert len(every) == 4 * 3
    assert small.sources(small.recordings()[0])[-1].parent == many.sources(many.recordings()[0])[-1].parent
    assert SimulatedAreas(**SMALL, root=root, tr_s=1.3).load(small.recordings()[0]).tr_s == 1.3
    assert SimulatedAreas(language="en", n_blocks=30).content and small.content == {}
    for wrong, message in (
        ({"n_blocks": 25}, "n_blocks is 25; expected a whole number from 2 to 24"),
        ({"n_repeated": 25}, "n_repeated is 25; expected a whole number from 0 to 24"),
        ({"n_repeated": 24, "official_split": True}, "n_repeated is 24; expected a whole number from 0 to 23"),
        ({"language": "fr"}, "no sentences in 'fr'; there are nl, en, es, eu"),
        ({"noise_level": 0}, "noise_level is 0"),
    ):
        with pytest.raises(UserError, match=message):
            SimulatedAreas(**wrong, root=root)
    with pytest.raises(UserError, match="no recording sub-09_ses-1_task-once_run-1; there are sub-01"):
        small.load(Recording("09", "1", "once", "1", "fmri"))
    with pytest.raises(UserError, match="no stimulus 'nl-77'; there are nl-01"):
        small.audio("nl-77")


# drivers


def test_a_response_is_that_of_the_datamodule():
    values = np.random.default_rng(0).standard_normal((300, 3))
    for start_s, tr_s in ((10.0, 2.0), (3.14, 1.3), (-2.0, 0.7)):
        found = responses(values, start_s, np.arange(40) * tr_s)
        expected = hrf_response(values, RATE_HZ, start_s, tr_s, 40)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_courses_of_a_run_add_up():
    values = {one: np.random.default_rng(i).standard_normal((500, 2)) for i, one in enumerate("ab")}
    run = lay_run({"a": 9.98, "b": 9.98}, 2.0)
    assert run.heard == (("a", 10.0), ("b", 31.98)) and run.n_volumes == 29
    parts = [responses(values[one], at_s, run.times_s) for one, at_s in run.heard]
    np.testing.assert_allclose(courses(run, values), parts[0] + parts[1])


def test_drivers_have_their_names_sizes_and_scale(small):
    slow = {name: [] for name in DRIVERS}
    for run in small._material.runs.values():
        for name, values in small._material.values.items():
            seen, t = courses(run, values), run.n_volumes
            low = np.cos(np.pi / t * (np.arange(t)[:, None] + 0.5) * np.arange(int(2 * t * 2 / 128) + 1))
            slow[name].append(seen - low @ np.linalg.lstsq(low, seen, rcond=None)[0])
    found = small.drivers("nl-02")
    assert {name: one.values.shape[1] for name, one in found.items()} == DRIVERS
    for name, one in found.items():
        np.testing.assert_allclose(np.concatenate(slow[name]).std(0), 1, rtol=0.01)
        assert one.rate_hz == 50 and one.start_s == 0
        assert (np.mean(one.values.any(1)) < 0.4) == (name in IMPULSES)
    for name, columns in (("modulations", slice(None)), ("phones", slice(None)), ("words", slice(1, 3)), ("meaning", slice(None))):  # fmt: skip
        total = sum(small.drivers(one)[name].values[:, columns].sum(0) for one in small._material.blocks)
        assert np.abs(total).max() < 1e-6  # they do not tell speech from silence
    silent = 50 * (small.events(small.recordings()[0]).query("kind == 'sentence' and stimulus == 'nl-02'").eval("stimulus_onset + duration").iloc[0] + 0.7)  # fmt: skip
    assert not found["mel"].values[round(silent)].any()


def test_what_phones_and_words_are_worth(small):
    events = small.events(small.recordings()[0])
    words = events[(events.kind == "word") & (events.stimulus == "nl-01")].reset_index()
    at = np.rint(words.stimulus_onset * 50).astype(int).to_numpy()
    values, meaning = (small.drivers("nl-01")[name].values for name in ("words", "meaning"))
    assert np.flatnonzero(values[:, 0]).tolist() == at.tolist() and np.ptp(values[at, 0]) < 1e-9
    assert values[at[words.text == "de"], 1].min() > values[at[words.text == "visser"], 1].max()
    phones = events[(events.kind == "phone") & (events.stimulus == "nl-01")]
    same = phones[phones.text == "d"]
    coded = small.drivers("nl-01")["phones"].values[np.rint(same.stimulus_onset * 50).astype(int)]
    assert np.ptp(coded[:, :7], axis=0).max() < 1e-9 and np.ptp(coded[:, 7]) > 0.01
    # what was meant fades by half a word
    known = {text: meaning[one] for text, one in zip(words.text[:6], at[:6], strict=True)}  # of the first sentence
    offset = -small._material.values["meaning"]["nl-01"][at[0]]  # 'De' opens the first sentence and means nothing
    np.testing.assert_allclose(known["een"] + offset, (known["vertelt"] + offset) / 2, atol=1e-9)


def test_bigrams_by_hand():
    table = pd.DataFrame(
        [("word", text, i, "s" + text[-1]) for i, text in enumerate(["a1", "b1", "A1", "b1", "c2"])],
        columns=["kind", "text", "onset", "sequence"],
    )
    counted = Bigrams([table], "word")
    assert counted.texts(table) == (["a1", "b1", "a1", "b1", "c2"], ["", "a1", "b1", "a1", ""])
    assert counted.frequency("a1") == 2 / 5
    assert counted.surprisal("b1", "a1") == pytest.approx(-np.log2((2 + 2 * 2 / 5) / (2 + 2)))
    total = sum(2 ** -counted.surprisal(text, "b1") for text in ("a1", "b1", "c2"))
    assert total == pytest.approx(1)


def test_the_oracle_feature_is_the_driver(small):
    stimulus = Stimulus("nl-01", small.audio("nl-01"), ready=small.features("nl-01"))
    for name, known in small.drivers("nl-01").items():
        oracle = Driver(name)
        found = oracle.extract(stimulus, 1.0, 3.0)
        assert oracle.n_features == DRIVERS[name] and oracle.events == (name in IMPULSES)
        np.testing.assert_allclose(found.values, known.values[50:150], rtol=1e-6)
        assert found.start_s == 1.0 and found.rate_hz == 50
    with pytest.raises(UserError, match="no 'phone'. Nearest: phones"):
        Driver("phone")


# areas


@pytest.mark.parametrize("resolution_mm", [8, 4])
def test_areas_lie_where_they_should(resolution_mm):
    found, places = regions(resolution_mm), brain(resolution_mm).places
    assert np.sum(list(found.values()), axis=0).max() == 1
    for area in AREAS:
        own = places[found[area.name]]
        assert len(own) >= 14 and 0.35 < np.mean(own[:, 0] < 0) < 0.65
        nearest = np.linalg.norm(own[:, None] - np.array(area.centres), axis=2).min(1)
        assert nearest.max() <= area.radius_mm and (np.abs(own[:, 0]) > 25).all() == (area.name != "V1")


def test_people_mix_drivers_in_their_own_ways():
    one, other = listener(1, 12, 0), listener(2, 12, 0)
    assert set(one.mixtures) == set(DRIVERS)
    alike = []
    for name, mixture in one.mixtures.items():
        assert np.array_equal(mixture.voxels, other.mixtures[name].voxels)
        assert mixture.weights.shape == (len(mixture.voxels), DRIVERS[name])
        alike.append((mixture.weights * other.mixtures[name].weights).mean() / mixture.weights.var())
    assert np.mean(alike) == pytest.approx(0.5, abs=0.15)
    strange = listener(1, 12, 1).mixtures["meaning"].weights
    assert abs(np.corrcoef(one.mixtures["meaning"].weights.ravel(), strange.ravel())[0, 1]) < 0.25
    assert set(one.mixtures["meaning"].voxels) == set(np.flatnonzero(regions(12)["TPJ"] | regions(12)["IFG"]))
    covariance = np.cov(np.random.default_rng(0).standard_normal((50, 6)) @ np.random.default_rng(1).standard_normal((6, 6)), rowvar=False)  # fmt: skip
    scaled = one.mixtures["mel"].scaled(covariance)
    np.testing.assert_allclose(np.sqrt(np.diag(scaled @ covariance @ scaled.T)), one.mixtures["mel"].strength)


def test_a_cleaned_run_is_signal_and_noise_of_the_stated_variance(small):
    recording = small.recordings()[0]
    bold, regions_ = small.load(recording), regions(12)
    data = cleaned(bold, small.cleaning, "here").data
    projection = bold.nuisances @ np.linalg.pinv(bold.nuisances)
    signal = small.signal(recording) - projection @ small.signal(recording)
    quiet = regions_["V1"] | ~np.any(list(regions_.values()), axis=0)
    assert not signal[:, quiet].any() and (signal[:, ~quiet].std(0) > 0.1).all()
    noise = listener(1, 12, 0).noise
    left = (np.eye(len(data)) - projection) @ noise_over_time(small._run(recording), 2.2) @ (np.eye(len(data)) - projection)  # fmt: skip
    expected = (noise.white + (noise.loadings**2).sum(1)) * np.trace(left) / len(data)
    assert np.mean(data[:, quiet].var(0) / expected[quiet]) == pytest.approx(1, abs=0.05)
    assert np.mean((data - signal)[:, ~quiet].var(0) / expected[~quiet]) == pytest.approx(1, abs=0.1)


# exact scores


def naive_correlations(prediction, mean, covariance, n_draws, rng):
    noise = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(mean))) @ rng.standard_normal((len(mean), n_draws))
    return column_correlation(np.repeat(prediction[:, None], n_draws, axis=1), mean[:, None] + noise)


@pytest.mark.parametrize("n_rows", [8, 40])
def test_the_expected_correlation_is_the_mean_over_many_draws(n_rows):
    rng = np.random.default_rng(n_rows)
    root_of = rng.standard_normal((n_rows, n_rows)) / np.sqrt(n_rows)
    covariance = root_of @ root_of.T + 0.2 * np.eye(n_rows)
    signal = rng.standard_normal((n_rows, 3)) * [0.1, 0.7, 3.0]
    prediction = signal + rng.standard_normal((n_rows, 3)) * [0.1, 2.0, 0.0]
    found = expected_correlation(prediction, signal, covariance, np.array([1.0, 0.5, 2.0]))
    for voxel, variance in enumerate((1.0, 0.5, 2.0)):
        drawn = naive_correlations(prediction[:, voxel], signal[:, voxel], variance * covariance, 100_000, rng)
        assert found[voxel] == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(len(drawn)))


def test_the_expected_correlation_at_its_limits():
    rng = np.random.default_rng(0)
    signal, other = rng.standard_normal((2, 30, 1))
    still = np.eye(30) * 1e-12
    exact = column_correlation(other, signal)
    np.testing.assert_allclose(expected_correlation(other, signal, still, np.ones(1)), exact, atol=1e-6)
    assert expected_correlation(other, 0 * signal, np.eye(30), np.ones(1)) == pytest.approx(0, abs=1e-12)
    assert np.isnan(expected_correlation(0 * other + 1, signal, np.eye(30), np.ones(1))).all()
    share = explainable_share(signal, np.eye(30), np.full(1, signal.var(ddof=1)))
    assert share == pytest.approx(0.5)


def cleaned_draws(study, recording, n):
    return np.stack([cleaned(study.scan(recording, draw), study.cleaning, "here").data for draw in range(n)])


@pytest.fixture(scope="module")
def drawn(small):
    """The three runs of a subject, cleaned, with the noise of 90 draws: recording -> (draws, t, driven voxels)."""
    voxels = np.flatnonzero(np.any([one for name, one in regions(12).items() if name != "V1"], axis=0))
    return voxels, {one.name: cleaned_draws(small, one, 90)[:, :, voxels] for one in small.recordings()}


def test_oracle_regression_reaches_the_expected_scores(small, drawn):
    voxels, runs = drawn
    train, test = rows_of(small)
    sets = ["mel", "phones", ("mel", "modulations", "phones")]
    expected = small.expected_scores("01", sets, train=train, test=test)

    def seen(rows):  # responses, and features as a datamodule makes them
        responses_ = runs[rows.recording.iloc[0]][:, (rows.time_s / 2).astype(int)]
        run = small._run(next(one for one in small.recordings() if one.name == rows.recording.iloc[0]))
        heard = {
            name: np.sum([hrf_response(small.drivers(one)[name].values, 50, at_s, 2.0, run.n_volumes) for one, at_s in run.heard], 0)
            for name in DRIVERS
        }  # fmt: skip
        return responses_, {name: values[(rows.time_s / 2).astype(int)] for name, values in heard.items()}

    (known, given), (measured, new) = seen(train), seen(test)
    for names in sets:
        names = (names,) if isinstance(names, str) else names
        features, held_out = (np.column_stack([part[name] for name in names]) for part in (given, new))
        scores = []
        for draw in range(90):  # fitted on the mean of all draws: nearly noiseless
            design = np.column_stack([np.ones(len(features)), features])
            weights = np.linalg.lstsq(design, known.mean(0), rcond=None)[0]
            prediction = np.column_stack([np.ones(len(held_out)), held_out]) @ weights
            scores.append(column_correlation(prediction, measured[draw]))
        found, exact = np.array(scores), expected.r[" + ".join(names)][voxels]
        error = found.std(0) / np.sqrt(len(found))
        assert np.mean(np.abs(found.mean(0) - exact) < 2 * error + 0.03) > 0.9
        for area, where in regions(12).items():
            if area != "V1":
                assert np.mean((found.mean(0) - exact)[where[voxels]]) == pytest.approx(0, abs=0.04), (names, area)


def test_the_mean_of_repeats_is_predicted_better_as_expected(small, drawn):
    voxels, runs = drawn
    train, test = rows_of(small)
    both = [small.expected_scores("01", [], train=train, test=test, average_repeats=average) for average in (True, False)]  # fmt: skip
    once, rows = small.recordings()[1], (test.time_s / 2).astype(int).to_numpy()
    prediction = small.signal(once)[rows][:, voxels]
    expected = [small.score_of("01", prediction, rows=test, voxels=voxels, average_repeats=average) for average in (True, False)]  # fmt: skip
    means = [runs[f"sub-01_ses-{one}_task-repeated_run-1"][:, rows] for one in (1, 2)]
    for measured, exact in zip((np.mean(means, 0), means[0]), expected, strict=True):
        found = np.mean([column_correlation(prediction, one) for one in measured], axis=0)
        assert np.mean(found - exact) == pytest.approx(0, abs=0.015)
    share, single = (one.explainable[voxels] for one in both)
    assert (expected[0] - expected[1]).mean() > 0.08
    np.testing.assert_allclose(share, 2 * single / (1 + single), rtol=0.35)  # but for what motion takes away


def test_repeats_tell_the_explainable_variance_without_bias(small, drawn):
    voxels, runs = drawn
    rows = np.arange(7, 40)
    seen, parts = [], []
    variance = (lambda noise: noise.white + (noise.loadings**2).sum(1))(listener(1, 12, 0).noise)[voxels]
    for recording in small.recordings()[1:]:
        nuisances = small.load(recording).nuisances
        cleaning = (np.eye(len(nuisances)) - nuisances @ np.linalg.pinv(nuisances))[rows]
        signal = cleaning @ small.signal(recording)[:, voxels]
        covariance = cleaning @ noise_over_time(small._run(recording), 2.2) @ cleaning.T
        share = explainable_share(signal, covariance, variance)
        parts.append((signal - signal.mean(0), share))
        table = pd.DataFrame({"recording": recording.name, "time_s": rows * 2.0})
        known = small.expected_scores("01", [], train=table, test=table).explainable[voxels]
        np.testing.assert_allclose(known, share, rtol=1e-6)
        seen.append(runs[recording.name][:, rows])
    (one, share), (other, share_too) = parts
    alike = column_correlation(one, other)  # each repeat lost what looked like its own motion
    expected = alike * np.sqrt(share * share_too)
    found = np.array([explainable_variance(np.stack(pair)) for pair in zip(*seen, strict=True)])
    biased, corrected = found.mean(0)
    assert 0.7 < alike.mean() < 1
    assert np.mean(corrected - expected) == pytest.approx(0, abs=0.02)
    assert np.corrcoef(corrected, expected)[0, 1] > 0.8
    assert np.mean(biased - expected) > 0.2


def test_planted_areas_come_out_and_wrong_drivers_score_less(small):
    train, test = rows_of(small)
    sets = [*DRIVERS, tuple(DRIVERS)]
    known = small.expected_scores("01", sets, train=train, test=test, clean_drivers=True)
    for area in AREAS:
        own = regions(12)[area.name]
        if area.driver is None:
            assert not any(one[own].any() for one in known.r.values()) and not known.ceiling[own].any()
            continue
        means = {name: known.r[name][own].mean() for name in DRIVERS}
        assert max(means, key=means.get) == area.driver
        np.testing.assert_allclose(known.r[area.driver][own], known.ceiling[own], atol=1e-6)
        assert 0.25 < means[area.driver] < 0.6
        assert (known.ceiling[own] <= np.sqrt(known.explainable[own]) + 0.02).all()
    assert known.r["words"][regions(12)["A1"]].mean() > 0.05  # words begin where there is sound
    loud = SimulatedAreas(**SMALL, root=small.root, noise_level=1e-3)
    best = loud.expected_scores("01", [tuple(DRIVERS)], train=train, test=test, clean_drivers=True)
    np.testing.assert_allclose(best.ceiling[best.ceiling > 0], 1, atol=1e-4)


def test_rows_may_come_in_any_order_and_with_the_studys_name(small):
    train, test = rows_of(small)
    renamed = test.assign(recording="areas/" + test.recording).sample(frac=1, random_state=0)
    one, other = (small.expected_scores("01", ["mel"], train=train, test=rows) for rows in (test, renamed))
    np.testing.assert_allclose(one.r["mel"], other.r["mel"], atol=1e-9)
    with pytest.raises(UserError, match="no driver 'mell'. Nearest: mel"):
        small.expected_scores("01", [("phones", "mell")], train=train, test=test)
    with pytest.raises(UserError, match="no subject '02'; there are 01 to 01"):
        small.expected_scores("02", ["mel"], train=train, test=test)
    with pytest.raises(UserError, match="rows of sub-02_run; the subject has sub-01"):
        small.expected_scores("01", ["mel"], train=train, test=test.assign(recording="sub-02_run"))
    with pytest.raises(UserError, match="from 11 to 73 s; its 45 volumes begin every 2 s"):
        small.expected_scores("01", ["mel"], train=train, test=test.assign(time_s=test.time_s + 1))


def test_the_score_of_a_prediction_is_that_of_the_model_that_made_it(small):
    train, test = rows_of(small)
    known, voxels = small.expected_scores("01", ["phones"], train=train, test=test), np.flatnonzero(regions(12)["STS"])
    (run, held), (run_too, given) = ((small._material.runs[key], rows) for key, rows in ((("repeated", "1"), test), (("once", "1"), train)))  # fmt: skip
    new, old = (courses(one, small._material.values["phones"])[(rows.time_s / 2).astype(int)] for one, rows in ((run, held), (run_too, given)))  # fmt: skip
    recording = small.recordings()[0]
    nuisances = small.load(recording).nuisances
    signal = small.signal(recording)[:, voxels]
    signal = (signal - nuisances @ np.linalg.lstsq(nuisances, signal, rcond=None)[0])[(train.time_s / 2).astype(int)]
    weights = np.linalg.lstsq(np.column_stack([np.ones(len(old)), old]), signal, rcond=None)[0]
    prediction = np.column_stack([np.ones(len(new)), new]) @ weights
    found = small.score_of("01", 3 * prediction + 5, rows=test, voxels=voxels)
    np.testing.assert_allclose(found, known.r["phones"][voxels], atol=1e-9)
    assert np.isnan(small.score_of("01", 0 * prediction, rows=test, voxels=voxels)).all()
    with pytest.raises(UserError, match="predictions of shape .* expected .26, 1092.: rows, voxels"):
        small.score_of("01", prediction, rows=test)


@pytest.mark.parametrize("clean", [False, True])
def test_the_datamodule_measures_what_is_expected(root, tmp_path, monkeypatch, clean):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path))
    study = SimulatedAreas(**SMALL, root=root, official_split=True, noise_level=0.3)
    features = {name: Driver(name) for name in ("mel", "phones")}
    data = EncodingDataModule({"a": study}, features, Glover(), clean_features=clean)
    data.prepare()
    (fold,), rows, areas = data.folds("a/01"), data.rows("a/01"), data.measured("a/01").rois
    (known, measured), tested = data.responses("a/01", fold), rows.iloc[fold.test]
    train, wanted = rows.iloc[fold.train], ["mel", "phones"]
    best = study.expected_scores("01", wanted, train=train, test=tested, clean_drivers=clean, average_repeats=True)
    dirty = study.expected_scores("01", wanted, train=train, test=tested, average_repeats=True)
    for name, area in (("mel", "A1"), ("phones", "STS")):
        given, held_out = data.design("a/01", fold, name)
        prediction = held_out @ np.linalg.lstsq(given, known, rcond=None)[0]
        found = column_correlation(prediction, measured)
        expected = study.score_of("01", prediction, rows=tested, average_repeats=True)
        for one in (area, "belt", "TPJ"):
            assert found[areas[one]].mean() == pytest.approx(expected[areas[one]].mean(), abs=0.06)
        assert 0.7 < expected[areas[area]].mean() < best.r[name][areas[area]].mean() + 0.01  # noise in training costs
        gain = (best.r[name] - dirty.r[name])[areas[area]].mean()
        assert (gain > 0.05) == clean
        assert (found - dirty.r[name])[areas[area]].mean() == pytest.approx(gain, abs=0.04)
        assert not expected[areas["V1"]].any() and abs(found[areas["V1"]].mean()) < 0.15


# noise alone


@pytest.mark.parametrize("memory_s", [0.0, 8.0])
def test_noise_alone_scores_at_chance_and_has_its_memory(root, small, memory_s):
    study = SimulatedAreas(**SMALL, root=root, signal_gain=0.0, noise_memory_s=memory_s)
    train, test = rows_of(study)
    assert not study.expected_scores("01", list(DRIVERS), train=train, test=test).r["mel"].any()
    recording = study.recordings()[0]
    drawn = cleaned_draws(study, recording, 10)
    later = np.mean(drawn[:, 1:] * drawn[:, :-1]) / np.mean(drawn**2)
    assert (later > 0.2) if memory_s else (-0.2 < later < 0.02)
    feature = courses(study._run(recording), small._material.values["words"])[:, :1]
    found = np.concatenate([column_correlation(np.repeat(feature, one.shape[1], 1), one) for one in drawn])
    assert found.mean() == pytest.approx(0, abs=4 * 0.15 / np.sqrt(10 * 20))  # voxels share some noise
    lags = np.abs(scipy.signal.correlate(drawn[0][:, 0], drawn[0][:, 0])).argmax()
    assert lags == len(drawn[0]) - 1
    assert len({study.scan(recording, draw).data.tobytes() for draw in range(3)}) == 3
