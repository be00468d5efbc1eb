"""Draws the transaction tables as the page docs/transactions.md; a test keeps the two equal.

`python -m sipedge.sip.transactions.drawing > docs/transactions.md` writes the page anew.
"""

import sys
from typing import Final

from sipedge.sip.transactions import client_invite, client_other, server_invite, server_other
from sipedge.sip.transactions.states import Input, State, Transition

_INTRODUCTION: Final = """\
# The four transactions

Made from the `TRANSITIONS` tables in `sipedge/sip/transactions/` by `drawing.py` there; the tests
walk the same tables with every input in every state. What is not drawn is ignored and changes
nothing. "User" is the proxy core, which RFC 3261 calls TU. Timers A, E and G repeat and exist on
datagrams only; on a stream timers D, I, J and K are 0, so the state they end is left at once.
"""

_MACHINES: Final[tuple[tuple[str, str, State, frozenset[Transition]], ...]] = (
    (
        "INVITE client transaction",
        "RFC 3261 section 17.1.1, RFC 6026 section 7.2",
        State.CALLING,
        client_invite.TRANSITIONS,
    ),
    (
        "Client transaction of the other methods",
        "RFC 3261 section 17.1.2",
        State.TRYING,
        client_other.TRANSITIONS,
    ),
    (
        "INVITE server transaction",
        "RFC 3261 section 17.2.1, RFC 6026 section 7.1",
        State.PROCEEDING,
        server_invite.TRANSITIONS,
    ),
    (
        "Server transaction of the other methods",
        "RFC 3261 section 17.2.2, RFC 4320 section 4",
        State.TRYING,
        server_other.TRANSITIONS,
    ),
)


def draw(transitions: frozenset[Transition], first: State) -> str:
    """Draw one machine as a Mermaid state diagram; inputs with the same arrow share a label."""
    states, inputs = list(State), list(Input)
    arrows: dict[tuple[int, int], list[int]] = {}
    for state, given, after in transitions:
        arrow = (states.index(state), states.index(after))
        arrows.setdefault(arrow, []).append(inputs.index(given))
    lines = ["stateDiagram-v2", f"    [*] --> {first.value}"]
    for (state_index, after_index), given_indexes in sorted(arrows.items()):
        label = ", ".join(inputs[index].value for index in sorted(given_indexes))
        state_name, after_name = states[state_index].value, states[after_index].value
        lines.append(f"    {state_name} --> {after_name}: {label}")
    lines.append(f"    {State.TERMINATED.value} --> [*]")
    return "\n".join(lines)


def draw_page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    for title, law, first, transitions in _MACHINES:
        parts.append(f"## {title}\n\n{law}\n\n```mermaid\n{draw(transitions, first)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(draw_page())
