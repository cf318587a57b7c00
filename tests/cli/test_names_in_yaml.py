"""Names that YAML reads as numbers or as yes and no, and recipes that are no UTF-8 or name a key twice."""

import sys

import pytest

from n2s.cli.parser import Parser
from n2s.errors import UserError


class Named:
    def __init__(
        self, names: list[str] | None = None, labels: list[str | int] | None = None, language: str = "", n: int = 0
    ): ...


@pytest.fixture
def parse(tmp_path, monkeypatch):
    parser = Parser(parser_mode="omegaconf")
    parser.add_subclass_arguments(Named, "data")
    parser.add_argument("--config", action="config")

    def parse(content: str | bytes):
        path = tmp_path / "recipe.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setattr(sys, "argv", ["n2s", "--config", str(path)])
        return parser.parse_args(["--config", str(path)]).data.init_args

    return parse


def recipe(options: str) -> str:
    return f"data:\n  class_path: {__name__}.Named\n  init_args: {options}\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{names: [1, 2]}", "data.names: expected str or null, found 1 .*line 3.*in quotes"),
        ("{names: [a, no]}", "data.names: expected str or null, found False .*line 3.*in quotes"),
        ("{names: [1e3]}", "found 1000.0 .*line 3.*in quotes"),
        ("{names: 007}", r"expected list or null, found 7 .*line 3.*\[a, b\].*in quotes"),
        ("{language: no}", "data.language: expected str, found False .*line 3.*in quotes"),
        ("{labels: [yes]}", "data.labels: expected str or int or null, found True .*line 3.*in quotes"),
        ("{language: a, language: b}", "recipe.yaml, line 3: the key 'language' is there twice. Keep one"),
    ],
)
def test_values_that_are_no_names(parse, options, says):
    with pytest.raises(UserError, match=says):
        parse(recipe(options))


def test_a_number_elsewhere_has_no_word_of_quotes(parse):
    with pytest.raises(UserError, match="data.n: expected int, found many") as error:
        parse(recipe("{n: many}"))
    assert "quotes" not in str(error.value)


def test_quoted_names_are_kept(parse):
    found = parse(recipe("{names: ['007', 'no', '1e3'], labels: [1, '010'], language: 'no'}"))
    assert (found.names, found.labels, found.language) == (["007", "no", "1e3"], [1, "010"], "no")


def test_encodings_of_a_recipe(parse):
    text = recipe("{language: 'é'}")
    assert parse(text.encode("utf-8-sig")).language == "é"
    assert parse(text.replace("\n", "\r\n")).language == "é"
    for encoding in ("latin-1", "utf-16"):
        with pytest.raises(UserError, match=r"recipe.yaml, line \d: not UTF-8 text .*Save it as UTF-8"):
            parse(text.encode(encoding))


def test_tabs(parse):
    with pytest.raises(UserError, match=r"recipe.yaml, line 2: not valid YAML: .*Indent with spaces, not with tabs"):
        parse("data:\n\tclass_path: x\n")
