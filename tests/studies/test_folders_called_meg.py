"""A data set's own folder may be called meg: only folders of other recordings below it are left aside."""

from n2s.studies.own.bold_names import named_runs


def written(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_tables_in_a_root_that_is_called_meg_belong_to_its_runs(tmp_path):
    root = tmp_path / "meg"
    bold = written(root / "sub-01" / "func" / "sub-01_task-x_run-1_bold.nii.gz")
    events = written(root / "task-x_run-1_events.tsv")
    other = written(root / "sub-01" / "meg" / "sub-01_task-x_run-1_events.tsv")  # matches more, but is on another clock
    (run,) = named_runs(root, "**/*_bold.nii.gz", root, heard="events").values()
    assert run.bold == (bold,) and run.clips == events != other


def test_confounds_beside_a_run_are_its_own_in_any_folder(tmp_path):
    root = tmp_path / "eeg"
    written(root / "sub-01_task-x_bold.nii.gz")
    written(root / "sub-01_task-x_events.tsv")
    confounds = written(root / "sub-01_task-x_desc-confounds_timeseries.tsv")
    (run,) = named_runs(root, "*_bold.nii.gz", root, heard="events").values()
    assert run.confounds == confounds
