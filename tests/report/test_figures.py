import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from n2s.metrics.result import Drawing
from n2s.report.figures import blank_panels, on_whole_pixels
from n2s.report.picture import picture_html
from n2s.report.run_figures import learning_curves


def lines(axes) -> dict:
    return {line.get_label(): line for line in axes.lines}


def test_learning_curves_take_the_epochs_mean_and_leave_test_and_steps_out():
    log = pd.DataFrame(
        {
            "epoch": [0, 0, 0, 1, 1],
            "step": [1, 2, 3, 4, 5],
            "train/loss_step": [9.0, 9.0, np.nan, 9.0, np.nan],
            "train/loss_epoch": [np.nan, np.nan, 4.0, np.nan, 2.0],
            "val/loss": [5.0, np.nan, 3.0, 1.0, np.nan],
            "val/top10": [np.nan, np.nan, 0.5, np.nan, 0.75],
            "val/chance_top10": [np.nan, np.nan, 0.125, np.nan, 0.125],
            "test/top10": [np.nan] * 4 + [0.9],
        }
    )
    losses, scores = learning_curves(log).figure.axes
    assert set(lines(losses)) == {"train/loss_epoch", "val/loss"}
    np.testing.assert_allclose(lines(losses)["val/loss"].get_ydata(), [4, 1])
    curve, chance = scores.lines
    assert (curve.get_label(), chance.get_linestyle()) == ("val/top10", ":")
    assert curve.get_ydata().tolist() == [0.5, 0.75] and chance.get_ydata().tolist() == [0.125, 0.125]
    assert learning_curves(log[["epoch", "step"]]) is None


@pytest.mark.parametrize("n", [1, 2])
def test_pictures_of_a_page_are_not_sheared(n):
    """One panel is 734.9999 pixels wide: where a program counts 734 of the renderer's 735, each row moves by one more."""
    figure, panels = blank_panels(n, width=4.3 * n + 0.6, height=3.6)
    for axes in panels:
        axes.set_axis_off()
    figure.add_artist(Rectangle((0.4, 0.0), 0.2, 1.0, color="black"))
    html = picture_html(Drawing("bar", on_whole_pixels(figure), "A bar."))
    picture = re.search(r'src="data:image/webp;base64,([^"]+)"', html)[1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("L"))
    assert pixels.std(0).max() < 20 and (pixels[0] < 100).mean() == pytest.approx(0.2, abs=0.01)
