"""How the data of a fold were dealt: compared with the other folds of its run, and with the earlier stage that it builds on."""

import pytest
from tiny_recipe import TinyData

from n2s.data import CrossValidated
from n2s.errors import UserError
from n2s.training.fold_runs import check_dealt, dealt
from n2s.training.run import Run


class Data(TinyData):
    """Data of some recordings, dealt in some way."""

    def __init__(self, way: str, *recordings: str):
        super().__init__()
        self.split, self.recordings = CrossValidated(n_folds=2), recordings
        self.split.dealt = way

    def data_hashes(self):
        return dict.fromkeys(self.recordings, "0")


def fitted(folder, **record) -> Run:
    run = Run(folder)
    folder.mkdir(parents=True)
    run.update(id="1", status="finished", started="2026", started_from=None, resumed=[], **record)
    return run


def test_a_fold_is_compared_with_those_beside_it_and_with_its_earlier_stage(tmp_path):
    now = Data("one way", "a", "b")
    assert dealt(now) == {"dealt": "one way"} and dealt(TinyData()) == {}
    one = fitted(tmp_path / "run" / "folds" / "1", data={"a": "0", "b": "1"}, dealt="one way")
    two, config = Run(tmp_path / "run" / "folds" / "2"), {"model": {"init_args": {"semantic_run": "none of that name"}}}
    check_dealt(two, now, config)  # what a recording holds may differ: nothing is dealt by it
    check_dealt(one, TinyData())
    with pytest.raises(UserError, match=r"folds/1 was fitted to \(new: c; gone: b\)"):
        check_dealt(two, Data("one way", "a", "c"), config)
    with pytest.raises(UserError, match="other sentences or stretches"):
        check_dealt(one, Data("another way", "a", "b"))
    for way, refused in (("one way", False), ("another way", True)):
        stage = fitted(tmp_path / way / "folds" / "2", data={"a": "0", "b": "0", "c": "0"}, dealt=way)
        config["model"]["init_args"]["semantic_run"] = str(stage.folder)
        if refused:
            with pytest.raises(UserError, match="another way/folds/2 was fitted to .gone: c"):
                check_dealt(two, now, config)
        else:
            check_dealt(two, now, config)  # of more people who heard the same
    old = fitted(tmp_path / "old" / "folds" / "1", data={"a": "0", "b": "0"})  # of an earlier version
    check_dealt(old, now)
