"""The report of a run's sounds: one HTML file that stands alone, made from what ``n2s predict`` left."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.evaluation.sound_claims import claims_text
from n2s.features.audio import read_audio
from n2s.listening.manifest import STIMULUS, read_manifest
from n2s.listening.page import evenly
from n2s.models.diffusion.spectrogram import SFREQ
from n2s.paths import written_whole
from n2s.report.figures import Drawing
from n2s.report.html import PAGE_STYLE, add_drawing, add_run_drawings, origin_html
from n2s.report.listen import player
from n2s.report.run_figures import run_drawings as curves
from n2s.report.run_folder import read_json, run_shown
from n2s.report.shown import Shown, Sound
from n2s.report.sound_figures import method_scores, true_and_decoded

MADE = "what `n2s predict` wrote", "Run it again."
N_CLIPS = 4  # of each subject, to be seen and heard


@dataclass(frozen=True)
class SubjectSounds:
    """One subject's sounds: scores by method, and some clips of each method, ``None`` where it has no sound of one.

    ``units`` is what intervals are over, in words.
    """

    subject: str
    methods: dict[str, dict]
    clips: list[str]
    sounds: dict[str, list[np.ndarray | None]]
    units: str

    def drawings(self) -> list[Drawing]:
        """Scores by method; spectrograms of what was heard and decoded."""
        scores = {name: one["scores"] for name, one in self.methods.items()}
        what = f"Mean over the clips that {self.subject} heard, with its 95% interval over {self.units}"
        return [method_scores(scores, what), true_and_decoded(self.sounds, self.clips, self.subject)]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings, the methods and chance, and a row a score."""
        entries = {name: entry for one in self.methods.values() for name, entry in one["scores"].items()}
        rows = [
            [
                entry["label"],
                *(_cell(one["scores"].get(name)) for one in self.methods.values()),
                "-" if entry["chance"] is None else f"{entry['chance']:.3f}",
            ]
            for name, entry in entries.items()
        ]
        return ["score", *self.methods, "chance"], rows

    def shown(self, name: str) -> Shown:
        """The same for W&B."""
        scores: dict[str, dict[str, float]] = {}
        for method, one in self.methods.items():
            for score, entry in one["scores"].items():
                if entry["generated"]["mean"] is not None:
                    scores.setdefault(method, {})[score] = entry["generated"]["mean"]
                if entry["chance"] is not None:
                    scores.setdefault("chance", {})[score] = entry["chance"]
            for kind, ahead in one.get("ahead", {}).items():
                scores.setdefault(method, {})[f"ahead_of_{ahead['of']}_{kind}"] = ahead["mean"]
        sounds = [
            Sound(f"{clip}, {method}", samples, SFREQ)
            for i, clip in enumerate(self.clips)
            for method, found in self.sounds.items()
            if (samples := found[i]) is not None
        ]
        n = max((one["n_clips"] for one in self.methods.values()), default=0)
        return Shown(name, scores, {"n_clips": n}, {"scores": self.table()}, self.drawings(), sounds)


def write_sound_report(run_dir: Path) -> Path:
    """Write ``predictions/report.html`` of a run whose sounds were made, from its folder alone.

    Returns
    -------
    The report's path.

    Raises
    ------
    UserError
        The run has no sounds with scores, or their files are damaged.
    """
    folder = run_dir / "predictions"
    subjects, found = read_sounds(folder)
    report = mne.Report(
        title=f"n2s: {run_dir.resolve().parent.name}, {run_dir.resolve().name}, sounds", verbose="ERROR"
    )
    report.add_custom_css(PAGE_STYLE)
    with reading(folder / "metrics.json", *MADE):
        over = found["over_subjects"]
        if over:
            mean = SubjectSounds(f"{len(subjects)} subjects", over, [], {}, "subjects")
            report.add_html(_summary(mean, found), "Summary: mean of subjects", tags=())
            what = f"Mean of {len(subjects)} subjects, with its 95% t interval"
            drawing = method_scores({name: one["scores"] for name, one in over.items()}, what)
            add_drawing(report, drawing, f"{drawing.title}: mean of subjects")
    for one in subjects:
        end = "" if len(subjects) == 1 else f": {one.subject}"
        with reading(folder / "metrics.json", *MADE):
            summary, drawings = _summary(one, found), one.drawings()
        report.add_html(summary, f"Summary{end}", tags=())
        for drawing in drawings:
            add_drawing(report, drawing, f"{drawing.title}{end}")
        report.add_html(_players(one), f"Sounds to listen to{end}", tags=())
    add_run_drawings(report, curves(run_dir))
    report.add_html(origin_html(run_dir), "Configuration and origin", tags=())
    path = folder / "report.html"
    with written_whole(path) as temporary:
        report.save(temporary, open_browser=False, verbose="ERROR")
    return path


def sounds_shown(run_dir: Path) -> list[Shown]:
    """What the report shows, for W&B."""
    subjects, _ = read_sounds(run_dir / "predictions")
    parts = [one.shown("sounds" if len(subjects) == 1 else f"sounds, {one.subject}") for one in subjects]
    return [*parts, run_shown(curves(run_dir))]


def read_sounds(folder: Path) -> tuple[list[SubjectSounds], dict]:
    """Each subject's sounds and scores, and all of ``metrics.json``: what `n2s.systems.sound.method_scores` wrote."""
    file = folder / "metrics.json"
    if not file.is_file():
        raise UserError(f"{folder}: no sounds with scores: it has no metrics.json. Run `n2s predict` first.")
    found, table = read_json(file), read_manifest(folder)
    with reading(file, *MADE):
        units = found["units"]
        return [_subject(name, methods, table, units[name]) for name, methods in found["subjects"].items()], found


def _subject(name: str, methods: dict[str, dict], table: pd.DataFrame, units: str) -> SubjectSounds:
    own = table[table.subject == name]
    clips = evenly(list(dict.fromkeys(own["clip"])), N_CLIPS)
    path = {(row.clip, row.method): row.path for row in own.itertuples()}
    sounds = {
        method: [read_audio(path[clip, method], SFREQ).numpy() if (clip, method) in path else None for clip in clips]
        for method in (STIMULUS, *methods)
    }
    return SubjectSounds(name, methods, clips, sounds, units)


def _summary(one: SubjectSounds, found: dict) -> str:
    headings, rows = one.table()
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(f"<tr><td>{escape(label)}</td>{''.join(map(_td, cells))}</tr>" for label, *cells in rows)
    kinds = {name: found["methods"][name] for name in one.methods}
    notes = [f"{name}: {what}" for name, what in kinds.items()]
    n = sum(
        entry["generated"]["low"] is not None for method in one.methods.values() for entry in method["scores"].values()
    )
    notes += [
        f"below a mean: its 95% interval over {one.units}. There are {n} of them, each for itself: one in twenty misses its "
        "true value. What is said above the table is corrected for the number of its tests",
        "k-way: how often the true clip is the most alike of k that the same subject heard, over all draws of the others",
        *found["absent"].values(),
        *found["left_out"],
    ]
    return (
        f"<p>{escape(_headline(one))}</p>"
        f'<table class="n2s scores many"><tr>{head}</tr>{body}</table>'
        f'<p class="note">{"<br>".join(map(escape, notes))}</p>'
    )


def _headline(one: SubjectSounds) -> str:
    """What may be said of the first method."""
    method, first = next(iter(one.methods.items()))
    text = f"Sounds of {first['n_clips']} clips that {one.subject} heard, by {len(one.methods)} methods."
    return " ".join([text, *claims_text(first["claims"], f"the sounds of {method}")])


def _players(one: SubjectSounds) -> str:
    parts = [
        '<p class="note">Clips evenly taken from all. listening.html has more of them, to compare and to rate without '
        'knowing the method.</p><table class="n2s listen">'
    ]
    for i, clip in enumerate(one.clips):
        parts.append(f'<tr><td colspan="2" class="window">{escape(clip)}</td></tr>')
        parts += [
            f'<tr class="{"true" if method == STIMULUS else "other"}"><td>{escape(method)}</td>'
            f"<td>{player(found[i])}</td></tr>"
            for method, found in one.sounds.items()
        ]
    return "".join(parts) + "</table>"


def _td(cell: str) -> str:
    """The interval below the mean."""
    mean, bracket, interval = escape(cell).partition(" (")
    return f"<td>{mean}{f'<br><small>{interval[:-1]}</small>' if bracket else ''}</td>"


def _cell(entry: dict | None) -> str:
    if entry is None or entry["generated"]["mean"] is None:
        return "-"
    found = entry["generated"]
    mean = f"{found['mean']:.3f}"
    return mean if found["low"] is None else f"{mean} ({found['low']:.2f} to {found['high']:.2f})"
