"""Run folders: which run a command continues, starts, or takes its weights from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from n2s.errors import UserError
from n2s.training.choose_run import choose_to_train
from n2s.training.choose_weights import choose_weights
from n2s.training.claim import Claim
from n2s.training.experiments import experiment_name, trained_run, with_overlays
from n2s.training.provenance import git_state, provenance
from n2s.training.run import FINISHED, UNFINISHED, Run, differences, run_of, runs_dir, runs_of, settings_of

CONFIG = {
    "seed_everything": 0,
    "model": {"width": 8},
    "data": {"tr": 2.0},
    "trainer": {"max_epochs": 3, "logger": None},
}


def make(
    experiment, name, *, status=UNFINISHED, started="2026-01-01T00:00:00", config=CONFIG, files=(), started_from=None
):
    folder = experiment / name
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for file in files:
        (folder / file).write_text("weights")
    Run(folder).update(status=status, started=started, id=f"id-{name}", resumed=[], started_from=started_from)
    return Run(folder)


def changed(**model):
    return CONFIG | {"model": CONFIG["model"] | model}


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "checkpoints" / "tiny"


SETTINGS = settings_of(CONFIG)


class TestToTrain:
    def test_nothing_there_starts_a_new_run(self, experiment):
        choice = choose_to_train(experiment, SETTINGS)
        assert choice.new
        assert choice.checkpoint is None
        assert choice.run.folder.parent == experiment
        assert not experiment.exists()  # choosing writes nothing
        assert choice.message == f"run: checkpoints/tiny/{choice.run.name} (new)"

    def test_newest_unfinished_with_the_same_settings_is_continued(self, experiment):
        make(experiment, "a", started="2026-01-01", files=["last.ckpt"])
        make(experiment, "b", started="2026-01-02", files=["last.ckpt"])
        make(experiment, "c", started="2026-01-03", config=changed(width=9), files=["last.ckpt"])
        make(experiment, "d", started="2026-01-04", status=FINISHED, files=["last.ckpt"])
        choice = choose_to_train(experiment, SETTINGS)
        assert (choice.run.name, choice.new, choice.id) == ("b", False, "id-b")
        assert choice.checkpoint == str(experiment / "b" / "last.ckpt")
        assert choice.message == "run: checkpoints/tiny/b (continues from last.ckpt)"

    def test_without_a_checkpoint_it_begins_again(self, experiment):
        make(experiment, "a")
        choice = choose_to_train(experiment, SETTINGS)
        assert (choice.run.name, choice.checkpoint) == ("a", None)
        assert "no epoch was complete" in choice.message

    def test_finished_is_never_touched(self, experiment):
        make(experiment, "a", status=FINISHED, files=["last.ckpt"])
        assert choose_to_train(experiment, SETTINGS).new

    def test_fresh(self, experiment):
        make(experiment, "a", files=["last.ckpt"])
        choice = choose_to_train(experiment, SETTINGS, fresh=True)
        assert choice.new
        assert choice.message.endswith("(new; --fresh)")

    def test_other_settings_are_named(self, experiment):
        make(experiment, "a", config=changed(width=9), files=["last.ckpt"])
        choice = choose_to_train(experiment, SETTINGS)
        assert choice.new
        assert choice.message.endswith("(new; the unfinished a has other settings: model.width)")

    def test_a_run_in_use_is_left_alone(self, experiment):
        run = make(experiment, "a", files=["last.ckpt"])
        with run.lock():
            choice = choose_to_train(experiment, SETTINGS)
        assert choice.new
        assert "a is being trained by another process" in choice.message
        assert not choose_to_train(experiment, SETTINGS).new

    @pytest.mark.slow
    def test_a_killed_process_frees_its_run(self, experiment):
        run = make(experiment, "a")
        code = (
            "import os, signal, sys; from pathlib import Path; from n2s.training.run import Run\n"
            "lock = Run(Path(sys.argv[1])).lock(); lock.acquire(); print('locked', flush=True); sys.stdin.read()"
        )
        words = [sys.executable, "-c", code, str(run.folder)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "locked\n"
            assert run.in_use()
            process.kill()
            process.wait()
            assert not run.in_use()

    @pytest.mark.parametrize(
        "aside",
        [{"runs_dir": "x"}, {"experiment": "x"}, {"fresh": True}, {"trainer": CONFIG["trainer"] | {"logger": "wandb"}}],
    )
    def test_where_and_how_do_not_make_another_run(self, experiment, aside):
        make(experiment, "a", config=CONFIG | aside)
        assert not choose_to_train(experiment, SETTINGS).new

    @pytest.mark.parametrize(
        "config",
        [
            CONFIG | {"seed_everything": 1},
            changed(width=9),
            CONFIG | {"trainer": CONFIG["trainer"] | {"max_epochs": 4}},
        ],
    )
    def test_what_changes_the_numbers_does(self, experiment, config):
        make(experiment, "a", config=config)
        assert choose_to_train(experiment, SETTINGS).new

    def test_weights_that_it_started_from_count(self, experiment, tmp_path):
        weights = tmp_path / "w.ckpt"
        weights.write_text("weights")
        make(experiment, "a", files=["last.ckpt"])
        make(experiment, "b", started_from=str(weights))
        choice = choose_to_train(experiment, settings_of(CONFIG, str(weights)))
        assert (choice.run.name, choice.checkpoint) == ("b", str(weights))  # no epoch yet: from the same weights
        assert choose_to_train(experiment, SETTINGS).run.name == "a"
        with pytest.raises(UserError, match=r"no such file. Nearest: w.ckpt"):
            choose_to_train(experiment, settings_of(CONFIG, str(tmp_path / "v.ckpt")))


class TestNames:
    def test_of_an_experiment(self):
        files = [Path("configs/paper/base.yaml"), Path("/x/gwilliams2022_mel.yaml"), Path("base.yaml")]
        assert experiment_name(files[:1]) == "base"
        assert experiment_name(files) == "base+gwilliams2022_mel"
        with pytest.raises(UserError, match="needs a name"):
            experiment_name([])
        with pytest.raises(UserError, match="--experiment NAME"):
            experiment_name([Path(f"{'long' * 20}{number}.yaml") for number in range(2)])

    def test_of_an_earlier_stage(self, experiment):
        """With the own overlays, then with some of them, then without."""
        assert with_overlays("s", "a+b+c") == ["s+b+c", "s+b", "s+c", "s"]
        own = experiment.with_name("acoustic+lebel+large")
        stage = {"key": "model.semantic_run", "recipe": "semantic.yaml"}
        with pytest.raises(UserError, match=r"no trained run at .*semantic\.yaml and the overlays lebel, large"):
            trained_run("semantic", own, **stage)
        for name in ("semantic+other", "semantic", "semantic+lebel", "semantic+lebel+large"):
            make(experiment.with_name(name), "a", files=["best.ckpt"])
            if name == "semantic+other":
                with pytest.raises(UserError, match=r"There are semantic\+other\. First"):
                    trained_run("semantic", own, **stage)
            else:
                assert trained_run("semantic", own, **stage).folder == experiment.with_name(name) / "a"
        again = make(experiment.with_name("semantic+lebel+large"), "a_rerun", started="2027-01-01", files=["best.ckpt"])
        assert trained_run("semantic", own, **stage).name == "a"
        assert trained_run(str(again.folder), own, **stage) == again  # by its name

    def test_job_id(self, experiment):
        choice = choose_to_train(experiment, SETTINGS, job="4711")
        assert choice.run.name == "4711"
        make(experiment, "4711", files=["last.ckpt"])  # requeued: the same job
        assert choose_to_train(experiment, SETTINGS, job="4711").run.name == "4711"

    def test_a_job_that_trains_twice(self, experiment):
        make(experiment, "4711", config=changed(width=9))
        assert choose_to_train(experiment, SETTINGS, job="4711").run.name == "4711_2"

    def test_two_at_once(self, experiment):
        """Both have chosen before either has made its folder: each gets one, and says which."""
        first, second = (choose_to_train(experiment, SETTINGS, job="7") for _ in range(2))
        assert first.folder == second.folder
        claims = [Claim(first), Claim(second)]
        assert [claim.choice.run.name for claim in claims] == ["7", "7_2"]
        assert claims[1].choice.message == "run: checkpoints/tiny/7_2 (new)"
        assert (experiment / "7").is_dir() and (experiment / "7_2").is_dir()
        with pytest.raises(UserError, match="N2S_RUN=7: another process has just begun in .*Choose another name"):
            Claim(first, named=True)
        claims[0].drop()
        assert not (experiment / "7").exists() and experiment.exists()
        claims[1].drop_unused()
        assert experiment.exists()  # it was there when the second came
        make(experiment, "8")
        used = Claim(choose_to_train(experiment.with_name("b"), SETTINGS))
        used.drop()
        assert not experiment.with_name("b").exists() and experiment.exists()

    def test_two_in_one_second(self, experiment):
        first = choose_to_train(experiment, SETTINGS, fresh=True)
        make(experiment, first.run.name)
        second = choose_to_train(experiment, SETTINGS, fresh=True)
        assert second.run.name != first.run.name

    def test_by_the_user(self, experiment):
        assert choose_to_train(experiment, SETTINGS, name="mine").run.folder == experiment / "mine"
        make(experiment, "mine", files=["last.ckpt"])
        make(experiment, "newer", started="2027-01-01", files=["last.ckpt"])
        assert choose_to_train(experiment, SETTINGS, name="mine").checkpoint == str(experiment / "mine" / "last.ckpt")

    @pytest.mark.parametrize(
        ("made", "fresh", "message"),
        [
            ({"status": FINISHED}, False, "it is finished"),
            ({}, True, "--fresh never writes into an existing run"),
            ({"config": changed(width=9)}, False, r"other settings: model\.width"),
        ],
    )
    def test_by_the_user_but_impossible(self, experiment, made, fresh, message):
        make(experiment, "mine", **made)
        with pytest.raises(UserError, match=message):
            choose_to_train(experiment, SETTINGS, name="mine", fresh=fresh)

    @pytest.mark.parametrize("name", ["a/b", "..", "", "/tmp/x", ".hidden"])
    def test_not_a_folder_name(self, experiment, name):
        with pytest.raises(UserError, match="plain folder name"):
            choose_to_train(experiment, SETTINGS, name=name)


class TestWeights:
    def test_newest_with_a_best(self, experiment):
        make(experiment, "a", status=FINISHED, started="2026-01-01", files=["best.ckpt"])
        make(experiment, "b", started="2026-01-02", files=["best.ckpt"])
        make(experiment, "c", started="2026-01-03", files=["last.ckpt"])
        choice = choose_weights(experiment, SETTINGS)
        assert choice.checkpoint == str(experiment / "b" / "best.ckpt")
        why = "the newest with these settings"
        assert choice.message == f"weights: checkpoints/tiny/b/best.ckpt (run unfinished, begun 2026-01-02 UTC; {why})"
        assert choose_weights(experiment, SETTINGS, given="last").checkpoint == str(experiment / "c" / "last.ckpt")

    def test_these_settings_before_newer_ones(self, experiment):
        """Each new run fits less well, and is never taken while a better one has weights."""
        weights = {"files": ["best.ckpt"]}
        encoder = {"class_path": "A", "init_args": {"width": 8}}
        model = {"class_path": "T", "init_args": {"encoder": encoder, "option": 1, "optimizer": {"class_path": "X"}}}
        own = CONFIG | {"model": model}

        def with_options(**options):
            return own | {"model": model | {"init_args": model["init_args"] | options}}

        kinds = {
            "same": own,
            "seed": own | {"seed_everything": 1},
            "option": with_options(option=2, optimizer={"class_path": "Y"}),
            "data": own | {"data": {"tr": 1.0}},
            "network": with_options(encoder={"class_path": "A", "init_args": {"width": 9}}),
            "task": own | {"model": {"class_path": "U", "init_args": {}}},
        }
        for number, (name, config) in enumerate(kinds.items()):
            make(experiment, name, started=f"2026-01-0{number + 1}", config=config, **weights)
        make(experiment, "same_rerun2", started="2026-02-01", config=own, **weights)
        make(experiment, "copy", started="2026-02-02", config=own, **weights).update(rerun_of="same")

        def taken():
            return choose_weights(experiment, settings_of(own))

        for name, why in (
            ("same", "the newest with these settings"),
            ("seed", "the newest with these data and this model; of another seed"),
            ("data", "the newest with these networks; none has these settings"),
            ("option", "the newest with these networks; none has these settings"),
            ("network", "the newest of this task; none has these networks"),
        ):
            assert taken().run.name == name and taken().message.endswith(f"; {why})")
            (experiment / name / "best.ckpt").unlink()
        with pytest.raises(UserError, match=r"no weights to score\. .* has runs of U, and this is T"):
            taken()
        named = choose_weights(experiment, settings_of(own), name="same_rerun2")  # only by its name
        assert named.run.name == "same_rerun2" and named.message.endswith("; named by N2S_RUN)")

    def test_other_overlays_are_named(self, experiment):
        make(experiment.with_name("tiny+a"), "a", files=["best.ckpt"])
        with pytest.raises(UserError, match=r"tiny\+b: no run yet \(there are runs of tiny\+a\)"):
            choose_weights(experiment.with_name("tiny+b"), SETTINGS)

    def test_none(self, experiment):
        with pytest.raises(UserError, match=r"^no weights to score\. checkpoints/tiny: no run yet\. First: n2s fit$"):
            choose_weights(experiment, SETTINGS, remedy="First: n2s fit")
        make(experiment, "a", files=["last.ckpt"])
        with pytest.raises(UserError, match=r"checkpoints/tiny/a: no best\.ckpt yet"):
            choose_weights(experiment, SETTINGS)

    def test_named(self, experiment):
        make(experiment, "a", files=["best.ckpt"])
        make(experiment, "b", started="2027-01-01", files=["best.ckpt"])
        assert choose_weights(experiment, SETTINGS, name="a").run.name == "a"
        with pytest.raises(UserError, match=r"no such run\. Nearest: a\."):
            choose_weights(experiment, SETTINGS, name="aa")

    def test_a_runs_own_config_means_that_run(self, experiment):
        own = make(experiment, "a", files=["best.ckpt"])
        make(experiment, "b", started="2027-01-01", files=["best.ckpt"])
        assert run_of(own.config) == own
        assert choose_weights(experiment, SETTINGS, own=own).run == own

    def test_given_file(self, experiment, tmp_path):
        run = make(experiment, "a", files=["last.ckpt"])
        choice = choose_weights(experiment, SETTINGS, given=str(run.last))
        assert (choice.run, choice.checkpoint, choice.new) == (run, str(run.last), False)
        (tmp_path / "zoo.ckpt").write_text("weights")
        choice = choose_weights(experiment, SETTINGS, given="zoo.ckpt")
        assert (choice.new, choice.checkpoint) == (True, str(tmp_path / "zoo.ckpt"))
        assert choice.run.folder.parent == experiment
        with pytest.raises(UserError, match=r"--ckpt_path zo\.ckpt: no such file\. Nearest: zoo\.ckpt"):
            choose_weights(experiment, SETTINGS, given="zo.ckpt")


def test_newest_first_by_when_it_started(experiment):
    for name, started in (("z", "2026-01-01"), ("a", "2026-03-01"), ("m", "2026-02-01")):
        make(experiment, name, started=started)
    (experiment / "not a run").mkdir()
    assert [run.name for run in runs_of(experiment)] == ["a", "m", "z"]


def test_record_keeps_what_it_is_not_told_to_change(experiment):
    run = make(experiment, "a")
    run.update(status=FINISHED)
    assert run.finished
    assert run.read()["id"] == "id-a"
    (run.folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is not valid JSON"):
        run.read()


def test_differences():
    mine = {"a": 1, "b": {"c": [1], "d": 2}, "e": {"f": 1}}
    other = {"a": 1, "b": {"c": [2], "d": 2, "g": 3}, "e": 4}
    assert list(differences(mine, other)) == ["b.c", "b.g", "e"]


def test_runs_dir(monkeypatch, tmp_path):
    monkeypatch.delenv("N2S_RUNS", raising=False)
    assert str(runs_dir()) == "checkpoints"
    monkeypatch.setenv("N2S_RUNS", str(tmp_path))
    assert runs_dir() == tmp_path


def test_git_state(tmp_path):
    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=n@s", *words], cwd=tmp_path, check=True, stdout=-3
        )

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert git_state(package) is None
    git("init", "-q")
    assert git_state(package) is None  # a wheel inside someone's repository is not its source
    git("add", "package")
    git("commit", "-q", "-m", "first")
    clean = git_state(package)
    assert (len(clean["commit"]), clean["dirty"]) == (40, False)
    (package / "__init__.py").write_text("x = 1\n")
    assert git_state(package) == clean | {"dirty": True}


def test_provenance_is_plain_and_names_no_host(monkeypatch):
    import platform

    monkeypatch.setattr(sys, "argv", ["n2s", "fit", "--config", "a b.yaml"])
    found = provenance()
    text = json.dumps(found)
    assert found["command"] == "n2s fit --config 'a b.yaml'"
    assert {"n2s", "python", "torch", "lightning", "numpy", "mne"} <= set(found["versions"])
    assert platform.node() not in text
