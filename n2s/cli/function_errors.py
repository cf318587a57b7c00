"""Errors of the words of a verb that is a function: ``n2s compare`` without runs."""

import re

from n2s.cli.verb_help import EXAMPLES_OF_FUNCTIONS
from n2s.errors import nearest


def function_message(message: str, prog: str, arguments: list[str]) -> str | None:
    """What a verb that takes words, not a recipe, needs, and an example; None for any other message.

    Parameters
    ----------
    message
        That of the parser.
    prog
        The parser's name of the command.
    arguments
        The words of the command line.
    """
    examples = next((found for n in (2, 1) if (found := EXAMPLES_OF_FUNCTIONS.get(" ".join(arguments[:n])))), None)
    if examples is None:
        return None
    verb = prog.replace(" [options]", "")
    missing = re.match(r"the following arguments are required: (.*)", message)
    if missing:
        return f"{verb} needs {missing[1]}, as in: {examples[0]}"
    choice = re.match(r"argument subcommand: invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if choice:
        known = re.findall(r"'(\w+)'", choice[2])
        return f"{verb} has no '{choice[1]}'.{nearest(choice[1], known)} There are {', '.join(known)}."
    none = re.match(r'expected "subcommand" to be one of {(.*?)}', message)
    if none:
        return f"{verb} needs one of {none[1].replace(',', ', ')}, as in: {examples[0]}"
    stray = re.match(r"unrecognized arguments: ([^-]\S*)", message)
    return f"unexpected argument '{stray[1]}'; as in: {examples[0]}" if stray else None
