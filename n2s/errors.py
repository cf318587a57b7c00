"""The one exception for what a user can mend."""


class UserError(Exception):
    """Something the user gave is wrong: the message says what was found, where, what was expected and what to do.

    The command line prints the message alone, without a traceback, and exits with 2.
    """
