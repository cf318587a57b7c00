"""The reference has a page for every package that exports anything."""

import importlib
import pkgutil
import sys

import pytest
from docs_pages import ROOT

import n2s


@pytest.fixture
def made(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs" / "_ext"), *sys.path])
    return importlib.import_module("reference_pages")


def test_every_package_that_exports_has_a_page(made):
    names = [f"n2s.{one.name}" for one in pkgutil.iter_modules(n2s.__path__) if one.ispkg]
    exporting = {name for name in names if getattr(importlib.import_module(name), "__all__", None)}
    assert "n2s.models" in exporting and not exporting - set(made.PACKAGES)


def test_a_page_lists_all_public_names(made):
    for package in ("n2s", "n2s.data", "n2s.models", "n2s.systems", "n2s.studies"):
        exported = {name for name in importlib.import_module(package).__all__ if not name.startswith("__")}
        assert exported == set(made.public_names(package))
    assert {"UserError"} <= set(made.public_names("n2s.errors"))
