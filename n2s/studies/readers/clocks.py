"""The clock of a recording against what the files beside it say of it: rate, length, and the samples of its events."""

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell


def check_samples(raw: mne.io.BaseRaw, rows: pd.DataFrame, events: Path) -> None:
    """Compare the columns onset and sample of an events.tsv; both count from the first sample of the file (MNE-BIDS, BIDS 1.8).

    A sample that counts from the start of the acquisition (``first_samp``) is no fault: n2s reads onset alone.

    Raises
    ------
    UserError
        Every onset is late by the time between the start of the acquisition and the first sample.
    """
    if "sample" not in rows:
        return
    samples = pd.to_numeric(rows["sample"].where(rows["sample"] != "", None), errors="coerce").astype(float)
    known = np.isfinite(samples)
    if not known.any():
        return
    sfreq, first_s = raw.info["sfreq"], raw.first_time
    late_s = (rows.onset - samples / sfreq)[known].to_numpy()
    near_s = 2.5 / sfreq + 1e-3  # onsets may be rounded, samples may count from 1
    if (np.abs(late_s) <= near_s).all() or (np.abs(late_s + first_s) <= near_s).all():
        return
    if first_s > 10 * near_s and (np.abs(late_s - first_s) <= near_s).all():
        raise UserError(
            f"{events}: every onset is {first_s:.3f} s later than its sample, as long as the acquisition ran before the first "
            "sample of the file (first_samp). In BIDS, onsets count from the first sample: subtract that time."
        )
    at = int(np.argmax(np.abs(late_s)))
    row = rows[known].iloc[at]
    tell(
        "odd",
        events,
        f"onset and sample disagree in {int((np.abs(late_s) > near_s).sum())} of {len(late_s)} rows: in line {row.line}, "
        f"{row.onset:.3f} s and sample {row['sample']}, which is {float(row['sample']) / sfreq:.3f} s at {sfreq:g} Hz. The onsets "
        "are used.",
    )


def check_side_file(raw: mne.io.BaseRaw, content: dict, file: Path) -> None:
    """Report a rate and a length in the JSON side file that are not those of the recording; the recording's are used."""
    sfreq, length_s = float(raw.info["sfreq"]), raw.n_times / raw.info["sfreq"]
    for name, found, unit, near in (
        ("SamplingFrequency", sfreq, "Hz", 1e-3 * sfreq),
        ("RecordingDuration", length_s, "s", max(1.0, 0.01 * length_s)),
    ):
        said = content.get(name)
        if isinstance(said, int | float) and not isinstance(said, bool) and abs(said - found) > near:
            tell(
                "odd",
                file,
                f"{name} in its JSON file is {said:g} {unit}; the recording has {found:g} {unit}, which are used.",
            )
