"""Runs side by side: differences on the same test rows, recomputed by hand; other tests are not paired; what differs in settings and data."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from planted import planted_result, planted_run

from n2s.commands.compare import compare
from n2s.errors import UserError
from n2s.metrics.intervals import cluster_interval, t_interval
from n2s.metrics.paired_runs import aligned, paired
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.training.compared_runs import chosen_runs, gains, settings_table, side_by_side
from n2s.training.comparison_page import comparison

ANY = (-np.inf, np.inf)


@pytest.fixture(scope="module")
def results():
    few = {"n_permutations": 5}
    return {
        "good": replace(planted_result(), **few),
        "worse": replace(planted_result(model_noise=3.0), **few),
        "short": replace(planted_result(n_per_story=12), **few),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, results):
    root = tmp_path_factory.mktemp("runs")
    for name, result in results.items():
        planted_run(root / name / "first", test=result)
    config = root / "worse" / "first" / "config.yaml"
    content = yaml.safe_load(config.read_text()) | {"seed_everything": 77, "data": {"batch_size": 3}}
    config.write_text(yaml.safe_dump(content))
    return root


def hits(result, k: int) -> np.ndarray:
    """By a loop, of each window: is the true candidate among the first k?"""
    return np.array([(row > row[t]).sum() < k for row, t in zip(result.similarity, result.target, strict=True)], float)


def test_the_same_rows_are_paired(results, folder):
    runs = chosen_runs([folder / "good" / "first", folder / "worse"])
    found, notes = gains(runs, [one.results["test"] for one in runs], ["top10", "median_rank"])
    first, second = results["good"], results["worse"]
    gain = hits(second, 10) - hits(first, 10)
    by_person = [gain[first.subject == name].mean() for name in np.unique(first.subject)]
    by_rows, by_people = found
    np.testing.assert_allclose([by_rows.mean, by_rows.low, by_rows.high], t_interval(np.array(by_person), bounds=ANY))
    assert (by_rows.one, by_rows.other, notes) == ("B", "A", []) and "160 rows of 4 people" in by_rows.paired
    assert by_people.score == "median_rank" and by_people.mean < 0  # lower is better: the worse run is worse
    assert "each with both" in by_people.paired


def test_other_rows_are_not_paired(results, folder):
    runs = chosen_runs([folder / "good", folder / "short"])
    (only,), (note,) = gains(runs, [one.results["test"] for one in runs], ["top10"])
    assert only.low is None and only.paired == "not paired: other test rows"
    assert only.mean == pytest.approx(hits(results["short"], 10).mean() - hits(results["good"], 10).mean())
    assert "0 of 96 and 160" in note


@pytest.mark.slow
def test_equal_runs_are_told_to_be_equal(results, folder):
    planted_run(folder / "same" / "first", test=results["good"])
    runs = chosen_runs([folder / "good", folder / "same"])
    (part,) = comparison(runs)
    assert part.verdict.sentences[0].startswith("B and A have the same top-10 accuracy: 160 rows of 4 people")
    cells = [cell for _, rows in part.tables.values() for row in rows for cell in row]
    assert not any(cell.startswith("-0.0") or "too few people" in cell for cell in cells)


def test_rows_of_one_run_alone_are_said_to_be_in_no_difference(results, folder):
    planted_run(folder / "two" / "first", test=replace(planted_result(n_subjects=2), n_permutations=5))
    runs = chosen_runs([folder / "good", folder / "two"])
    (only,), (note,) = gains(runs, [one.results["test"] for one in runs], ["top10"])
    assert "80 rows of 2 people" in only.paired and note.startswith("B and A share 80 of 80 and 160 rows")


def test_few_people_have_an_interval_over_blocks_of_time():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"subject": "s", "recording": "r", "stimulus": "a", "start_s": 3.0 * np.arange(40), "block": np.arange(40) // 4}
    )
    one, other = rows.assign(x=rng.random(40)), rows.assign(x=rng.random(40))
    found = paired(one, other.sample(frac=1, random_state=1), "x")
    np.testing.assert_allclose(found[:3], cluster_interval((other.x - one.x).to_numpy(), rows.block.to_numpy()))
    assert found.over == "10 blocks of time"
    assert paired(one, other.assign(start_s=other.start_s + 1.0), "x") is None


def test_rows_are_the_same_by_who_where_and_when():
    rows = pd.DataFrame(
        {
            "subject": ["a", "a", "b"],
            "recording": "r",
            "stimulus": "s",
            "start_s": [0.0, 3.0, 0.0],
            "among": 5,
            "block": 0,
            "x": [1.0, 2.0, 3.0],
        }
    )
    moved = rows.assign(start_s=rows.start_s + 0.004, x=[4.0, 5.0, 6.0])[::-1]
    one, other = aligned(rows, moved)
    assert one.x.tolist() == [1, 2, 3] and other.x.tolist() == [4, 5, 6]
    assert len(aligned(rows, rows.assign(among=6))[0]) == 0
    twice = pd.concat([rows, rows.assign(x=9.0)])
    one, other = aligned(twice, twice)
    assert len(one) == 6 and (one.x == other.x).all()


def test_settings_and_data_that_differ(folder):
    runs = chosen_runs([folder / "good", folder / "worse"])
    rows = {row[0]: row[1:] for row in settings_table(runs)}
    assert rows["seed_everything"][1] == "77" and "3" in str(
        rows["data"] if "data" in rows else rows["data.batch_size"]
    )


@pytest.mark.slow
def test_the_command_writes_a_page(folder, tmp_path, run_n2s):
    page = tmp_path / "three.html"
    status, out, err = run_n2s("compare", *(folder / name for name in ("good", "worse", "short")), "--page", page)
    assert status == 0, err
    assert (
        "A is better than B in top-10 accuracy" in out
        and "not decided" in out
        and f"page: {page}" in out.replace("\n", "")
    )
    text = page.read_text("utf-8")
    for part in (
        "<td>B: model</td>",
        "Settings that differ",
        "seed_everything",
        "Runs by top-10",
        "other test rows",
        "<h4>Differences</h4>",
    ):
        assert part in text, part


def table(label: str) -> Scores:
    return Scores(
        {"m": Row("m"), "c": Row("c", "control")},
        {"x": Measure(label)},
        {"x": {"m": {ALL: Score(1.0)}, "c": {ALL: Score(0.5)}}},
    )


def test_other_questions_are_refused():
    both = side_by_side("AB", [table("r"), table("r")])
    assert list(both.rows) == ["A/m", "A/c", "B/m", "B/c"] and both.rows["B/c"].role == "control"
    with pytest.raises(UserError, match=r"no score in common \(A: r; B: WER\)"):
        side_by_side("AB", [table("r"), table("WER")])


def test_what_cannot_be_compared_is_refused(folder, tmp_path):
    good = folder / "good" / "first"
    untested = tmp_path / "x" / "run"
    untested.mkdir(parents=True)
    record = json.loads((good / "run.json").read_text())
    record.pop("results")
    (untested / "run.json").write_text(json.dumps(record))
    for runs, message in (
        ([good], "1 run; expected 2"),
        ([good, good.parent], "there twice"),
        ([good, tmp_path / "nowhere"], "no such folder"),
        ([good, tmp_path], "no run.json in it"),
        ([good, untested], "not tested yet. First: n2s test"),
        ([good, untested.parent], "not tested yet: n2s test"),
    ):
        with pytest.raises(UserError, match=message):
            compare(runs, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
