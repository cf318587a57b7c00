"""Findings: kept in a block, else said once; equal ones in one line."""

import logging

import pytest

from n2s import findings
from n2s.findings import Finding, kept, say, summary, tell


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(findings, "_said", set())
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def test_a_block_keeps_each_finding_once_and_says_nothing(caplog):
    with kept() as found:
        tell("odd", "run 1", "is silent.")
        tell("odd", "run 1", "is silent.")
        with kept() as inner:
            tell("left out", "run 2", "has no sound.")
    assert found == [Finding("odd", "run 1", "is silent.")]
    assert inner == [Finding("left out", "run 2", "has no sound.")]
    assert not caplog.records


def test_outside_a_block_it_is_said_at_once_and_once(caplog):
    for _ in range(2):
        tell("corrected", "a.wav", "lasts 3 s, not 4 s.")
    assert [record.getMessage() for record in caplog.records] == ["corrected: a.wav: lasts 3 s, not 4 s."]
    assert caplog.records[0].levelno == logging.WARNING


def test_equal_texts_are_one_line():
    found = [Finding("left out", f"run {n}", "2 pictures.") for n in range(5)] + [Finding("odd", "run 0", "short.")]
    assert summary(found) == ["left out: run 0 and 4 more: 2 pictures.", "odd: run 0: short."]


def test_many_lines_are_cut_and_the_rest_is_counted(caplog):
    say(Finding("odd", f"run {n}", f"lasts {n} s.") for n in range(findings.SHOWN + 3))
    assert len(caplog.records) == findings.SHOWN + 1
    assert "3 more" in caplog.records[-1].getMessage()


def test_only_the_first_process_speaks(caplog, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    tell("odd", "run 1", "is silent.")
    assert not caplog.records
