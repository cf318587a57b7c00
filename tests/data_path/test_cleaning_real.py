"""Real recordings through every step that their channels allow: each cleans, or says in words why it cannot; a table shows what each did."""

import mne
import numpy as np
import pytest

from n2s.data import (
    SSP,
    SSS,
    AnnotateMovement,
    AnnotateMuscle,
    FindBadChannels,
    RegressOut,
    RemoveByReference,
    RemoveICA,
)
from n2s.data.cleaning.run import Cleaning
from n2s.errors import UserError
from n2s.findings import kept


def read_eeg(folder):
    names = mne.channels.make_standard_montage("biosemi64").ch_names
    raw = mne.io.RawArray(1e-6 * np.load(folder / "eeg.npy"), mne.create_info(names, 64.0, "eeg"), verbose="error")
    return raw.set_montage("biosemi64", verbose="error")


def read_kit(kit):
    files = {name: kit / f"test{end}" for name, end in (("mrk", "_mrk.sqd"), ("elp", ".elp"), ("hsp", ".hsp"))}
    return mne.io.read_raw_kit(kit / "test.sqd", **files, verbose="error")


def read_bti(folder, kind):
    return mne.io.read_raw_bti(*(folder / f"test_{part}_{kind}" for part in ("pdf", "config", "hs")), verbose="error")


READ = {
    "Triux, cropped": lambda data: mne.io.read_raw_fif(data / "meg_formats" / "141027_cropped_90Hz_raw.fif", verbose="error"),
    "Vectorview, after SSS": lambda data: mne.io.read_raw_fif(data / "meg_formats" / "sample_audvis_trunc_raw_sss.fif", verbose="error"),
    "CTF": lambda data: mne.io.read_raw_ctf(data / "meg_formats" / "ctf" / "somMDYO-18av.ds", verbose="error"),
    "KIT": lambda data: read_kit(data / "meg_formats" / "kit"),
    "BTi, Linux": lambda data: read_bti(data / "meg_formats" / "bti", "linux"),
    "BTi, Solaris": lambda data: read_bti(data / "meg_formats" / "bti", "solaris"),
    "EEG, speech in noise": lambda data: read_eeg(data / "eeg_speech" / "sparrkulee_sub-027"),
    "ECoG": lambda data: mne.io.read_raw_fif(data / "ieeg" / "sample_ecog_ieeg.fif", verbose="error"),
}  # fmt: skip


def steps(raw):
    """Each with options that fit short recordings."""
    head = "head" if raw.info["dev_head_t"] is not None and len(raw.info["dig"] or []) > 8 else "meg"
    length_s = raw.n_times / raw.info["sfreq"]
    top = min(raw.info["lowpass"], raw.info["sfreq"] / 2)
    return {
        "FindBadChannels": FindBadChannels(duration_s=0.9 * length_s / 2, min_count=1, coord_frame=head),
        "SSS": SSS(coord_frame=head),
        "tSSS": SSS(coord_frame=head, st_duration_s=0.9 * length_s, st_correlation=0.9),
        "SSS, cHPI": SSS(head_pos="chpi"),
        "AnnotateMovement": AnnotateMovement(),
        "AnnotateMuscle": AnnotateMuscle(),
        "AnnotateMuscle, low band": AnnotateMuscle(filter_freq=(0.55 * top, 0.85 * top)),
        "RemoveICA": RemoveICA(15, method="picard"),
        "RemoveICA, muscle": RemoveICA(8, method="picard", find=["muscle"]),
        "RemoveICA, labels": RemoveICA(8, method="infomax", find=["labels"]),
        "SSP, eog": SSP("eog", fit_on="itself"),
        "SSP, ecg": SSP("ecg", fit_on="itself"),
        "RegressOut, eog": RegressOut(["eog"]),
        "RegressOut, head": RegressOut(["head"]),
        "RemoveByReference, emg": RemoveByReference(["emg"], n_components=8),
        "RemoveByReference, eog": RemoveByReference(["eog"], n_components=8),
    }  # fmt: skip


#: What must work, by recording; the rest may be refused, in words.
WORKS = {
    "Triux, cropped": {"AnnotateMuscle, low band", "RemoveICA"},
    "Vectorview, after SSS": {"AnnotateMuscle, low band", "RegressOut, eog"},
    "CTF": {"AnnotateMuscle"},
    "KIT": {"SSS", "tSSS", "FindBadChannels", "AnnotateMuscle"},
    "BTi, Linux": {"SSS", "tSSS", "FindBadChannels"},
    "BTi, Solaris": {"SSS", "tSSS", "FindBadChannels", "RegressOut, eog"},
    "EEG, speech in noise": {"AnnotateMuscle, low band"},
    "ECoG": set(),
}


def done(step, raw):
    """What a step did: its numbers, or why it refused. A learned step learns from the recording itself, for this table alone."""
    if hasattr(step, "fit") and step.fit_on != "itself":
        step.by_itself, step.fit_on = True, "itself"
    cleaning = Cleaning.alone([step])
    with kept():
        try:
            cleaned, _ = cleaning.run(raw.copy().load_data(verbose="error"), "here", [])
        except UserError as error:
            return None, str(error)
    return cleaned, cleaning.removed[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_each_step_cleans_or_says_why_not(name, real_data):
    raw = READ[name](real_data)
    print(f"\n{name}: {raw.info['sfreq']:g} Hz, {raw.times[-1]:.2f} s, {len(raw.ch_names)} channels")
    worked = set()
    for label, step in steps(raw).items():
        cleaned, numbers = done(step, raw)
        if cleaned is None:
            assert numbers.startswith("here: ") and len(numbers) > 40
            print(f"  {label}: refused: {numbers.removeprefix('here: ')[:150]}")
            continue
        worked.add(label)
        assert np.isfinite(cleaned.get_data()).all() and len(cleaned.times) == len(raw.times)
        removed = ", ".join(f"{100 * share:.1f}% of {kind}" for kind, share in numbers["removed"].items())
        more = {key: value for key, value in numbers.items() if key not in ("step", "variance", "removed", "scores")}
        print(f"  {label}: removed {removed}; {str(more)[:200]}")
        assert all(np.isfinite([one["before"], one["after"]]).all() for one in numbers["variance"].values())
    assert worked >= WORKS[name], f"{sorted(WORKS[name] - worked)} should work"
