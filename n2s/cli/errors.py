"""Report in a few lines what is wrong with a command: the key, the file, the nearest correct name."""

import argparse
import difflib
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from n2s.cli.function_errors import function_message
from n2s.cli.made_objects import constructor_message, own_code_message
from n2s.cli.plain_warnings import plain_warnings
from n2s.cli.recipes import found_recipe, no_recipe
from n2s.cli.yaml_files import broken_yaml, files, in_file, text
from n2s.errors import UserError, nearest
from n2s.own_code import asked, check_imports
from n2s.paths import final, is_full

# Messages that Lightning raises as RuntimeError or ValueError, although the recipe or the command is wrong.
LIGHTNING_SAYS = (
    "Early stopping conditioned on metric",
    "does not match the world size",
    "does not match. HINT: Set",
)


#: Where the classes of a key are that are not n2s's.
USUAL = {
    "logger": "lightning.pytorch.loggers",
    "callbacks": "lightning.pytorch.callbacks",
    "optimizer": "torch.optim",
    "scheduler": "torch.optim.lr_scheduler",
}


class ReadableErrors(argparse.ArgumentParser):
    """Mixed into a jsonargparse parser: a wrong command or config gives one short message, and exit status 2."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Called by jsonargparse with its own message, often forty lines with the whole config in them."""
        if not self.exit_on_error:
            super().error(message, ex)  # type: ignore[call-arg]  # an inner parser: the outer one adds the place, and calls this again
        raise UserError(explain(message, self, sys.argv[1:]))


@contextmanager
def readable() -> Iterator[None]:
    """Print an error that the user can correct as a message on stderr and exit with 2; show everything else in full."""
    try:
        with plain_warnings():
            yield
    except Exception as error:
        message = None if os.environ.get("N2S_TRACEBACK") else _message_of(error)
        if message is None:
            raise
        rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ.get("LOCAL_RANK") or "0"
        where = f" [process {rank}]" if rank != "0" else ""
        print(f"n2s{where}: {message}", file=sys.stderr)
        sys.exit(2)


def _message_of(error: BaseException) -> str | None:
    """The message for the user, if it is an error that they can correct."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    for one in chain:
        if isinstance(one, UserError):
            return str(one)
    # by name: importing the classes would import Lightning and omegaconf for every command
    names = {base.__name__ for base in type(error).__mro__}
    text = str(error)
    if "OmegaConfBaseException" in names:
        return _interpolation(error)
    if "MisconfigurationException" in names or any(said in text for said in LIGHTNING_SAYS):
        return text
    return _other_release(chain) or _full_disk(chain) or constructor_message(chain) or own_code_message(chain)


def _other_release(chain: list[BaseException]) -> str | None:
    """The message for a torchaudio that was built for another torch: neither says so when it is installed."""
    if not any(isinstance(link, OSError | ImportError) and "libtorchaudio" in str(link) for link in chain):
        return None
    found = " and ".join(f"{name} {version(name)}" for name in ("torch", "torchaudio"))
    return f"{found} do not fit each other: torchaudio cannot be loaded. n2s is made for both of 2.11.0: pip install torch==2.11.0 torchaudio==2.11.0."


def _full_disk(chain: list[BaseException]) -> str | None:
    """The message for a full disk, whichever library found it: torch raises another error on top."""
    full = [link for link in chain if is_full(link)]
    if not full:
        return None
    file = getattr(full[0], "filename", None)
    where = f" ({final(file)})" if file else ""
    return (
        f"a disk is full{where}: {getattr(full[0], 'strerror', None) or full[0]}. Earlier files are whole. Free "
        "some space, or let N2S_CACHE (prepared data) or N2S_RUNS (runs) name a folder on another disk. The same command "
        "then continues; with another N2S_RUNS it starts again."
    )


def _interpolation(error: BaseException) -> str:
    key = getattr(error, "full_key", None)
    first = str(error).splitlines()[0]
    variable = re.search(r"Environment variable '(\w+)' not found", first)
    found = f"config key '{key}': " if key else "config: "
    if variable:
        return (
            f"{found}environment variable {variable[1]} is not set. "
            f"Set it, or give a default: ${{oc.env:{variable[1]},default}}."
        )
    return f"{found}{first}. ${{...}} names a key of the same file, from its top, or ${{oc.env:NAME,default}}."


def other_weights(text: str, path: str) -> str:
    """Our message for torch's error about weights that do not fit the model.

    Parameters
    ----------
    text
        Torch's message, of many lines.
    path
        The checkpoint.
    """
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    first = lines[0] if len(lines[0]) < 200 else f"{lines[0][:200]} ..."
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return (
        f"the checkpoint's weights do not fit this model: {first}{more} In {path}. "
        "Give the config it was trained with: --config <its folder>/config.yaml."
    )


def explain(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str:
    """Our message for an error of jsonargparse.

    Parameters
    ----------
    message
        Its message.
    parser
        The parser that raised it; it knows the options.
    arguments
        The command line, to find the file that a wrong key is in.
    """
    rules = (_own_code, _function, _no_recipe, _unknown_argument, _unknown_key, _no_yaml, _missing_file, _nested)
    for rule in rules:
        found = rule(message, parser, arguments)
        if found:
            return found
    return message


def _own_code(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    """Nothing, or the error inside a file of the user's own classes: jsonargparse tells of any error but what it was."""
    own = {one.stem for folder in asked() for one in (*folder.glob("*.py"), *folder.glob("*/__init__.py"))}
    own |= {one.parent.name for folder in asked() for one in folder.glob("*/__init__.py")}
    for place, content in [("", " ".join(arguments)), *((str(path), text(path)) for path in files(arguments))]:
        for named in dict.fromkeys(re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", content)):
            if named.partition(".")[0] in own - {"n2s"}:
                check_imports(named, place or "command")
    return None


def _function(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    return function_message(message, parser.prog, arguments)


def _no_recipe(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    match = re.match(r"the following arguments are required: (.*)", message)
    missing = [name.strip().removeprefix(f"{arguments[0]}.") for name in match[1].split(",")] if match else []
    if not {"model", "data"} & set(missing):
        return None
    return (
        f"no {' and no '.join(sorted(missing))} given: name a recipe, --config meg_contrastive. `n2s recipes` lists those that n2s "
        "brings along."
    )


def _unknown_argument(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    match = re.match(r"unrecognized arguments: (.*)", message)
    if not match:
        return None
    words = match[1].split()
    options = [option for action in parser._actions for option in action.option_strings]
    wrong = next((word for word in words if word.startswith("-")), None)
    if wrong is None:
        is_recipe = words[0].endswith((".yaml", ".yml")) or found_recipe(words[0])
        hint = f" Did you mean --config {words[0]}?" if is_recipe else ""
        return f"unexpected argument {words[0]!r}.{hint}"
    wrong = wrong.split("=")[0]
    return f"no option {wrong}.{nearest(wrong, options)}"


def _unknown_key(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    match = re.match(r"Subcommand '(\w+)' does not accept option '([\w.]+)'", message)
    if not match:
        return None
    verb, key = match.groups()
    known = [action.dest for action in _subparser(parser, verb)._actions if action.dest]
    group, _, leaf = key.rpartition(".")
    siblings = [name for name in known if group and name.rpartition(".")[0] == group]
    if siblings:
        return f"no key '{key}'{in_file(arguments, leaf)}.{nearest(key, siblings)}"
    top = key.split(".")[0]
    return f"no key '{key}'{in_file(arguments, top)}.{nearest(top, sorted({name.split('.')[0] for name in known}))}"


def _no_yaml(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    return broken_yaml(message, arguments)


def _missing_file(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    match = re.search(r"(File does not exist|Path is not a file): '([^']+)'", message) or re.search(
        r"()Unable to load config '([^']+)'", message
    )
    path = match and Path(match[2])
    if path is None:
        given = re.search(r"Problem with given class_path '([^']+\.ya?ml)'", message)
        path = given and Path(given[1])
    return None if path is None else no_recipe(path)


def _nested(message: str, parser: argparse.ArgumentParser, arguments: list[str]) -> str | None:
    """A message about an option inside a class: jsonargparse adds a line per level and prints the whole value."""
    keys = re.findall(r'Parser key "([^"]+)"', message)
    if not keys:
        return None
    key, classes = ".".join(keys), re.findall(r"Problem with given class_path '([^']+)'", message)
    option = re.search(r"Option '([^']+)' is not accepted", message)
    callable_class = re.search(r"Got value: Namespace\(class_path='([^']+)'", message)
    if option:
        owner = callable_class[1] if callable_class else classes[-1] if classes else key
        if option[1] == "class_path":
            return f"{key}: put the arguments of {owner} below init_args."
        from n2s.cli.class_help import elsewhere

        accepted = _accepted(owner)
        misspelt = difflib.get_close_matches(option[1], accepted, n=1, cutoff=0.7)
        near = ("" if misspelt else elsewhere(key, option[1])) or nearest(option[1], accepted)
        return (
            f"{key}: {owner.rpartition('.')[2]} has no option '{option[1]}'{in_file(arguments, option[1])}."
            f"{near} It accepts {', '.join(accepted)}."
        )
    missing = re.search(r"the following arguments are required: ([\w., ]+)", message)
    if missing:
        owner, first = (classes[-1] if classes else key).rpartition(".")[2], missing[1].split(",")[0]
        how = f" Give it in the recipe, or with --{key}.init_args.{first}." if classes else ""
        return f"{key}: {owner} needs {missing[1]}.{how}"
    no_class = re.search(r"No module named '([^']+)'|module '[^']+' has no attribute '[^']+'", message)
    if no_class and classes:
        return f"{key}: no class {classes[-1]}{in_file(arguments, classes[-1])}.{_nearest_class(classes[-1])}"
    short = re.search(r"dot import path string: (\w+)\b(?!\.)", message)
    if short:
        return f"{key}: no class {short[1]}{in_file(arguments, short[1])}.{_nearest_usual(short[1], key)}"
    kind = re.search(r"(?:Import path )?(\S+) does not correspond to a subclass of (\w+)", message)
    if kind:
        named = (
            re.findall(r"val='([\w.]+)'", message)
            or re.findall(r"class_path'?[=:] '([\w.]+)'", message)
            or classes
            or ["it"]
        )
        return f"{key}: {named[-1] if kind[1] == 'path' else kind[1]} is no {kind[2]}."
    expected = [
        _type_name(name) for name in re.findall(r"Expected an? ([^\n]+?)(?:\. Got value: .*)?(?=\n|$)", message)
    ]
    given = re.search(r"Got value: (.+)", message) or re.search(r"Given value: (.+)", message)
    if expected and given:
        kinds = " or ".join(dict.fromkeys(expected if not classes else expected[:-1] or expected))
        value = given[1] if len(given[1]) < 80 else f"{given[1][:80]} ..."
        leaf = key.rpartition(".")[2]
        remedy = _quotes(kinds, value)  # then the file has another word than the value
        typed = any(re.match(rf"--\S*\b{leaf}(=|$)", word) for word in arguments)
        place = "" if typed else in_file(arguments, leaf, value) or (in_file(arguments, leaf) if remedy else "")
        return f"{key}: expected {kinds}, found {value}{place}.{remedy}"
    noise = (
        r"\s*(- Expected a <class 'NoneType'>|Does not validate|Subtypes:|Errors:|Given value|- a (class path|dict))"
    )
    kept = [line for line in message.splitlines() if line.strip() and not re.match(noise, line)]
    return "\n".join(kept)


def _quotes(kinds: str, value: str) -> str:
    """A remedy where a name is expected and YAML read a number or a yes or no."""
    if "list" in kinds and "str" not in kinds:
        return " Write it as a list: [a, b]; names that look like a number, yes, no or null in quotes."
    if "str" not in kinds.split(" or ") or not re.fullmatch(r"True|False|None|[-+\d.e]+|nan|inf", value):
        return ""
    return " Put a label in quotes: YAML reads an unquoted no, 007 or 1e3 as another value."


def _accepted(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _nearest_class(class_path: str) -> str:
    """The nearest name in the deepest package of a class path that exists."""
    parts = class_path.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        names = [name for name, value in vars(module).items() if inspect.isclass(value)]
        names += [found.name for found in pkgutil.iter_modules(getattr(module, "__path__", []))]
        known = [".".join([*parts[:depth], name]) for name in names if not name.startswith("_")]
        return nearest(".".join(parts[: depth + 1]), known)
    own = sorted({path.stem for folder in asked() for path in folder.glob("*.py")})
    near = nearest(parts[0], [*own, "n2s", "lightning", "torch"])
    return f"{near} There is no {parts[0]}.py in the current folder or beside the recipe."


def _nearest_usual(name: str, key: str) -> str:
    """The nearest of the classes that are usual at a key, for a name without a module."""
    from n2s.cli.class_help import usual_classes  # imports torch: only where there is such an error

    module = USUAL.get(key.rpartition(".")[2])
    if module:
        known = [one for one, value in vars(importlib.import_module(module)).items() if inspect.isclass(value)]
    else:
        known = [one.rpartition(".")[2] for one in usual_classes(key)[0]]
    return nearest(name, known) or f" `n2s fit --{key}.help` lists those that recipes have; your own: file.{name}."


def _subparser(parser: argparse.ArgumentParser, verb: str) -> argparse.ArgumentParser:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices[verb]
    return parser


def _type_name(name: str) -> str:
    plain = re.sub(r"<class '([\w.]+)'>", lambda match: match[1].rpartition(".")[2], name.strip())
    plain = re.sub(r"typing\.Literal\[(.*?)\]", lambda match: match[1].replace("'", "").replace(", ", " or "), plain)
    plain = re.sub(r"typing\.Optional\[(.*)\]", r"\1 or null", plain)
    return "null" if plain == "NoneType" else plain
