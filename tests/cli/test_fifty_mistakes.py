"""Mistakes of new users: each gets a short answer that says what to do, exit status 2, and never a traceback."""

import shlex

import pytest
import tiny_recipe

RECIPE = "fit --config meg_contrastive"
OWN = "fit --config tiny.yaml"
#: Command -> a part of the answer.
COMMANDS = {
    "fitt": "did you mean 'fit'?",
    "contrastive": "no command 'contrastive'",
    "help fitt": "did you mean 'fit'?",
    "fit": "no data and no model given: name a recipe, --config meg_contrastive.",
    "fit meg_contrastive": "unexpected argument 'meg_contrastive'. Did you mean --config meg_contrastive?",
    "fit --confg meg_contrastive": "no option --confg. Nearest: --config",
    "fit --config meg_contrastiv": "Nearest: meg_contrastive",
    "fit --config configs": "configs is a folder, expected a YAML file.",
}
#: Overlays and files that are no recipes.
FILES = {
    "fit --config data/gwilliams2022": "lies over a recipe, and is none itself: name the recipe first",
    "fit --config own_bids": "--config meg_contrastive --config own_bids",
    "fit --config own_bids --config meg_contrastive": "The recipe comes first: --config meg_contrastive --config own_bids.",
    "fit --config trainer/a100": "for another option: --trainer trainer/a100.",
    "fit --config tabs.yaml": "tabs.yaml, line 2: not valid YAML",
    "fit --config nocolon.yaml": "nocolon.yaml, line 2: trainer is the text 'max_epochs 3'",
    "fit --config empty.yaml": "expected keys and values, found nothing",
    "fit --config words": "words: expected keys and values, found a str",
    f"{RECIPE} --config twice.yaml": "the key 'trainer' is there twice",
    f"{RECIPE} --trainer trainer/a1000": "Nearest: trainer/a100",
}
#: Names that are wrong.
NAMES = {
    f"{RECIPE} --data.windows_s 3": "Nearest: window_s",
    f"{RECIPE} --model.encoder.hiden 3": "Nearest: hidden.",
    f"{RECIPE} --trainer.max_epoch 3": "Nearest: --trainer.max_epochs",
    f"{RECIPE} --model.encoder n2s.models.BrainEncodr": "Nearest: n2s.models.BrainEncoder",
    f"{RECIPE} --model.encoder BrainEncodr": "no class BrainEncodr. Nearest: BrainEncoder",
    f"{RECIPE} --trainer.logger CSVLoger": "no class CSVLoger. Nearest: CSVLogger",
    f"{RECIPE} --model.encoder my_net.Mine": "There is no my_net.py in the current folder",
    f"{RECIPE} --model.encoder my_mistakes.Min": "no class my_mistakes.Min. Nearest: my_mistakes.Mine",
    f"{RECIPE} --model.encoder my_broken.Mine": "my_broken.py, line 1: SyntaxError",
    f"{RECIPE} --model.encoder my_mistakes.NoNetwork": "my_mistakes.NoNetwork is no Module.",
    f"{RECIPE} --data.subjects 01": "It is an option of what stands at data.studies: --data.studies.NAME.subjects.",
    f"{RECIPE} --data.studies.simulated.stories [orchestr]": "no story 'orchestr'. Nearest: orchestra",
    f"{RECIPE} --model.encodr.help": "Nearest: model.encoder",
    "fit --data.target.help Mell": "no such class",
}
#: Numbers and words out of range.
VALUES = {
    f"{RECIPE} --model.encoder.hidden big": "model.encoder.hidden: expected int, found big.",
    f"{RECIPE} --data.batch_size 0": "data.batch_size is 0; expected a whole number from 1 on.",
    f"{RECIPE} --data.n_jobs 0": "data.n_jobs is 0",
    f"{RECIPE} --data.window_s 0": "data.window_s is 0",
    f"{RECIPE} --data.preprocessing.sfreq -1": "sfreq is -1; expected a number above 0.",
    f"{RECIPE} --data.preprocessing.highpass_hz 30": "must be below half of sfreq 50",
    f"{RECIPE} --data.train_windows.step_s 0": "step_s is 0",
    f"{RECIPE} --data.target.n_mels 0": "n_mels is 0",
    f"{RECIPE} --model.encoder.hidden 0": "hidden is 0",
    f"{RECIPE} --model.encoder.dropout 2": "dropout is 2; expected a number from 0 to below 1.",
    f"{OWN} --seed_everything -1": "--seed_everything is -1; expected a whole number from 0 to 4294967295.",
    f"{OWN} --trainer.max_epochs -5": "trainer.max_epochs is -5",
    f"{OWN} --trainer.max_epochs 0": "the fit would train nothing",
    f"{OWN} --trainer.accumulate_grad_batches 0": "trainer.accumulate_grad_batches is 0",
    f"{OWN} --trainer.precision 17": "expected 64 or 32 or 16",
    f"{OWN} --trainer.devices 0": "trainer: ",
    f"{OWN} --trainer.accelerator gpu": "auto",
    f"{OWN} --checkpoint_minutes 0": "--checkpoint_minutes is 0; expected a number above 0.",
    f"{RECIPE} --cross_validate 1": "--cross_validate is 1; expected a whole number from 2 on.",
    f"{OWN} --model.optimizer.lr -1": "torch.optim.adam.Adam cannot be made with these options: Invalid learning rate: -1.0.",
    f"{OWN} --model.encoder my_mistakes.Fails": "my_mistakes.py, line 9: ValueError: no such size",
    f"{OWN} --trainer.logger lightning.pytorch.loggers.MLFlowLogger": "needs a package that is not here",
}
#: Verbs for what is not there.
VERBS = {
    "test --config tiny.yaml": "no run yet. First: n2s fit --config tiny.yaml",
    "test --config meg_contrastive": "First: n2s fit --config meg_contrastive",
    "test --config tiny.yaml --ckpt_path nowhere.ckpt": "--ckpt_path nowhere.ckpt: no such file.",
    "export nowhere": "no run at nowhere.",
    "decode nowhere --recording x.fif": "no run at nowhere.",
    "decode nowhere": "name one recording: --recording x.fif",
    "compare nowhere elsewhere": "nowhere",
    "report nowhere": "nowhere: no such folder.",
    "listen nowhere": "nowhere",
    "rerun nowhere": "nowhere",
    "runs --experiment nowhere": "has no runs of it",
    "runs --delete nowhere": "has no such run",
    "compare": "n2s compare needs runs, as in: n2s compare meg_contrastive linear",
    "evaluate nowhere": "unexpected argument 'nowhere'; as in: n2s evaluate --reference",
    "studies": "n2s studies needs one of check, download, example, list, show, as in: n2s studies list",
    "studies chek": "n2s studies has no 'chek'. Nearest: check.",
    "studies show gwilliam": "gwilliams2022",
    "studies download gwilliams2022": "give a folder for the data set",
    "studies check nowhere": "nowhere",
    "recipes --find zzz": "no recipe has 'zzz'",
}
MINE = """from torch import nn
class Mine(nn.Module):
    def forward(self, x): return x
class NoNetwork: pass
class Fails(Mine):
    def __init__(self):
        super().__init__()
        if True:
            raise ValueError("no such size")
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_recipe.write_recipe(tmp_path / "tiny.yaml")
    (tmp_path / "configs").mkdir()
    written = {
        "tabs.yaml": "trainer:\n\tmax_epochs: 3\n",
        "nocolon.yaml": "trainer:\n  max_epochs 3\n",
        "twice.yaml": "trainer:\n  max_epochs: 3\ntrainer:\n  max_epochs: 4\n",
        "empty.yaml": "",
        "words": "hello",
        "my_mistakes.py": MINE,
        "my_broken.py": "def f(:\n",
    }
    for name, content in written.items():
        (tmp_path / name).write_text(content)


def check(run_n2s, command: str, said: str) -> None:
    status, out, err = run_n2s(*shlex.split(command))
    assert status == 2, out + err
    assert said in err
    assert "Traceback" not in err
    assert err.startswith("n2s: ")
    assert err.count("\n") <= 3 and len(err) < 900, err


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(run_n2s, command):
    check(run_n2s, command, COMMANDS[command])


@pytest.mark.slow
@pytest.mark.parametrize("command", [*FILES, *NAMES, *VALUES, *VERBS])
def test_mistakes(run_n2s, command):
    check(run_n2s, command, (FILES | NAMES | VALUES | VERBS)[command])


def test_there_are_fifty():
    assert sum(map(len, (COMMANDS, FILES, NAMES, VALUES, VERBS))) >= 50
