"""The words of the tables."""

from sipedge.sip.transactions.states import (
    PROCEEDING,
    TERMINATED,
    TRYING,
    Input,
    State,
    moves_of,
)


def test_moves_are_the_changes_of_state_and_loops_are_none() -> None:
    transitions = frozenset(
        {
            (TRYING, Input.REQUEST, TRYING),
            (TRYING, Input.SEND_PROVISIONAL, PROCEEDING),
            (PROCEEDING, Input.FLOW_FAILED, TERMINATED),
            (PROCEEDING, Input.ABANDONED, TERMINATED),
        }
    )

    assert moves_of(transitions) == {(TRYING, PROCEEDING), (PROCEEDING, TERMINATED)}


def test_words_are_unique_and_hash_without_python_code() -> None:
    assert len({state.value for state in State}) == len(State)
    assert len({given.value for given in Input}) == len(Input)
    assert State.__hash__ is object.__hash__
    assert Input.__hash__ is object.__hash__
