"""The words of the transaction tables: the states of RFC 3261 section 17 and what moves them.

Each machine declares a set of `Transition`: (state, input, next state). What is not in the set is
ignored and leaves the state as it is. The set is the specification: `_enter` asserts it, the tests
walk it and the drawings in the documentation are made from it.
"""

from enum import Enum
from typing import Final, TypeAlias


class State(Enum):
    """Where a transaction stands; each of the four machines uses some of these."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"

    # Members are singletons. Enum's own hash is Python code, twice as slow as the set look-up.
    __hash__ = object.__hash__


class Input(Enum):
    """What can happen to a transaction."""

    INVITE = "INVITE"
    REQUEST = "request"
    ACK = "ACK"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    REFUSAL = "300-699"
    FINAL = "200-699"
    SEND_PROVISIONAL = "1xx from user"
    SEND_SUCCESS = "2xx from user"
    SEND_REFUSAL = "300-699 from user"
    SEND_FINAL = "200-699 from user"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    FLOW_FAILED = "flow failed"
    ABANDONED = "abandoned by user"

    __hash__ = object.__hash__


Transition: TypeAlias = tuple[State, Input, State]
Move: TypeAlias = tuple[State, State]

CALLING: Final = State.CALLING
TRYING: Final = State.TRYING
PROCEEDING: Final = State.PROCEEDING
COMPLETED: Final = State.COMPLETED
CONFIRMED: Final = State.CONFIRMED
ACCEPTED: Final = State.ACCEPTED
TERMINATED: Final = State.TERMINATED


def moves_of(transitions: frozenset[Transition]) -> frozenset[Move]:
    """Return the changes of state that the transitions allow, loops left out."""
    return frozenset((state, after) for state, _, after in transitions if state is not after)
