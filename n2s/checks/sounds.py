"""The sounds of a study: each is there, can be decoded, is long enough, and is heard by somebody."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from n2s.checks.seen import Seen, noted
from n2s.data.identity import sound_identities
from n2s.data.stimuli import collect_stimuli
from n2s.findings import tell
from n2s.studies.readers.file_names import files_below
from n2s.studies.readers.stimuli import AUDIO, StimulusFolder
from n2s.studies.study import Stimulus, Study


def check_sounds(
    study: Study, seen: Sequence[Seen], tracked: Callable[[Sequence, str], Sequence]
) -> tuple[dict[str, Stimulus], list[tuple[str, str]]]:
    """Decode every sound that somebody heard.

    Parameters
    ----------
    study
        The data set.
    seen
        Its recordings.
    tracked
        Shows a progress bar for a sequence, with a text.

    Returns
    -------
    The stimuli by id, and what stops n2s: where, and why.
    """
    stimuli: dict[str, Stimulus] = {}
    stops: dict[str, str] = {}
    for one in seen:
        if one.events is None:
            continue
        problems: list[str] = []
        with noted(problems):
            stimuli |= {name: value for name, value in collect_stimuli(study, {one.name: one.events}).items()}
        stops |= {text: one.name for text in problems if text not in stops}
    identities: dict[str, str] = {}
    for name, stimulus in tracked(sorted(stimuli.items()), f"{study.name}: sounds"):
        problems = []
        with noted(problems):
            identities |= sound_identities({name: stimulus})
        stops |= {text: f"stimulus {name}" for text in problems}
    _same(identities)
    if all(one.events is not None for one in seen):
        _unheard(study, stimuli)
    return stimuli, [(where, text) for text, where in stops.items()]


def _same(identities: dict[str, str]) -> None:
    """Sounds with equal samples under several names."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, identity in identities.items():
        names[identity].append(name)
    for same in names.values():
        if len(same) > 1:
            tell(
                "odd",
                ", ".join(same),
                "are one sound: their samples are equal. n2s puts them into one split. Check that each file is the right one.",
            )


def _unheard(study: Study, stimuli: dict[str, Stimulus]) -> None:
    """Audio files in the folder of stimuli that no events name."""
    folder = getattr(study, "stimuli", None)
    if not isinstance(folder, StimulusFolder) or folder.ready or not folder.folder.is_dir():
        return
    heard = {stimulus.audio.resolve() for stimulus in stimuli.values() if stimulus.audio is not None}
    for path in files_below(folder.folder):
        if path.suffix.lower() in AUDIO and path.resolve() not in heard:
            tell(
                "left out",
                path.relative_to(folder.folder).as_posix(),
                f"is in {folder.folder}, but no events name it. n2s does not read it.",
            )
