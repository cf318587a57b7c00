"""n2s's own warnings are a line that a person reads; those of other packages are as Python shows them."""

import warnings

import n2s.data.shared as own
from n2s.cli.plain_warnings import plain_warnings


def test_no_file_and_no_line_of_code(capsys):
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with plain_warnings():
            warnings.warn_explicit("LEAK? a and b sound alike.", UserWarning, own.__file__, 88)
            warnings.warn_explicit("deprecated.", UserWarning, "/somewhere/else.py", 3)
        warnings.warn_explicit("again.", UserWarning, own.__file__, 90)
    assert capsys.readouterr().err == "warning: LEAK? a and b sound alike.\n"
    assert [str(one.message) for one in others] == ["deprecated.", "again."]
