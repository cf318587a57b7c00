"""What archives answer, and where the files that they name would go: never out of the folder."""

import io
import json
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, broken, fuzz, jsons

from n2s.errors import UserError
from n2s.fetch.listing import files_of
from n2s.fetch.run import of_subjects
from n2s.fetch.transfer import check_room, transfer
from n2s.studies.card import OSF, OpenNeuro, PlainFile

SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ITEM = "<Contents><Key>ds1/sub-01/a.fif</Key><Size>7</Size><ETag>&quot;0a1b&quot;</ETag></Contents>"
PAGE = f"<?xml version='1.0'?><ListBucketResult {SPACE}>{ITEM}{ITEM.replace('sub-01', 'sub-02')}</ListBucketResult>"
OSF_PAGE = {
    "data": [
        {
            "attributes": {
                "kind": "file",
                "materialized_path": "/sub-01/x.con",
                "size": 3,
                "extra": {"hashes": {"sha256": "ff"}},
            },
            "links": {"download": "https://osf.io/download/x"},
        }
    ],
    "links": {"next": None},
}
BOMB = "<!DOCTYPE a [<!ENTITY b0 'x'>" + "".join(f"<!ENTITY b{i + 1} '{f'&b{i};' * 10}'>" for i in range(9)) + "]>"


@st.composite
def pages(draw) -> bytes:
    """The bucket's XML with texts and tags changed."""
    odd = draw(
        st.sampled_from(
            ("-1", "9" * 5000, "1e3", "", "٣", "../../x", "/etc/x", "ds1/../../x", "&b9;", "\x00", "7.5", "&lt;")
        )
    )
    was = draw(st.sampled_from(("ds1/sub-01/a.fif", "7", "Key", "Contents", "0a1b", "http:", "Size")))
    text = PAGE.replace(was, odd, draw(st.sampled_from((1, -1)))) if draw(st.booleans()) else PAGE
    if draw(st.integers(0, 5)) == 0:
        text = text.replace("?>", "?>" + BOMB, 1)
    content = text.encode(draw(st.sampled_from(("utf-8", "utf-8", "utf-16"))))
    return draw(broken(content)) if draw(st.booleans()) else content


def check_files(files) -> None:
    for file in files or []:
        assert isinstance(file, PlainFile) and isinstance(file.path, str) and isinstance(file.url, str)
        assert isinstance(file.size, int) and file.size >= 0


@fuzz(share=2)
@given(pages())
def test_the_listing_of_openneuro(content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(content))
        check_files(answer(files_of, OpenNeuro("ds1"), openneuro="https://nowhere/bucket"))


@fuzz(share=2)
@given(jsons(OSF_PAGE, values=("../../x", "/etc/passwd", "folder", "https://other", "file:///etc/passwd")))
def test_the_listing_of_osf(content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(content))
        check_files(answer(files_of, OSF(("p1",)), osf="https://nowhere"))


def test_listings_that_lead_in_a_circle():
    """A page whose next one is itself, and a folder that holds itself, end."""
    around = json.dumps({"data": [], "links": {"next": "https://nowhere/again"}}).encode()
    inside = {
        "attributes": {"kind": "folder"},
        "relationships": {"files": {"links": {"related": {"href": "https://nowhere/in"}}}},
    }
    s3 = PAGE.replace(
        "</ListBucketResult>", "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    ).encode()
    for source, content in (
        (OSF(("p1",)), around),
        (OSF(("p1",)), json.dumps({"data": [inside], "links": {}}).encode()),
        (OpenNeuro("ds1"), s3),
    ):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match="circle"):
            patch.setattr(urllib.request, "urlopen", lambda *_, content=content, **__: io.BytesIO(content))
            files_of(source, openneuro="https://nowhere", osf="https://nowhere")


NAMES = (
    "../x", "../../x", "a/../../x", "/etc/x", "//x", "a\x00b", "", ".", "..", "./", "a/..", "~/x", "a" * 300, "a/" * 3000 + "x",
    "link/x", "link", "sub-01/../sub-02/x", "\ud800", "a\nb", "C:\\x", "..\\x", "kept", "kept/x",
)  # fmt: skip


@fuzz(share=2)
@given(
    st.one_of(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3).map("/".join), st.text(max_size=20))
)
def test_names_of_files(name):
    """Nothing is made outside the folder, through links neither; the address leads nowhere, so that nothing is made inside."""
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        root = place / "in" / "root"
        root.mkdir(parents=True)
        (place / "outside").mkdir()
        (root / "link").symlink_to(place / "outside")
        (root / "kept").write_bytes(b"kept")
        before = sorted(place.rglob("*"))
        file = PlainFile("http://127.0.0.1:1/x", name, "", 4)
        answer(of_subjects, [file], None)
        answer(check_room, [file], root)
        got = answer(transfer, file, root, wait_s=0.0)
        assert got is None or got.resolve().is_relative_to(root.resolve())
        assert [path for path in sorted(place.rglob("*")) if path not in before and root not in path.parents] == []
        assert (root / "kept").read_bytes() == b"kept" and not list((place / "outside").iterdir())
        assert not Path("/etc/x").exists()
