"""Small raw recordings in many formats, written for the tests of their readers."""

import datetime
import struct
from pathlib import Path

import edfio
import h5py
import mne
import numpy as np
import scipy.io
from builders import bids_from_raw, simulated_raw

UTC = datetime.UTC
EEGLAB_EVENT = [("type", "O"), ("latency", "O"), ("duration", "O")]


def table(folder: Path, *rows: tuple, columns: str = "onset duration trial_type stim_file") -> Path:
    """An events.tsv."""
    path = folder / "events.tsv"
    path.write_text("\n".join("\t".join(map(str, row)) for row in (columns.split(), *rows)) + "\n")
    return path


def fif(path: Path, *notes: tuple[float, float, str], first_s: float = 0.0, date: int | None = None) -> Path:
    """20 s at 100 Hz; ``notes`` are (onset from the first sample, duration, text)."""
    raw = simulated_raw(3)
    raw = mne.io.RawArray(raw.get_data(), raw.info, first_samp=round(first_s * 100), verbose="ERROR")
    if date:
        raw.set_meas_date(datetime.datetime(date, 1, 1, tzinfo=UTC))
    if notes:
        onsets, durations, texts = zip(*notes, strict=True)
        raw.set_annotations(mne.Annotations(onsets, durations, texts))
    raw.save(path, overwrite=True, verbose="ERROR")
    return path


def bids_fif(root: Path, *notes: tuple, rows: list[dict], **options) -> Path:
    """The same in a BIDS folder, with an events.tsv."""
    path = bids_from_raw(simulated_raw(3), root, events=rows)
    fif(path.fpath, *notes, **options)
    return path.fpath


def edf(path: Path, starts: list[float], *, kind: str = "EDF+D", notes: tuple = ((0.5, "x"),)) -> Path:
    """One data record of 1 s for each start, at 100 Hz; the signal of each is its number in uV."""
    signals = [
        edfio.EdfSignal(np.repeat(np.arange(len(starts), dtype=float), 100), 100, label=name, physical_dimension="uV",
                        physical_range=(-100, 100)) for name in ("Fz", "Cz")
    ]  # fmt: skip
    marks = [edfio.EdfAnnotation(onset, None, text) for onset, text in notes]
    edfio.Edf(signals, annotations=marks, data_record_duration=1).write(path)
    content = path.read_bytes().replace(b"EDF+C", kind.encode(), 1)
    first = 256 * 4
    step = (len(content) - first) // len(starts)
    records = [content[first + i * step : first + (i + 1) * step] for i in range(len(starts))]
    for i, start in enumerate(starts):
        before, after = f"+{i}\x14\x14".encode(), f"+{start:g}\x14\x14".encode()
        at = records[i].index(before)
        room = records[i][at + len(before) :]
        records[i] = (records[i][:at] + after + room)[:step].ljust(step, b"\0")
    path.write_bytes(content[:first] + b"".join(records))
    return path


def brainvision(path: Path, *markers: str, header: str = "", notes: mne.Annotations | None = None) -> Path:
    """20 s at 100 Hz from 2020-01-01, with more lines of markers, and more lines of Common Infos."""
    raw = simulated_raw(3, kind="eeg").set_meas_date(datetime.datetime(2020, 1, 1, tzinfo=UTC))
    if notes is not None:
        raw.set_annotations(notes)
    mne.export.export_raw(path, raw, overwrite=True, verbose="ERROR")
    lines = path.with_suffix(".vmrk").read_text().rstrip("\n").splitlines()
    lines += [f"Mk{len(lines) + i}={marker}" for i, marker in enumerate(markers)]
    path.with_suffix(".vmrk").write_text("\n".join(lines) + "\n")
    path.write_text(path.read_text().replace("[Common Infos]", f"[Common Infos]\n{header}", 1))
    return path


def eeglab(path: Path, *events: tuple, data: str | None = None, **fields) -> Path:
    """20 s at 100 Hz; ``events`` are (type, latency, duration), in samples from 1. ``data`` names an .fdt file, written beside."""
    samples = 1e6 * simulated_raw(3, kind="eeg").get_data().astype(np.float32)
    if data:
        samples.T.tofile(path.with_name(data))
    content = {
        "setname": "x", "nbchan": 3, "trials": 1, "pnts": samples.shape[1], "srate": 100.0, "xmin": 0.0, "xmax": 19.99,
        "data": data or samples, "chanlocs": np.array([(name,) for name in "ABC"], [("labels", "O")]), "epoch": [],
        "event": np.array(list(events), EEGLAB_EVENT) if events else [], "chaninfo": {"plotrad": 0.5}, "icaweights": [],
    }  # fmt: skip
    scipy.io.savemat(path, {"EEG": content | fields})
    return path


def neuroscan(path: Path, *, n_bytes: int = 2, events: tuple = ((1001, 7),)) -> Path:
    """20 s at 100 Hz in units of 0.1 uV; ``events`` are (sample from 1, code). Format: paulbourke.net/dataformats/eeg."""
    values = np.round(1e7 * simulated_raw(3, kind="eeg").get_data()).astype(f"<i{n_bytes}")
    head = bytearray(900)
    data = values.T.tobytes()
    places = {225: b"01/02/20  12:00:00", 370: struct.pack("<H", 3), 376: struct.pack("<H", 100), 864: struct.pack("<i", 2000),
              886: struct.pack("<i", 900 + 75 * 3 + len(data))}  # fmt: skip
    for at, part in places.items():
        head[at : at + len(part)] = part
    channels = b""
    for i, name in enumerate((b"Fz", b"Cz", b"Pz")):
        channel = bytearray(75)
        channel[: len(name)] = name
        channel[19:27] = struct.pack("<ff", 0.1 * i, 0.2 + 0.1 * i)
        channel[59:63], channel[71:75] = struct.pack("<f", 20.48), struct.pack("<f", 1.0)  # 0.1 uV a step
        channels += channel
    rows = b"".join(struct.pack("<HBci", code, 0, b"\0", 900 + 75 * 3 + at * 3 * n_bytes) for at, code in events)
    path.write_bytes(bytes(head) + channels + data + struct.pack("<Bii", 1, len(rows), 0) + rows)
    return path


def write_nwb(path: Path, *, conversion: float | list = 1e-6, clock: str = "rate", lost_s: float = 0.0) -> Path:
    """Three channels of 2 s at 50 Hz; ``lost_s`` is a pause after 1.2 s."""
    with h5py.File(path, "w") as file:
        series = file.create_group("acquisition/ElectricalSeries")
        series.attrs["neurodata_type"] = "ElectricalSeries"
        series["data"] = np.arange(300).reshape(100, 3)
        series["data"].attrs["offset"] = 0.5e-6
        if np.ndim(conversion):
            series["data"].attrs["conversion"], series["channel_conversion"] = 1.0, conversion
        else:
            series["data"].attrs["conversion"] = conversion
        series["electrodes"] = [1, 2, 3]
        if clock == "rate":
            series["starting_time"] = 7.0
            series["starting_time"].attrs["rate"] = 50.0
        else:
            series["timestamps"] = 7.0 + np.arange(100) / 50 + lost_s * (np.arange(100) >= 60)
        file["general/extracellular_ephys/electrodes/label"] = [b"skull", b"LA1", b"LA2", b"LA3"]
    return path


def bdf(path: Path, starts: list[float]) -> Path:
    """The same as `edf`, with three bytes a sample."""
    content = edf(path.with_suffix(".edf"), starts).read_bytes()
    n_signals = int(content[252:256])
    head = bytearray(content[: 256 * (n_signals + 1)].replace(b"EDF Annotations", b"BDF Annotations"))
    head[:8], head[192:197] = b"\xffBIOSEMI", b"BDF+D"
    lengths = [int(head[256 + 216 * n_signals + 8 * i :][:8]) for i in range(n_signals)]
    out, at = bytes(head), len(head)
    for _ in starts:
        for i, length in enumerate(lengths):
            part = content[at : at + 2 * length]
            at += 2 * length
            if content[256 + 16 * i :].startswith(b"EDF Annotations"):
                out += part.ljust(3 * length, b"\0")
            else:
                out += b"".join(int(value).to_bytes(3, "little", signed=True) for value in np.frombuffer(part, "<i2"))
    path.write_bytes(out)
    return path
