"""A torchaudio that was built for another torch is said in a line: pip installs such a pair without a word."""

import pytest

from n2s.cli.errors import readable


def test_another_torchaudio_is_said(capsys):
    with pytest.raises(SystemExit) as ended, readable():
        raise OSError("Could not load this library: lib/libtorchaudio.so")
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "pip install torch==2.11.0 torchaudio==2.11.0" in said and "Traceback" not in said


def test_other_libraries_keep_their_traceback():
    with pytest.raises(OSError, match="libc"), readable():
        raise OSError("libc.so")
