"""Figures, sound and the HTML report of a run."""

from n2s.report.html import write_report

__all__ = ["write_report"]
