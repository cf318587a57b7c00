"""The model card of an exported run: what it is, what it was trained on, how it scored, what it cannot do."""

from collections.abc import Mapping, Sequence

import yaml

from n2s.api.bundle import Bundle
from n2s.config_classes import class_named
from n2s.data.front import FILE
from n2s.decoding.decoder import Decoder
from n2s.errors import UserError, counted, first_of
from n2s.metrics.score import ALL, Measure
from n2s.studies.card import Card

MOST = 5  # scores of a test set in the table
NO_LICENCE = "unknown"
#: Those that the Hub knows by these names, in lower case.
HUB_LICENCES = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "BSD-3-Clause",
    "MIT",
    "Apache-2.0",
)


def card(bundle: Bundle, *, licence: str | None, decoder: Decoder | UserError) -> str:
    """README.md of an export, with the front matter that the Hugging Face Hub reads.

    Parameters
    ----------
    bundle
        The run.
    licence
        Of the weights.
    decoder
        What decodes new recordings, or why nothing does.
    """
    system = bundle.config["model"]["class_path"].rpartition(".")[2]
    studies = (bundle.config["data"].get("init_args") or {}).get("studies") or {}
    cards = {name: _card(one) for name, one in studies.items()}
    licences = sorted({one.licence for one in cards.values() if one and one.licence})
    front = {
        "library_name": "n2s",
        **(
            {"license": licence.lower()}
            if licence and licence.lower() in [one.lower() for one in HUB_LICENCES]
            else {"license": "other", "license_name": licence or NO_LICENCE}
        ),
        "tags": ["n2s", "neuroscience", "speech-decoding", system.lower()],
    }
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        f"# {bundle.record.get('experiment', bundle.folder.name)}: {system}",
        f"A decoder trained with n2s {bundle.record.get('versions', {}).get('n2s', '')}.",
        "## Use\n\n" + _use(decoder, bundle),
        "## Trained on\n\n" + _data(bundle, studies, cards),
        "## Scores on held-out data\n\n" + _scores(bundle.metrics),
        "## Limits\n\n" + _limits(decoder),
        f"## Licence\n\n{licence or 'Not stated. Weights are derived from the data: their licence may bind.'}"
        + (f" Data: {', '.join(licences)}." if licences else ""),
        "## Origin\n\n" + _origin(bundle),
    ]
    return "\n\n".join(parts)


def _use(decoder: Decoder | UserError, bundle: Bundle) -> str:
    if isinstance(decoder, UserError):
        reason = str(decoder).replace(f"{bundle.folder}: ", "").replace(str(bundle.folder), "The run")
        return f"`n2s.load(...).model` has its weights. {reason}"
    python, command = decoder.example
    return (
        '```python\nimport n2s\n\nrun = n2s.load("this folder, or its id on the Hub")\n'
        f"decoded = run.decode({python})\nprint(decoded.table)\n```\n\n"
        f"or `n2s decode THIS_FOLDER {command}`."
    )


def _data(bundle: Bundle, studies: Mapping[str, Mapping], cards: Mapping[str, Card | None]) -> str:
    lines = []
    for name, one in studies.items():
        found = cards[name]
        title = f" ({found.title})" if found and found.title else ""
        simulated = " Simulated: nobody was recorded." if "Simulated" in str((one or {}).get("class_path")) else ""
        lines.append(f"- `{name}`: {(one or {}).get('class_path')}{title}.{simulated}")
    plain = bundle.front.plain if (bundle.folder / FILE).is_file() else {}
    if plain.get("subjects"):
        lines.append(f"- {counted(len(plain['subjects']), 'person', 'people')}.")
    if plain.get("sfreq"):
        lines.append(f"- Recordings at {plain['sfreq']:g} Hz, windows of {plain.get('window_s', 0):g} s.")
    return "\n".join(lines) or "Not told."


def _scores(metrics: Mapping[str, Mapping]) -> str:
    parts = []
    for test_set, told in metrics.items():
        scores = told.get("scores") if isinstance(told, Mapping) else None
        if not scores:
            continue
        how = told.get("format") or {}
        measures = {name: Measure(**one) for name, one in how.get("measures", {}).items()}
        names = list(scores)[:MOST]
        rows = list(dict.fromkeys(row for name in names for row in scores[name]))
        heads = [measures[name].heading if name in measures else name for name in names]
        head = f"| {test_set} | {' | '.join(heads)} |\n|{'---|' * (len(names) + 1)}"
        cells = {row: [_cell(scores[name].get(row, {}).get(ALL), measures.get(name)) for name in names] for row in rows}
        labels = {row: how.get("rows", {}).get(row, {}).get("label", row) for row in rows}
        parts.append(" ".join((told.get("judgement") or {}).get("sentences", ())))
        parts.append("\n".join([head, *(f"| {labels[row]} | {' | '.join(cells[row])} |" for row in rows)]))
        kinds: dict[str, list[str]] = {}
        for row in rows:
            kinds.setdefault(_kind(scores, names, row), []).append(labels[row])
        parts.append("\n".join(f"- {first_of(of, 4)}: {kind}" for kind, of in kinds.items() if kind))
    note = "Means over people; the lines say what each interval is. Rows beside the model's are controls, ceilings and other methods."
    return "\n\n".join([*(one for one in parts if one), note]) if parts else "Not tested."


def _kind(scores: Mapping, names: Sequence[str], row: str) -> str:
    """What the intervals of a row are, in its scores."""
    told = (scores[name].get(row, {}).get(ALL) or {} for name in names)
    return "; ".join(dict.fromkeys(one["kind"] for one in told if one.get("kind")))


def _cell(score: Mapping | None, measure: Measure | None) -> str:
    if not score or score["mean"] is None:
        return ""
    text = (Measure("") if measure is None else measure).text
    mean, low, high = (None if score.get(end) is None else text(score[end]) for end in ("mean", "low", "high"))
    return f"{mean}" if low is None or high is None else f"{mean} ({low} to {high})"


def _limits(decoder: Decoder | UserError) -> str:
    lines = [
        "For research. It is no medical device, and it reads no thoughts: it says which of some sounds or classes fits a recording best.",
        "Scores are of the people and sounds above; other people, scanners, languages and tasks may give less, or chance.",
    ]
    if not isinstance(decoder, UserError):
        lines.append(
            "Somebody who was not in training gets the mean of the people who were, and sensors scaled by the new recording itself."
            if decoder.takes == "sensors"
            else "It decodes the people above alone: voxels are each person's own."
        )
    return "\n".join(f"- {line}" for line in lines)


def _origin(bundle: Bundle) -> str:
    record = bundle.record
    git = record.get("git") or {}
    rows = {
        "run": f"{record.get('experiment')}/{record.get('run')}",
        "begun": str(record.get("started", ""))[:10],
        "seed": record.get("seed"),
        "commit": git.get("commit"),
        "versions": ", ".join(
            f"{name} {version}"
            for name, version in (record.get("versions") or {}).items()
            if name in ("n2s", "python", "torch", "lightning", "mne")
        ),
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items() if value)


def _card(study: Mapping | None) -> Card | None:
    kind = class_named((study or {}).get("class_path"))
    return getattr(kind, "card", None)
