"""Runs of stages that were moved together are found again, and folds of cross-validated ones."""

from types import SimpleNamespace

import pytest
import yaml

from n2s.systems.clips.acoustic_networks import SEMANTIC_RUN, given
from n2s.training.run import Run


@pytest.mark.parametrize("below", ["", "folds/2"])
def test_the_semantic_run_is_found_beside_the_acoustic_one(tmp_path, below):
    """And not the acoustic one itself, which lies in a folder of the same name."""
    for name in ("fmri_semantic", "fmri_acoustic"):
        folder = tmp_path / "new" / name / "run" / below
        folder.mkdir(parents=True)
        Run(folder).update(id="1", status="finished", started="2026", started_from=None, resumed=[])
        (folder / "config.yaml").write_text(yaml.safe_dump({"data": {"init_args": {"target": f"that of {name}"}}}))
    before = tmp_path / "old" / "fmri_semantic" / "run" / below
    options = {"decoder": "a decoder", "audiomae": "AudioMAE", "semantic": True}
    acoustic = SimpleNamespace(
        folder=tmp_path / "new" / "fmri_acoustic" / "run" / below,
        options=options,
        checkpoint={SEMANTIC_RUN: str(before)},
    )
    found = given(acoustic)
    assert found["semantic_run"] == str(tmp_path / "new" / "fmri_semantic" / "run" / below).rstrip("/")
    assert found["semantic_target"] == "that of fmri_semantic"
