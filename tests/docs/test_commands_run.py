"""Commands that pages say to be run are run, small, as a reader types them: each block in an empty folder."""

import pytest
from docs_pages import blocks, commands, pages
from small_run import small_options

RUN = [block for page in pages() for block in blocks(page) if block.said.startswith("run")]
NAMED = {
    "docs/start.md": {"fit", "test"},
    "docs/python.md": {"decode"},
    "docs/share.md": {"export"},
    "docs/reading_a_report.md": {"compare"},
}


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=lambda block: block.where)
def test_commands_of_a_block_run(block, empty_folder, run_n2s):
    exec(block.said.removeprefix("run"), {})  # noqa: S102 (our own pages)
    for words in commands(block):
        small = small_options() if {"fit", "test"} & {words[0]} else []
        status, out, err = run_n2s(*words, *small)
        assert status in (0, None), f"{block.where}: n2s {' '.join(words)}\n{err}"
        assert "Traceback" not in err and out.strip()


def test_what_a_new_user_does_first_is_run():
    run: dict[str, set[str]] = {}
    for block in RUN:
        run.setdefault(block.where.rpartition(":")[0], set()).update(words[0] for words in commands(block))
    assert {page: verbs & run.get(page, set()) for page, verbs in NAMED.items()} == NAMED
