"""The command ``n2s``: a table of verbs. Nothing heavy is imported before one is chosen."""

import difflib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import n2s
from n2s import interrupts

# verb: (module:function, one line of help). A function `main` reads the command line itself. Any other function is called
# with its arguments: their types and the docstring are the command's options and help.
COMMANDS = {
    "fit": ("n2s.cli.main:main", "train a recipe; the same command continues an unfinished run"),
    "prepare": ("n2s.cli.prepare:main", "prepare recordings and features ahead of training; --shard i/n for n jobs"),
    "rerun": ("n2s.cli.rerun:rerun", "repeat a finished run from its record, and compare the two to the bit"),
    "profile": ("n2s.cli.profile:main", "measure the time and memory of each part of a recipe's training steps"),
    "validate": ("n2s.cli.main:main", "score the newest run of a recipe on its validation set"),
    "test": ("n2s.cli.main:main", "score the newest run of a recipe on held-out data"),
    "predict": ("n2s.cli.main:main", "predict with the newest run of a recipe"),
    "decode": (
        "n2s.commands.decode:decode",
        "a trained run on a new recording: what was heard, ranked over time, with a page",
    ),
    "export": (
        "n2s.commands.export:export",
        "a trained run as a folder for others: weights, config, scores, a model card",
    ),
    "recipes": ("n2s.cli.list_recipes:recipes", "list the recipes that n2s brings along, or copy one to change it"),
    "runs": ("n2s.commands.runs:runs", "list runs: state, score beside chance, size; delete what is not needed"),
    "studies": ("n2s.cli.studies:Studies", "check your data before training; list, show and download public data sets"),
    "align": ("n2s.commands.align:align", "find the times of the words of a known text in its sound; write TextGrids"),
    "listen": ("n2s.commands.listen:listen", "write a page to hear, compare and rate the sounds of a run"),
    "ratings": ("n2s.commands.ratings:ratings", "summarise the ratings of such a page: means, intervals, agreement"),
    "evaluate": ("n2s.commands.evaluate:evaluate", "compare a folder of generated sounds with the true ones"),
    "contamination": (
        "n2s.cli.contamination:contamination",
        "is it the brain? a decoder beside muscles, movement and sound, with a verdict",
    ),
    "compare": (
        "n2s.commands.compare:compare",
        "compare tested runs: paired differences, settings and data that differ",
    ),
    "report": ("n2s.commands.report:report", "write the report of a tested run again"),
}


def main() -> None:
    """Run the verb on the command line."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's large CPU buffers in huge pages: 4 x faster to fill
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb == "help" and sys.argv[2:]:  # n2s help fit
        sys.argv[1:] = [verb := sys.argv[2], "--help"]
    if verb in ("--help", "-h", "help"):
        print(usage())
    elif verb in ("--version", "-V", "version"):
        print(f"n2s {n2s.__version__}")
    elif verb in COMMANDS:
        with interrupts.quiet():
            try:
                run(verb)
            except BrokenPipeError:  # n2s ... | head
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor at the end of Python
                sys.exit(0)
    else:
        close = difflib.get_close_matches(verb, COMMANDS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(COMMANDS)}."
        print(f"n2s: no command '{verb}'; {hint}", file=sys.stderr)
        sys.exit(2)


def usage() -> str:
    """The table of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {verb:{width}}  {text}" for verb, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "n2s: decode speech from brain recordings",
            "",
            "usage: n2s COMMAND [options]",
            "",
            *lines,
            "",
            "  n2s fit --config meg_contrastive     trains on the built-in simulated study: some minutes",
            "  n2s test --config meg_contrastive    scores it on held-out stories, and writes its page",
            "",
            "Options of a command: n2s COMMAND --help. Of a class: n2s fit --model.help n2s.systems.Contrastive.",
            "Your own classes are found in the current folder and beside the recipe: class_path: my_model.MyEncoder.",
        ]
    )


def run(verb: str) -> None:
    """Import and call the function of a verb."""
    from n2s.cli.errors import ReadableErrors, readable
    from n2s.own_code import find_in

    module, _, name = COMMANDS[verb][0].partition(":")
    if name == "main" and {"-h", "--help"} & set(sys.argv[2:]):
        from n2s.cli.verb_help import help_of

        print(help_of(verb, COMMANDS[verb][1]))
        return
    with readable():
        find_in(os.getcwd())
        function = getattr(importlib.import_module(module), name)
        if name == "main":
            function()
            return
        interrupts.unwind()
        import argparse
        import inspect
        import typing

        import jsonargparse

        from n2s.cli.verb_help import example_lines

        verbs = (
            [one for _, one in inspect.getmembers(function, inspect.isfunction)]
            if inspect.isclass(function)
            else [function]
        )
        lists = {
            name: typing.get_args(parameter.annotation)[0]
            for one in verbs
            for name, parameter in inspect.signature(one).parameters.items()
            if typing.get_origin(parameter.annotation) is list and parameter.default is parameter.empty
        }

        words = {
            f"--{name}": typing.get_args(one)[0]
            for verb_ in verbs
            for name, parameter in inspect.signature(verb_).parameters.items()
            for one in typing.get_args(parameter.annotation)
            if typing.get_origin(one) is list and parameter.default is None and typing.get_args(one)[0] is Path
        }

        class Parser(ReadableErrors, jsonargparse.ArgumentParser):
            def format_help(self) -> str:
                """With examples."""
                return super().format_help() + example_lines(self.prog)

            def add_argument(self, *names: str, **settings: Any) -> Any:
                """Read a required list as words of the command line; jsonargparse expects JSON."""
                if settings.get("type") is bool and settings.get("default") is False:
                    settings |= {"nargs": "?", "const": True}  # --json as well as --json true
                if names[0] in lists:
                    settings = {"help": settings["help"], "type": lists[names[0]], "nargs": "+"}
                elif names[0] in words:
                    kept = {name: value for name, value in settings.items() if name in ("help", "default", "dest")}
                    settings = kept | {"type": words[names[0]], "nargs": "+", "metavar": names[0].strip("-").upper()}
                action = super().add_argument(*names, **settings)
                if names[0] == "--config" and lists:
                    action.help = "The same files, as the verbs that take recipes have them."
                elif names[0] in ("--config", "--print_config"):
                    action.help = argparse.SUPPRESS  # jsonargparse's, of no use to these verbs
                return action

        jsonargparse.auto_cli(
            function,
            args=_words(sys.argv[2:], lists) if inspect.isfunction(function) else sys.argv[2:],
            prog=f"n2s {verb}",
            as_positional=True,
            parser_class=Parser,
            allow_abbrev=False,
        )


def _words(words: list[str], lists: dict) -> list[str]:
    """A command that takes files as words takes them after ``--config``, too, as those do that take recipes."""
    if not lists:
        return words
    files, others, rest = [], [], iter(words)
    for word in rest:
        if word == "--config":
            files.append(next(rest, ""))
        else:
            (files if word.startswith("--config=") else others).append(word.removeprefix("--config="))
    return files + others


if __name__ == "__main__":
    main()
