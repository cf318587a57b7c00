"""Everything that `n2s studies check` finds in one study, before anything is prepared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import joblib

from n2s.checks.across import compare
from n2s.checks.clips import clip_facts, crossing_groups
from n2s.checks.seen import Seen, look, noted
from n2s.checks.sounds import check_sounds
from n2s.data.bold_preparation import BoldPreparation
from n2s.data.channel_types import TYPES
from n2s.data.preprocessing import Preprocessing
from n2s.data.recordings import Preparation
from n2s.findings import Finding, kept
from n2s.progress import track
from n2s.studies.fmri import FMRIStudy
from n2s.studies.study import Recording, Stimulus, Study

SEVERAL, MANY = 16, 50  # recordings whose samples, or headers, are worth the start of further processes
PLAIN_HZ = 120.0  # the rate of a trial preparation without a recipe, at most


@dataclass
class Survey:
    """What is in a study, what is odd in it, and what stops n2s.

    Attributes
    ----------
    name
        Its name in the recipe or on the command line.
    study
        The data set; None: it cannot be listed.
    seen
        Its recordings.
    stimuli
        Whatever somebody heard, by id.
    n_sampled
        Recordings whose samples were all read.
    facts
        Counts, a line each.
    findings
        What was left out, corrected or odd, in the order in which it was found.
    stops
        What stops n2s: where, and why.
    """

    name: str
    study: Study | None = None
    seen: list[Seen] = field(default_factory=list)
    stimuli: dict[str, Stimulus] = field(default_factory=dict)
    n_sampled: int = 0
    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    stops: list[tuple[str, str]] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        """In the order of recordings."""
        return list(dict.fromkeys(one.recording.subject for one in self.seen))


def survey(name: str, study: Study, *, preparation: Preparation | None = None, every: bool = False) -> Survey:
    """Look at a study: headers and tables of all recordings, and all samples of the first one of each person.

    Parameters
    ----------
    name
        See `Survey`.
    study
        The data set.
    preparation
        How a recipe prepares recordings, tried without writing the cache; None: a plain change of rate.
    every
        Read all samples of all recordings.
    """
    found = Survey(name, study)
    with kept() as told:
        recordings = study.recordings()
        looked_at = _jobs(len(recordings), MANY)(joblib.delayed(look)(study, one) for one in recordings)
        found.seen = list(_tracked(looked_at, f"{name}: headers and tables", len(recordings)))
        compare(found.seen)
    with kept() as about_sounds:
        found.stimuli, bad_sounds = check_sounds(study, found.seen, _tracked)
    sampled = _sampled(found, preparation, every=every)
    found.n_sampled = len(sampled)
    found.findings = [*told, *(finding for one in found.seen for finding in one.findings), *about_sounds]
    found.findings = list(dict.fromkeys(found.findings))
    found.stops += [(one.name, text) for one in found.seen for text in one.stops] + bad_sounds
    if isinstance(study, FMRIStudy):
        found.facts += clip_facts(found.seen, study.expected or {})
        found.facts += [f"{one.name}: {one.volumes}" for one in sampled if one.volumes]
        found.stops += crossing_groups(found.seen)
    return found


def _sampled(found: Survey, preparation: Preparation | None, *, every: bool) -> list[Seen]:
    """Prepare the chosen recordings without keeping the result; add what is found to each."""
    first = {one.recording.subject: one for one in reversed(found.seen) if not one.stops}
    chosen = [one for one in found.seen if not one.stops and (every or first.get(one.recording.subject) is one)]
    work = _jobs(len(chosen), SEVERAL)(
        joblib.delayed(_trial)(found.study, one.recording, preparation or plain(found.study, one)) for one in chosen
    )
    for one, (findings, stops, meta) in zip(chosen, _tracked(work, f"{found.name}: samples", len(chosen)), strict=True):
        one.findings += findings
        one.stops += stops
        if "tr_s" in meta:
            (n, n_voxels), tr_s = meta["shape"], meta["tr_s"]
            one.sfreq, one.duration_s = 1 / tr_s, n * tr_s
            one.volumes = f"{n} volumes of {tr_s:g} s, {n_voxels} voxels, {meta['n_constant']} of which never change"
            one.volumes += f"; regions: {', '.join(meta['rois'][-8:])}" if meta["rois"] else ""
    return chosen


def _trial(study: Study, recording: Recording, preparation: Preparation) -> tuple[list[Finding], list[str], dict]:
    """What preparing one recording tells: findings, what stops it, and the plain values that the cache would keep."""
    stops: list[str] = []
    meta: dict = {}
    with kept() as findings, noted(stops):
        made = preparation.make(study, recording, f"{study.name}, {recording.name}")
        meta = made.meta | {"shape": list(made.brain.shape)}
    return findings, stops, meta


def plain(study: Study, seen: Seen) -> Preparation:
    """How a recording is tried without a recipe: all of its sensors, at a lower rate."""
    if isinstance(study, FMRIStudy):
        return BoldPreparation(study.cleaning)
    kinds = [kind for kind in seen.channels if kind in TYPES]
    return Preprocessing(sfreq=min(PLAIN_HZ, seen.sfreq or PLAIN_HZ), picks=kinds or None)


def _jobs(n: int, worth: int) -> joblib.Parallel:
    """One process for each core, if there are ``worth`` or more things to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return joblib.Parallel(n_jobs=min(cores, n) if n >= worth else 1, return_as="generator")


def _tracked(items: Sequence, what: str, n: int | None = None) -> Sequence:
    return track(items, what, total=n)
