"""Curves of a run's training are those of its log."""

import numpy as np
import pandas as pd

from n2s.report.run_figures import throughput_curves


def test_throughput_is_the_epochs_and_a_share_of_the_peak_takes_the_place_of_gflops():
    log = pd.DataFrame(
        {
            "epoch": [0, 0, 1],
            "train/loss": [1.0, 2.0, 3.0],
            "throughput/windows_per_s": [np.nan, 100.0, 200.0],
            "throughput/data_wait": [np.nan, 0.25, 0.5],
            "throughput/gflops_per_s": [np.nan, 5.0, 6.0],
        }
    )
    panels = throughput_curves(log).figure.axes
    shown = {axes.get_ylabel(): axes.lines[0].get_ydata().tolist() for axes in panels}
    assert shown == {"windows, clips or fits a second": [100, 200], "waiting for data (%)": [25, 50], "GFLOPS": [5, 6]}
    with_peak = throughput_curves(log.assign(**{"throughput/utilisation": 0.3})).figure.axes
    assert [axes.get_ylabel() for axes in with_peak][2:] == ["of the peak FLOPS (%)"]
    assert throughput_curves(log[["epoch", "train/loss"]]) is None
