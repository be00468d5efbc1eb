"""A value that must not show: it is compared and revealed on purpose, never printed."""

import hmac

from typing_extensions import override


class Secret:
    """Something only `reveal()` gives away; two secrets are equal when what they hide is.

    `repr`, `str` and format show nothing, so that a log or a traceback cannot leak it.
    """

    __slots__ = ()

    def reveal(self) -> str:
        """Return the hidden text."""
        raise NotImplementedError

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    # Two equal secrets may be sealed differently: there is no cheap hash that agrees with equality.
    __hash__ = None  # type: ignore[assignment]

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} ****>"


class ClearSecret(Secret):
    """A secret as it was typed or read from a data file."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @override
    def reveal(self) -> str:
        """Return the text."""
        return self._text
