"""Curves of a run's training are those of its log."""

import numpy as np
import pandas as pd

from n2s.report.run_figures import one_epoch, run_drawings, throughput_curves


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


def test_one_point_is_no_curve(tmp_path):
    log = pd.DataFrame(
        {
            "epoch": [0, 0, 1],
            "train/loss_epoch": [np.nan, 0.51234, np.nan],
            "throughput/data_wait": [0.25, np.nan, np.nan],
            "test/top1": [np.nan, np.nan, 1.0],
        }
    )
    log.to_csv(tmp_path / "metrics.csv", index=False)
    found = run_drawings(tmp_path)
    assert found["Learning curves"] == "one epoch is no curve; its means are train/loss_epoch 0.512"
    assert found["Throughput"] == "one epoch is no curve; it had 25 waiting for data (%)"
    assert one_epoch(pd.DataFrame({"epoch": [0, 1], "val/loss": [1.0, 2.0]})) == {} == one_epoch(pd.DataFrame())
