"""Raw recordings whose headers, markers or records lie: refused by name, or what is opened keeps its promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangled import ODD, answer, broken, fuzz, tables
from raw_folders import brainvision, edf, eeglab, fif, neuroscan, write_nwb
from test_fuzz_arrays import mangled_h5

from n2s.data.edges import bad_spans, filtered_apart
from n2s.findings import kept
from n2s.studies.readers.raw_files import open_raw

EVENTS = "onset\tduration\ttrial_type\tstim_file\n2\t3\tsound\ta.wav\n12\t3\tsound\tb.wav\n16\t1\tBAD_x\tn/a\n"
MARKERS = ("Mk9=New Segment,,1001,1,0,20200101000030000000", "Mk9=Bad Interval,Userdefined,301,200,0", "Mk9=New Segment,,1,1,0",
           "Mk9=Stimulus,S  1,99999999,1,0", "Mk9=Stimulus,S\\1 1,-5,-9,0", "Mk9=,,,", "[Marker Infos]", "Codepage=x")  # fmt: skip
LARGEST = 10_000_000  # bytes: a header that promises more samples than this is not read here


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


def check(path, events=None) -> None:
    """Refused, or: a length, a rate, samples of that length, and marks inside the recording."""
    with kept() as found:
        raw = answer(open_raw, path, events=events)
    if raw is None:
        return
    n, sfreq = int(raw.n_times), raw.info["sfreq"]
    assert n > 0 and 0 < sfreq < np.inf and len(set(raw.ch_names)) == len(raw.ch_names) > 0
    for onset, length in bad_spans(raw):
        assert onset >= 0 and length >= 0 and onset + length <= n / sfreq + 1e-6
    apart = filtered_apart(raw)
    assert all(0 <= start < stop <= n for start, stop in apart)
    assert all(before[1] <= after[0] for before, after in zip(apart, apart[1:], strict=False))
    assert all(one.text and str(path.parent) in one.where for one in found)
    if n * len(raw.ch_names) * 8 < LARGEST:
        first, last = raw[:, :1][0], raw[:, n - 1 :][0]
        assert first.shape == last.shape == (len(raw.ch_names), 1)


@st.composite
def texts(draw, text: str, values: tuple[str, ...]) -> bytes:
    """Lines of a header: values, keys and lines changed, left out and doubled."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(("value", "value", "value", "comma", "line", "out", "twice")))
        key, sign, value = lines[i].partition("=")
        if what == "value" and sign:
            lines[i] = key + sign + draw(st.sampled_from((*ODD, *values)))
        elif what == "comma" and "," in value:
            cells = value.split(",")
            cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from((*ODD, "99999999", "-3", "1001")))
            lines[i] = key + sign + ",".join(cells)
        elif what == "line":
            lines.insert(i, draw(st.sampled_from((*ODD, *values))))
        elif what == "out":
            del lines[i]
            lines = lines or [""]
        else:
            lines.insert(i, lines[i])
    coding = draw(st.sampled_from(("utf-8",) * 5 + ("utf-8-sig", "utf-16", "latin-1")))
    content = "\n".join(lines).encode(coding, "replace")
    return draw(broken(content)) if draw(st.integers(0, 4)) == 0 else content


def test_headers_and_markers_of_brainvision(folder):
    path = brainvision(folder / "a.vhdr", MARKERS[0][4:], "Stimulus,S  1,1201,1,0")
    (events := folder / "events.tsv").write_text(EVENTS)
    header, markers = path.read_text(), path.with_suffix(".vmrk").read_text()
    values = ("a.eeg", "a.vmrk", "MULTIPLEXED", "VECTORIZED", "INT_16", "INT_32", "IEEE_FLOAT_32", "ASCII", "YES", "1", "3", "2000",
              "Averaged=YES", "SegmentationType=MARKERBASED", "DataPoints=7", "[Comment]", "[Common Infos]")  # fmt: skip

    @fuzz(share=0.6)
    @given(st.data())
    def run(data):
        of_header = data.draw(st.booleans())
        path.write_bytes(data.draw(texts(header, values)) if of_header else header.encode())
        marks = markers.encode() if of_header else data.draw(texts(markers, MARKERS))
        path.with_suffix(".vmrk").write_bytes(marks)
        check(path, events)

    run()


@pytest.mark.parametrize("suffix", [".edf", ".cnt", ".fif", ".set"])
def test_bytes(folder, suffix):
    """Of the header or anywhere: .set in MATLAB's format, whose reader in SciPy crashes on sizes that lie."""
    path = {
        ".edf": lambda: edf(folder / "a.edf", [*range(10), *range(30, 40)]),
        ".cnt": lambda: neuroscan(folder / "a.cnt"),
        ".fif": lambda: fif(
            folder / "a_meg.fif", (3.0, 1.0, "BAD_x"), (8.0, 1.0, "BAD_ACQ_SKIP"), first_s=5.0, date=2020
        ),
        ".set": lambda: eeglab(folder / "a.set", ("boundary", 1000.5, 30.0), ("S1", 1501.0, 1.0), data="a.fdt"),
    }[suffix]()
    content = path.read_bytes()
    events = folder / "late.tsv"
    events.write_text(EVENTS)

    @fuzz(share=0.6)
    @given(st.data())
    def run(data):
        head = 1024 if suffix in (".edf", ".cnt") and data.draw(st.integers(0, 2)) else len(content)
        path.write_bytes(data.draw(broken(content[:head])) + content[head:])
        check(path, events if data.draw(st.booleans()) else None)

    run()


def test_fields_of_edf_headers(folder):
    path = edf(folder / "b.edf", [*range(10), *range(30, 40)])
    content = path.read_bytes()
    fields = [(0, 8), (8, 80), (168, 8), (176, 8), (184, 8), (192, 44), (236, 8), (244, 8), (252, 4)]
    fields += [(256 + 3 * before + length * i, length) for before, length in
               ((0, 16), (16, 80), (96, 8), (104, 8), (112, 8), (120, 8), (128, 8), (216, 8)) for i in range(3)]  # fmt: skip

    @fuzz(share=0.6)
    @given(st.data())
    def run(data):
        changed = bytearray(content)
        for _ in range(data.draw(st.integers(1, 2))):
            at, length = data.draw(st.sampled_from(fields))
            value = data.draw(
                st.sampled_from((*ODD, "EDF+D", "EDF+C", "EDF Annotations", "0.001", "1e9", "-1", "3", "100"))
            )
            changed[at : at + length] = value.encode("latin-1", "replace")[:length].ljust(length)
        path.write_bytes(changed)
        check(path)

    run()


def test_nwb(folder):
    path = folder / "a.nwb"

    def write(path):
        path.unlink(missing_ok=True)
        write_nwb(path, clock="timestamps")

    @fuzz(share=0.6)
    @given(st.data())
    def run(data):
        mangled_h5(data.draw, path, write)
        check(path)

    run()


@fuzz(share=0.6)
@given(
    content=tables(
        EVENTS, values=("BAD_x", "bad luck", "EDGE boundary", "boundary", "New Segment", "BAD_ACQ_SKIP", "-5", "99")
    )
)
def test_tables_of_events(folder, content):
    path = folder / "c_meg.fif"
    if not path.is_file():
        fif(path, (3.0, 1.0, "BAD_x"), (8.0, 1.0, "boundary"), first_s=5.0)
    (folder / "any.tsv").write_bytes(content)
    check(path, folder / "any.tsv")
