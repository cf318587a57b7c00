"""Labels, captions and colours of figures and tables are those of what is drawn, for results that are not the usual ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from encoding_results import of_networks, on_sensors, on_vertices
from matplotlib.backends.backend_agg import FigureCanvasAgg

from n2s.metrics.result import Drawing
from n2s.systems.encoding.cortex.maps import write_table
from n2s.systems.encoding.figures.drawings import drawings
from n2s.systems.encoding.results.result import BrainScoreResult
from n2s.systems.encoding.results.summary import shown_columns
from n2s.systems.encoding.results.tables import notes
from n2s.systems.encoding.rows import model_rows
from n2s.systems.encoding.scoring import kernel_row

SOME = np.arange(0, 20484, 90)


def one_of(result: BrainScoreResult, title: str) -> Drawing:
    return next(one for one in drawings(result) if one.title == title)


def few(n_subjects: int = 1, names: tuple[str, ...] = ("dutch",)) -> BrainScoreResult:
    return of_networks(on_vertices(n_subjects, index=SOME), list(names))


def test_a_profile_names_what_each_network_adds():
    """The second network's word rate was drawn at "+ conv1"."""
    result = few(names=("dutch", "scenes"))
    rows = result.rows.assign(spaces=result.rows.spaces.str.replace("scenes.conv1", "word_rate"))
    axes = one_of(replace(result, rows=rows), "Profile over layers").figure.axes[0]
    labels = [one.get_text() for one in axes.get_xticklabels()]
    assert labels == ["mel", "+ word_rate or conv1", "+ conv2", "+ gru"]


def test_a_profile_explains_a_ceiling_that_only_some_regions_have():
    result = few()
    targets = result.targets.assign(n_presentations=1.0)
    targets["ceiling:ev_corrected"] = np.where(targets["roi:TPJ"], 0.2, -0.1)
    drawn = one_of(replace(result, targets=targets), "Profile over layers")
    dotted = [any(line.get_label() == "ceiling" for line in axes.lines) for axes in drawn.figure.axes[:4]]
    assert dotted == [False, False, True, False]
    assert "Dotted: ceiling" in drawn.caption and "Dashed" not in drawn.caption
    assert "ceiling" in [text.get_text() for text in drawn.figure.legends[0].get_texts()]


def test_a_map_without_a_test_is_named():
    """Shifted features have no p within a subject: the caption spoke of gains, which the figure has not."""
    result = few()
    row = result.rows.iloc[[0]].assign(row="model (shifted)", label="shifted in time", role="control", network="")
    noise = np.random.default_rng(0).normal(0, 0.01, len(result.targets))
    result = replace(
        result,
        rows=pd.concat([result.rows, row], ignore_index=True),
        targets=result.targets.assign(**{"r:model (shifted)": noise}),
    )
    caption = one_of(result, "Maps of R").caption
    assert "Of shifted in time all values are shown" in caption and "ains" not in caption
    assert "Of gains all values are shown" in one_of(result, "Levels of dutch").caption


def test_untested_gains_below_zero_have_colours_of_their_own():
    """They were drawn as gains of 0."""
    result = few(3)
    targets = result.targets.copy()
    left = targets["index"] < 10242
    targets["r:dutch/gru"] = targets["r:dutch/mel"] + np.where(left, -0.1, 0.1)
    drawn = one_of(replace(result, targets=targets), "Levels of dutch").figure
    bars = {one.get_xlabel(): one.get_xlim() for one in drawn.axes if one.get_xlabel()}
    for label in ("ΔR", "ΔR to the level before"):
        assert bars[label][0] == -bars[label][1] < 0


def test_a_colour_bar_says_that_scores_below_zero_have_the_colour_of_zero():
    result = few()
    targets = result.targets.drop(columns=[name for name in result.targets if name.startswith("p:")])
    (bar,) = [one for one in one_of(replace(result, targets=targets), "Maps of R").figure.axes if one.get_xlabel()]
    assert bar.get_xlabel() == "R, n = 1 subject; below 0 as 0"


def test_a_sensor_or_a_lag_without_a_score_stays_in_its_place():
    """One flat sensor ended the page with a KeyError; a lag without scores moved all others."""
    result = on_sensors(2)
    lags = result.lags.copy()
    flat, least = lags.name.iloc[0], lags.lag_s.min()
    lags.loc[(lags.name == flat) | (lags.lag_s == least), "r:mel"] = np.nan
    (image,) = one_of(replace(result, lags=lags), "Scores by lag").figure.axes[0].images
    shown = np.ma.filled(image.get_array(), np.nan)
    assert shown.shape == (306, lags.lag_s.nunique())
    assert np.isnan(shown[:, 0]).all() and np.isnan(shown).all(1).sum() == 1 and np.isfinite(shown[-1, 1:]).all()


def test_a_control_without_any_score_has_an_empty_topography():
    result = on_sensors(2)
    targets = result.targets.assign(**{"r:word_rate": np.nan, "p:word_rate": np.nan})
    axes = one_of(replace(result, targets=targets), "Topographies of R").figure.axes[:4]
    assert [bool(one.images) for one in axes] == [True, False, True, False]


def test_lags_of_bold_are_in_seconds_and_of_vertices():
    result = few()
    lags = pd.concat([result.targets[["subject", "name", "r:dutch/gru"]].assign(lag_s=lag) for lag in (2.0, 4.0, 6.0)])
    drawn = one_of(replace(result, lags=lags), "Scores by lag")
    assert "sensor" not in drawn.caption and f"{len(SOME)} vertices" in drawn.figure.axes[0].get_ylabel()
    assert {axes.get_xlabel() for axes in drawn.figure.axes[:2]} == {"lag of the brain (s)"}


def test_a_region_whose_name_has_a_comma_is_in_the_first_table():
    """As those of the Harvard-Oxford atlas have."""
    result = few()
    named = replace(result, targets=result.targets.rename(columns={"roi:A1": "roi:Heschl's gyrus, left"}))
    columns = [shown_columns(one.regions, one.scores()) for one in (named, result)]
    assert [one.replace("Heschl's gyrus, left", "A1") for one in columns[0]] == columns[1]
    assert "R, Heschl's gyrus, left" in columns[0]


def test_normalised_scores_of_the_flat_table_are_those_of_the_page(tmp_path):
    """R of all targets was divided by the ceiling of those that have one: .24 in the table, .54 on the page."""
    result = few(2)
    targets = result.targets
    targets.loc[targets["roi:TPJ"] & (targets["index"] % 4 == 0), "ceiling:ev_corrected"] = np.nan
    table = pd.read_csv(write_table(result, tmp_path / "table.tsv"), sep="\t", na_values="n/a")
    table = table[table.row == "dutch/gru"].set_index(["region", "subject"]).r_normCeiling
    for region in result.regions.names:
        for subject, value in result.regions.normalised("r:dutch/gru", "ceiling:r", region).items():
            assert table["all" if region == "whole" else region, subject] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("label", ["mel", "a speech network with random weights, all layers"])
def test_a_legend_has_room_where_there_is_one_region(label):
    """Sensors have no regions: the names at both ends of the legend were cut."""
    result = on_sensors(2)
    rows = pd.concat([result.rows.iloc[[1]].assign(row=f"row{i}", label=f"{label} {i}") for i in range(5)])
    scores = {f"r:{row}": result.targets["r:mel"] for row in rows.row}
    targets = result.targets[["subject", "name", "index", "x", "y", "z"]].assign(**scores, **{"share:mel": 0.1})
    for title in ("Regions and networks", "Shares of feature spaces"):
        figure = one_of(BrainScoreResult(targets, rows, result.images), title).figure
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        for text in figure.legends[0].get_texts():
            extent = text.get_window_extent(renderer)
            assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width


def test_a_ratio_that_is_not_in_the_table_is_not_explained():
    """Sensors of two people hardly correlate: the page said what R / ISC is, and had none."""
    result = few(2)
    for isc, start in ((0.05, "No R / ISC: "), (0.2, "R / ISC: ")):
        one = replace(result, targets=result.targets.assign(**{"ceiling:isc": isc}))
        (note,) = [text for text in notes(one, one.scores()) if "R / ISC" in text]
        assert note.startswith(start)


def test_response_functions_are_those_of_a_model():
    """Of the control, where it was named first."""
    spaces = {"mel": 1, "random": 1, "trained": 1}
    networks = {"untrained": ["mel", "random"], "dutch": ["mel", "trained"]}
    assert kernel_row(model_rows(spaces, networks=networks, controls=["untrained"])).key == "dutch/trained"


def test_all_targets_are_one_region_of_the_flat_table(tmp_path):
    """They were there twice, as all and as whole, and a region of the figure of what training adds."""
    result = few(names=("untrained", "dutch"))
    result = replace(result, targets=result.targets.assign(**{"roi:whole": True}))
    table = pd.read_csv(write_table(result, tmp_path / "table.tsv"), sep="\t")
    assert table.region.unique().tolist() == ["all", "A1", "Belt", "TPJ"]
    axes = one_of(result, "What training adds").figure.axes
    assert not [one for one in axes if one.get_title(loc="left").startswith("whole")]


def test_what_is_not_drawn_is_told():
    result = on_sensors(2)
    rows = pd.concat([result.rows.iloc[[1]].assign(row=f"row{i}", label=f"row {i}") for i in range(8)])
    scores = {f"r:{row}": result.targets["r:mel"] for row in rows.row}
    targets = result.targets[["subject", "name", "index", "x", "y", "z"]].assign(**scores)
    targets = targets.assign(**{f"roi:{i}": targets.x > 0.5 for i in range(10)})
    lags = result.lags.assign(**{name: result.lags["r:mel"] for name in scores})
    told = {one.title: one.caption for one in drawings(BrainScoreResult(targets, rows, result.images, lags))}
    assert "2 more rows are not drawn" in told["Topographies of R"]
    assert "5 more rows are not drawn" in told["Scores by lag"]
    assert "2 more regions are in the table and not drawn" in told["Regions and networks"]
