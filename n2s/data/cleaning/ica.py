"""Independent components that follow eyes, heart or muscles, or are labelled as such, removed."""

from typing import ClassVar, Literal

import mne

from n2s.data.cleaning.components import check_components, decompose, high_passed, joined, remove, tell_fewer, without
from n2s.data.cleaning.labels import LABELS, labelled, muscular
from n2s.data.steps import ITSELF, Learned, LearnedStep, check_fit_on, first_line, typed
from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.options import check_choice, check_number

LEAST_S = 5.0  # blinks and heart beats are seen several times
FINDERS = ("eog", "ecg", "muscle", "labels")
MANY = 0.5  # of the components


class RemoveICA(LearnedStep):
    """Remove the components that follow the eye and heart channels (`mne.preprocessing.ICA`, find_bads), or look like muscles.

    Components are estimated on channels without drifts (1 Hz high-pass), without labels or stimuli.

    Parameters
    ----------
    n_components
        Components to estimate; below 1: as many as explain this share of the variance; None: as many as the rank. A recording of lower
        rank (fewer good channels, SSS, a reference) gets as many as its rank. With fewer than the rank, some of an artifact stays.
    seed
        Seed for the estimation.
    method
        ``fastica``, ``picard`` (extended, as fast and closer to infomax) or ``infomax`` (extended).
    find
        What is removed: ``eog`` and ``ecg`` follow these channels (ECG without a channel: a synthetic one of magnetometers); ``muscle``
        (`mne.preprocessing.ICA.find_bads_muscle`) needs signals up to 45 Hz and was made for EEG: in MEG only the slope of the spectrum is
        judged; ``labels``: a network names components (MEGnet in MEG, ICLabel in EEG; the extra ``icalabel``).
    labels
        With ``labels``: the names that are removed.
    label_probability
        With ``labels``: the least probability of a name.
    fit_on
        ``itself``: each recording by itself. ``training``, or the name of a task: see `n2s.data.steps.LearnedStep`.

    Examples
    --------
    >>> from n2s.data import Preprocessing, RemoveICA
    >>> step = RemoveICA(n_components=30, find=["eog", "ecg"])
    >>> Preprocessing(sfreq=120, steps=[step]).settings()["steps"][0][2]["find"]
    ['eog', 'ecg']
    """

    by_itself: ClassVar[bool] = True

    def __init__(
        self,
        n_components: float | None = 30,
        seed: int = 0,
        *,
        method: Literal["fastica", "picard", "infomax"] = "fastica",
        find: list[str] | None = None,
        labels: list[str] | None = None,
        label_probability: float = 0.5,
        fit_on: str = ITSELF,
    ):
        check_components("RemoveICA", n_components, method)
        check_number("RemoveICA: seed", seed, low=0, whole=True)
        self.n_components = n_components if n_components is None or n_components < 1 else int(n_components)
        self.seed, self.method, self.fit_on = seed, method, fit_on
        self.find = ["eog", "ecg"] if find is None else list(find)
        if not self.find:
            raise UserError(f"RemoveICA: find is empty; expected some of {', '.join(FINDERS)}.")
        for one in self.find:
            check_choice("RemoveICA: find", one, FINDERS)
        self.labels = list(LABELS[:4] if labels is None else labels)
        for one in self.labels:
            if one not in LABELS:
                raise UserError(
                    f"RemoveICA: labels holds '{one}'; known are {', '.join(LABELS)}.{nearest(one, list(LABELS))}"
                )
        check_number("RemoveICA: label_probability", label_probability, low=0, high=1)
        self.label_probability = float(label_probability)
        if "labels" in self.find and method == "fastica":
            raise UserError(
                "RemoveICA: find has labels, whose networks learned from infomax, and method is fastica. Set it to infomax or picard."
            )
        check_fit_on(self)

    def settings(self) -> dict:
        """See `Step`."""
        return dict(vars(self))

    def fit(self, pieces: list[mne.io.BaseRaw]) -> Learned:
        """See `LearnedStep`.

        Raises
        ------
        UserError
            Nothing tells which components to remove; the rank is below 2; the estimation fails; all components would go.
        """
        raw = pieces[0]
        kinds = raw.get_channel_types(unique=True)
        eog = [
            name for name, kind in typed(raw) if kind == "eog" and not any(name in one.info["bads"] for one in pieces)
        ]
        if not (
            {"muscle", "labels"} & set(self.find)
            or ("eog" in self.find and eog)
            or ("ecg" in self.find and {"ecg", "mag"} & set(kinds))
        ):
            raise UserError(
                f"RemoveICA: the recording has channels of type {kinds}, expected an EOG or ECG channel (or magnetometers, "
                "for a synthetic ECG) to tell which components to remove. Remove this step from the recipe."
            )
        raw = joined(high_passed(pieces), "RemoveICA")
        length_s = raw.n_times / raw.info["sfreq"]
        if {"eog", "ecg"} & set(self.find) and length_s < LEAST_S:
            raise UserError(
                f"RemoveICA: {length_s:.2f} s to learn from, expected {LEAST_S:g} s or more to find blinks and heart beats. Give longer recordings, "
                "or remove this step from the recipe."
            )
        ica, notes = decompose(raw, self.n_components, self.method, self.seed, "RemoveICA")
        found: dict[str, list[int]] = {}
        try:
            if "eog" in self.find and eog:
                found["eog"] = ica.find_bads_eog(raw, ch_name=eog, verbose="error")[0]
            if "ecg" in self.find and {"ecg", "mag"} & set(kinds):
                found["ecg"] = ica.find_bads_ecg(raw, verbose="error")[0]
            if "muscle" in self.find:
                found["muscle"] = muscular(raw, ica)
            if "labels" in self.find:
                found |= labelled(raw, ica, self.labels, self.label_probability)
        except UserError:
            raise
        except Exception as error:  # MNE documents none: too short a recording, an eye channel without a blink
            raise UserError(
                f"RemoveICA: MNE's ICA failed ({type(error).__name__}: {first_line(error)}). Check the EOG and ECG channels, "
                "or remove this step from the recipe."
            ) from error
        by = {name: sorted({int(index) for index in indices}) for name, indices in found.items()}
        excluded = sorted({index for indices in by.values() for index in indices})
        if len(excluded) == ica.n_components_:
            raise UserError(
                f"RemoveICA: all {ica.n_components_} components are taken for artifacts ({_listed(by)}): nothing would be left. Estimate more "
                "(n_components), or shorten find."
            )
        return Learned(without(ica, excluded, raw), notes | {"found": by, "components_removed": len(excluded)})

    def apply(self, raw: mne.io.BaseRaw, learned: Learned) -> mne.io.BaseRaw:
        """See `LearnedStep`."""
        n, of = learned.notes["components_removed"], learned.notes["n_components"]
        tell_fewer(learned.notes, "RemoveICA")
        if not n:
            tell("odd", "RemoveICA", f"none of {of} components follows {_asked(self.find)}: nothing is removed.")
        elif n > MANY * of:
            tell(
                "odd",
                "RemoveICA",
                f"{n} of {of} components are removed ({_listed(learned.notes['found'])}): most of the signal may go.",
            )
        return remove(raw, learned, "RemoveICA")


def _asked(find: list[str]) -> str:
    if set(find) <= {"eog", "ecg"}:
        return "the eye or heart channels"
    return f"what find asks for ({', '.join(find)})"


def _listed(found: dict[str, list[int]]) -> str:
    return ", ".join(f"{name}: {len(indices)}" for name, indices in found.items())
