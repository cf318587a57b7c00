"""The blocks of Markdown pages: commands, Python, and what the pages say to the tests in comments that no reader sees.

``<!-- test: CODE -->`` is Python that runs before the next block of the page. ``<!-- test: skip REASON -->``: the next
block cannot run here; the reason is part of the page. ``<!-- test: run CODE -->``: all commands of the next console
block are run for real in an empty folder, after this Python.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PART = re.compile(
    r"<!-- test:(?P<hidden>.*?)-->|^(?P<fence>```+|:::+)(?P<kind>[\w{}.-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
#: What never leaves a shell: comments, variables that a user's shell fills in.
SHELL = {"${SLURM_ARRAY_TASK_ID}": "0", "$N2S_DATA": "n2s_data"}


@dataclass(frozen=True)
class Block:
    """A fenced block, or hidden code (kind ``hidden``): its first line in the page, its text, and what the comment before it says."""

    page: Path
    line: int
    kind: str
    text: str
    said: str = ""

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """README and every page that somebody wrote."""
    made = {"auto_examples", "reference", "_build"}
    site = [path for path in (ROOT / "docs").rglob("*.md") if not made & set(path.relative_to(ROOT / "docs").parts)]
    return [ROOT / "README.md", *sorted(path for path in site if path != ROOT / "docs" / "glossary.md")]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order."""
    text, found, said = page.read_text("utf-8"), [], ""
    for part in PART.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["hidden"] is None:
            found.append(Block(page, line, part["kind"], part["text"], said))
            said = ""
        elif part["hidden"].split()[0] in ("run", "skip"):
            said = part["hidden"].strip()
        else:
            found.append(Block(page, line, "hidden", part["hidden"].strip("\n")))
    return found


def commands(block: Block) -> list[list[str]]:
    """The words after ``n2s`` of every command in a console block; other programs are left out."""
    text = block.text.replace("\\\n", " ")
    for name, value in SHELL.items():
        text = text.replace(name, value)
    found = []
    for line in text.splitlines():
        for command in re.split(r"&&|;|\|", line.split("  #")[0]):
            words = shlex.split(command, comments=True)
            if "n2s" in words:
                found.append(words[words.index("n2s") + 1 :])
    return found
