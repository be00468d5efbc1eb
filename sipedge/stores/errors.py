"""What can be wrong with the machine that keeps the data."""


class StoreError(Exception):
    """The stores cannot be used as they are; the sentence says what the operator can do."""


class Unavailable(StoreError):
    """The database did not answer, or is not ready for this version of the program."""


class KeyFileError(StoreError):
    """The secret key cannot be used: missing, readable by others, damaged or another one."""
