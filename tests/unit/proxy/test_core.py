from typing import Any

from sipedge.proxy.arrival import loop_mark
from sipedge.testing.messages import as_request
from tests.unit.proxy.lab import ALICE, BOB, Lab


def test_branches_are_unique_and_known_as_ours() -> None:
    core = Lab().core
    branches = {core.new_branch(7) for _ in range(1000)}
    assert len(branches) == 1000
    for branch in branches:
        assert branch.startswith(b"z9hG4bK")
        assert branch.endswith(b".00000007")
        assert core.is_own_branch(branch)
    assert core.is_own_branch_in(b"SIP/2.0/UDP x;branch=" + core.new_branch(1))


def test_branches_of_another_life_are_not_ours() -> None:
    assert not Lab(seed=1).core.is_own_branch(Lab(seed=2).core.new_branch(0))


def test_the_tag_of_an_answer_is_the_same_for_a_copy_and_for_the_cancel() -> None:
    lab = Lab()
    invite = as_request(lab.invite(BOB, branch="z9hG4bK-1", call_id="c"))
    copy = as_request(lab.invite(BOB, branch="z9hG4bK-1", call_id="c"))
    other = as_request(lab.invite(BOB, branch="z9hG4bK-2", call_id="c"))
    assert lab.core.local_tag(invite) == lab.core.local_tag(copy)
    assert lab.core.local_tag(invite) != lab.core.local_tag(other)


def test_the_loop_mark_follows_what_decides_the_routing() -> None:
    lab = Lab()

    def mark(callee: str = BOB, **changes: object) -> int:
        options: dict[str, Any] = {"call_id": "c", "branch": "z9hG4bK-1"} | changes
        return loop_mark(as_request(lab.invite(callee, **options)))

    assert mark() == mark(branch="z9hG4bK-other", extra=["X-Anything: else"])
    different = [
        mark(ALICE),
        mark(call_id="d"),
        mark(from_tag="z"),
        mark(cseq=2),
        mark(extra=["Route: <sip:edge.test;lr>"]),
    ]
    assert mark() not in different


def test_the_ack_of_a_refusal_without_state_is_expected() -> None:
    lab = Lab(authenticate=frozenset({b"INVITE"}))
    wire = lab.invite(BOB)
    challenge = lab.one(wire, lab.flow(ALICE))
    ack = wire.replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK")
    to = b"To: " + challenge.header(b"To")[0]
    lab.silence(ack.replace(b"To: <sip:0033972100002@edge.test>", to), lab.flow(ALICE))
    assert lab.core.counters.dropped["stray_ack"] == 0


def test_the_time_of_day_is_the_clock_plus_an_offset() -> None:
    core = Lab().core
    core.wall_offset = 1_700_000_000.0
    assert core.wall_time(5.0) == 1_700_000_005.0
