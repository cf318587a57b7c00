"""How to cite, to ask and to report: the files say what is true of this version."""

import yaml
from docs_pages import ROOT

import n2s

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_is_of_this_version_and_licence():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == n2s.__version__
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["title"] and cited["authors"]
    assert f'license = "{cited["license"]}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_forms_ask_for_what_answers_need():
    forms = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FORMS if path.stem != "config"}
    assert set(forms) == {"bug", "data_set", "question"}
    for form in forms.values():
        assert form["name"] and form["description"]
        asked = [part["id"] for part in form["body"]]
        assert len(set(asked)) == len(asked) and all(part["attributes"]["label"] for part in form["body"])
    needed = {part["id"] for part in forms["bug"]["body"] if part.get("validations", {}).get("required")}
    assert {"command", "output", "version"} <= needed
    assert f"n2s {n2s.__version__}" in (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8")


def test_notes_name_pages_and_commands_that_exist():
    support = (ROOT / "SUPPORT.md").read_text("utf-8")
    title = (ROOT / "docs" / "faq.md").read_text("utf-8").splitlines()[0].removeprefix("# ")
    assert title in support and "`n2s studies check FOLDER`" in support
    for name in ("Question", "Bug", "Data set"):
        assert f"*{name}*" in support
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) < 60
