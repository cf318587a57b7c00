"""`n2s ratings`: files of several raters, what is odd in them, and what is made of them."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from n2s.errors import UserError
from n2s.listening.rating_report import COLUMNS, read_ratings

NAMES = {"QXZ": "decoded", "BCD": "fine"}
CLIPS = ("a", "b", "c")


def session(rater: str, ratings: np.ndarray, *, page: str = "p1", hour: int = 10) -> pd.DataFrame:
    """The rows of one rater: ratings (c, m), NaN where there is none."""
    rows = [
        (page, rater, clip, code, "" if np.isnan(ratings[i, j]) else str(int(ratings[i, j])))
        for i, clip in enumerate(CLIPS)
        for j, code in enumerate(NAMES)
    ]
    return pd.DataFrame(
        [(*row, f"2025-03-01T{hour}:{n:02d}:00.000Z" if row[4] else "", str(n + 1)) for n, row in enumerate(rows)],
        columns=list(COLUMNS),
    )


@pytest.fixture
def files(tmp_path):
    """Three raters, and the key."""
    given = {"ana": [[7, 4], [6, 3], [5, 3]], "ben": [[6, 4], [6, 2], [4, 4]], "cleo": [[7, 5], [5, 2], [6, 1]]}
    paths = []
    for rater, ratings in given.items():
        paths.append(tmp_path / f"{rater}.csv")
        session(rater, np.array(ratings, float)).to_csv(paths[-1], index=False)
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"page": "p1", "methods": NAMES}))
    return paths, key, np.array(list(given.values()), float)


@pytest.fixture
def n2s(run_n2s):
    return lambda *words: run_n2s("ratings", *words)


def test_several_files_give_a_table_a_figure_and_json(files, n2s, tmp_path):
    paths, key, given = files
    status, out, err = n2s(*paths, "--key", key, "--out", tmp_path / "out")
    assert (status, err) == (0, "")
    found = json.loads((tmp_path / "out" / "ratings.json").read_text())
    assert list(found["methods"]) == ["decoded", "fine"] and found["notes"] == []
    for j, method in enumerate(NAMES.values()):
        assert found["methods"][method]["mean"] == pytest.approx(given[:, :, j].mean())
        assert found["methods"][method]["per_rater"]["ben"] == pytest.approx(given[1, :, j].mean())
        assert f"{given[:, :, j].mean():.2f}" in out
    (pair,) = found["pairs"]
    assert pair["difference"] == pytest.approx((given[..., 0] - given[..., 1]).mean()) and pair["p"] == 2 / 2**3
    assert "decoded - fine" in out and "+2.67" in out and "0.2500" in out
    assert f"alpha {found['agreement']['alpha']:.2f}" in out and "3 pairs of raters" in out
    assert Image.open(tmp_path / "out" / "ratings.png").width > 1000


def test_values_lie_where_they_belong(files):
    paths, key, given = files
    found = read_ratings(paths[::-1], key)
    assert (found.raters, found.clips, found.methods) == (["ana", "ben", "cleo"], list(CLIPS), list(NAMES.values()))
    np.testing.assert_array_equal(found.values, given)


def test_without_the_key_methods_keep_their_codes(files, n2s, tmp_path):
    paths, _, given = files
    status, out, _ = n2s(*paths, "--out", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "ratings.json").read_text())
    assert status == 0 and list(found["methods"]) == ["BCD", "QXZ"] and "give --key" in out
    assert found["methods"]["QXZ"]["mean"] == pytest.approx(given[:, :, 0].mean())


def test_a_trial_in_two_files_counts_as_rated_last(files, tmp_path):
    paths, key, given = files
    later = given[0].copy()
    later[0, 0], later[2, 1] = 1, np.nan  # an export from before the end: its open trial does not undo the rating
    session("ana", later, hour=12).to_csv(tmp_path / "later.csv", index=False)
    wanted = given.copy()
    wanted[0, 0, 0] = 1
    for order in ([*paths, tmp_path / "later.csv"], [tmp_path / "later.csv", *paths]):
        found = read_ratings(order, key)
        np.testing.assert_array_equal(found.values, wanted)
        (note,) = found.notes
        assert note.startswith("ana: 5 trials were rated more than once") and note.endswith("1 differ")
        assert "later.csv" in note and "ana.csv" in note
    twice = read_ratings([*paths, paths[0]], key)
    assert twice.notes == []  # one file, named twice


def test_incomplete_sessions_and_ratings_off_the_scale_are_told(files):
    paths, key, given = files
    table = pd.read_csv(paths[1], dtype=str)
    table.loc[0, "rating"], table.loc[1, "rating"], table.loc[2, "rating"] = "8", "3.5", "five"
    table.iloc[:5].to_csv(paths[1], index=False)  # and one row is gone
    found = read_ratings(paths, key)
    wanted = given.copy()
    wanted[1, 0], wanted[1, 1, 0], wanted[1, 2, 1] = np.nan, np.nan, np.nan
    np.testing.assert_array_equal(found.values, wanted)
    off, incomplete = found.notes
    assert (
        off.startswith("3 ratings are not whole numbers from 1 to 7") and "'8' (" in off and "ben.csv, line 2)" in off
    )
    assert "'3.5'" in off and "'five'" in off
    assert incomplete == "ben: incomplete, 2 of 6 trials rated"


def test_one_rater_alone(files, n2s, tmp_path):
    paths, key, _ = files
    status, out, _ = n2s(paths[0], "--key", key, "--out", tmp_path / "out")
    assert status == 0 and "one rater" in out and "agreement: not defined" in out


def edited(change):
    def edit(paths, key):
        change(pd.read_csv(paths[1], dtype=str, keep_default_na=False)).to_csv(paths[1], index=False)

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edited(lambda t: t.assign(page="p2")), r"different pages.*p1 \(.*ana.csv\); p2 \(.*ben.csv\)"),
        (edited(lambda t: t.drop(columns="clip")), "ben.csv: no column clip; found page, rater"),
        (edited(lambda t: t.assign(rater=" ")), "ben.csv, line 2: no rater"),
        (edited(lambda t: t.assign(method="WWW")), "no method WWW; it has QXZ, BCD"),
        (
            lambda paths, key: key.write_text(json.dumps({"page": "p9", "methods": NAMES})),
            "belongs to page p9, the ratings to",
        ),
        (lambda paths, key: key.write_text("[]"), "not the key of a listening page"),
        (lambda paths, key: key.unlink(), "not the key of a listening page"),
        (lambda paths, key: paths[1].unlink(), "ben.csv: no such file"),
        (lambda paths, key: paths[1].write_text(""), "ben.csv: not a table"),
    ],
)
def test_files_that_do_not_belong_together_are_told(files, edit, said):
    paths, key, _ = files
    edit(paths, key)
    with pytest.raises(UserError, match=said):
        read_ratings(paths, key)


def test_no_rating_at_all_and_a_file_in_the_way(files, n2s, tmp_path):
    paths, key, _ = files
    session("dora", np.full((3, 2), np.nan)).to_csv(paths[0], index=False)
    assert "no rating of 1 to 7" in n2s(paths[0], "--key", key, "--out", tmp_path / "out")[2]
    assert not (tmp_path / "out").exists()
    assert "is a file" in n2s(paths[1], "--out", paths[2])[2]
    assert n2s()[0] == 2
