"""No line of n2s runs what a file holds, or unpacks an archive: read from its source."""

import ast
from pathlib import Path

import pytest
import yaml

import n2s
from n2s.cli import class_help

SOURCES = sorted(Path(n2s.__file__).parent.rglob("*.py"))
#: Calls that run what they are given, or write where an archive says.
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle.load", "dill.load",
    "cloudpickle.load", "joblib.load", "marshal.load", "marshal.loads", "shelve.open", "pandas.read_pickle", "pd.read_pickle",
    "torch.hub.load", "torch.jit.load", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "os.system", "os.popen",
    "shutil.unpack_archive", "tarfile.open", "tarfile.TarFile", "zipfile.ZipFile", "h5py.special_dtype",
}  # fmt: skip
METHODS = {"extractall", "unpack_archive", "read_pickle"}

#: Reads every byte of a checkpoint to compare checksums, and writes nothing; YAML's safe loader, in C where there is one.
HARMLESS = {
    "training/checkpoints.py": "zipfile.ZipFile(path)",
    "cli/class_help.py": "yaml.load(complete(text(path), path), LOADER)",
}


def findings(source: str) -> list[str]:
    """The lines of a source that would run what a file holds."""
    tree = ast.parse(source)
    names = {}  # as it is called here -> as it is called where it is from
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            names |= {one.asname: one.name for one in node.names if one.asname}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        said = ast.unparse(node.func)
        head, _, rest = said.partition(".")
        called = f"{names[head]}.{rest}".rstrip(".") if head in names else said
        options = {one.arg: one.value for one in node.keywords}
        constants = {name: value.value for name, value in options.items() if isinstance(value, ast.Constant)}
        bad = called in FORBIDDEN or called.rsplit(".", 1)[-1] in METHODS
        bad |= called == "torch.load" and constants.get("weights_only") is not True
        bad |= called.endswith("load_from_checkpoint") and constants.get("weights_only") is not True
        bad |= "allow_pickle" in options and constants.get("allow_pickle") is not False
        bad |= "trust_remote_code" in options and constants.get("trust_remote_code") is not False
        bad |= "shell" in options and constants.get("shell") is not False
        if bad:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_of_a_file_is_run(path):
    harmless = HARMLESS.get(path.relative_to(Path(n2s.__file__).parent).as_posix(), "nothing")
    assert [line for line in findings(path.read_text("utf-8")) if not line.endswith(f": {harmless}")] == []


def test_the_loader_of_recipes_is_a_safe_one():
    assert class_help.LOADER in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", None))


@pytest.mark.parametrize(
    "source",
    [
        "eval(x)", "import pickle\npickle.load(f)", "import pickle as p\np.loads(f)", "from pickle import load\nload(f)",
        "import numpy as np\nnp.load(f, allow_pickle=True)", "np.load(f, allow_pickle=a)", "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)", "from torch import load as l\nl(f)", "import yaml\nyaml.load(f, L)",
        "import tarfile\ntarfile.open(f)", "z.extractall(p)", "import subprocess\nsubprocess.run(x, shell=True)",
        "Model.load_from_checkpoint(f)", "import zipfile\nwith zipfile.ZipFile(f) as z: pass", "import pandas as pd\npd.read_pickle(f)",
    ],
)  # fmt: skip
def test_it_would_be_found(source):
    assert len(findings(source)) == 1


def test_what_is_harmless_is_not_found():
    source = "import ast, numpy as np, torch\nast.literal_eval(x)\nnp.load(f)\nnp.load(f, allow_pickle=False)\nmodel.eval()\n"
    assert findings(source + "torch.load(f, weights_only=True)\nimport re\nre.compile('a')") == []
    assert len(SOURCES) > 100
