"""The one exception that is meant for the person at the keyboard. Everything else is a bug."""


class UserError(Exception):
    """What went wrong, where, and what to do, in one line; the command line prints it and exits with 2."""
