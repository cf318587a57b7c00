"""Measures of tracking of all people: the tables that a test leaves."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(eq=False)
class TrackingTables:
    """Measures of tracking of all people.

    Parameters
    ----------
    measures
        A row for each person: ``subject``, and a column for each measure (``coherence_delta``, ``coherence_delta_left``, ..; see
        `n2s.systems.tracking.measures.subject_measures`), minus its chance level. With response functions also ``trf_<space>`` (r on
        held-out rows), ``gain_<space>`` (r minus that of the model without the space), ``peak_<space>_<window>`` and
        ``latency_<space>_<window>`` (s); with a reconstruction ``reconstruction`` (r) and ``match_mismatch``.
    table
        The same, a row for each person, measure and region: ``value``, ``chance`` (mean over circular shifts), ``spread`` (their
        deviation), ``p`` (one-sided, of the shifts).
    sensors
        A row for each person and sensor: ``name``, ``x``, ``y``, each measure, and ``chance:<measure>``.
    spectra
        ``subject``, ``frequency_hz``, ``coherence`` and ``chance``: mean over sensors.
    kernels
        ``subject``, ``space``, ``region``, ``lag_s``, ``size``: root mean square over sensors of a response function. None: none.
    excerpt
        ``time_s``, ``heard``, ``reconstructed`` of some seconds of the first person who has a reconstruction (``excerpt_of`` in settings), z-scored. None: none.
    settings
        Facts for notes and ``metrics.json``.
    """

    measures: pd.DataFrame
    table: pd.DataFrame
    sensors: pd.DataFrame
    spectra: pd.DataFrame
    kernels: pd.DataFrame | None = None
    excerpt: pd.DataFrame | None = None
    settings: dict = field(default_factory=dict)
