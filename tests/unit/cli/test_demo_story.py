import pytest

from sipedge.cli.demo_story import StepFailed, check_refusal, check_why
from sipedge.testing.agent import Address
from sipedge.testing.calls import OutgoingCall
from sipedge.testing.messages import as_request, write_response
from sipedge.testing.phone import Phone

EDGE: Address = ("127.0.0.1", 5060)
REASON = b"Reason: Q.850;cause=34"
WARNING = b'Warning: 399 demo "R-7F3K 2/2 calls"'


class Scene:
    """A phone that has sent an INVITE, and the answers that the test writes to it."""

    def __init__(self) -> None:
        self.phone = Phone("0033972100001", "secret", ("127.0.0.1", 5062), EDGE, lambda: 0.0)
        self.call: OutgoingCall = self.phone.call("0145000002")
        ((_, self.invite),) = self.phone.take_sends()
        self.heard: list[bytes] = []

    def hears(self, status: int, *extra: bytes) -> None:
        wire = write_response(as_request(self.invite), status, to_tag=b"edge", extra=extra)
        self.heard.append(wire)
        self.phone.receive(wire, EDGE)


def test_a_refusal_with_its_ticket_is_shown_as_the_phone_saw_it() -> None:
    scene = Scene()
    scene.hears(100)
    scene.hears(486, WARNING, REASON)
    ticket, lines = check_refusal(scene.call, scene.heard, paid=2)
    assert ticket == "R-7F3K"
    assert lines == ["SIP/2.0 486 Busy Here", WARNING.decode(), REASON.decode()]


def test_a_phone_that_is_not_refused_fails_the_step() -> None:
    scene = Scene()
    scene.hears(200, b"Contact: <sip:0145000002@127.0.0.2>")
    with pytest.raises(StepFailed, match="the call is talking, and not refused"):
        check_refusal(scene.call, scene.heard, paid=2)


def test_a_phone_that_hears_nothing_fails_the_step() -> None:
    scene = Scene()
    scene.call._end("lost")
    with pytest.raises(StepFailed, match="no final answer"):
        check_refusal(scene.call, scene.heard, paid=2)


@pytest.mark.parametrize(
    ("status", "extra", "complaint"),
    [
        (480, (WARNING, REASON), "got SIP/2.0 480 Temporarily Unavailable instead of 486"),
        (486, (REASON,), "no ticket with 2/2 calls in Warning: none"),
        (486, (b'Warning: 399 demo "R-7F3K 3/3 calls"', REASON), "no ticket with 2/2 calls"),
        (486, (b'Warning: 399 demo "2/2 calls"', REASON), "no ticket with 2/2 calls"),
        (486, (WARNING,), "the Reason is missing"),
        (486, (WARNING, b"Reason: Q.850;cause=17"), "the Reason is Q.850;cause=17"),
    ],
)
def test_a_refusal_of_another_kind_fails_the_step(
    status: int, extra: tuple[bytes, ...], complaint: str
) -> None:
    scene = Scene()
    scene.hears(status, *extra)
    with pytest.raises(StepFailed) as failed:
        check_refusal(scene.call, scene.heard, paid=2)
    assert complaint in str(failed.value)


def test_the_answer_to_another_call_is_not_taken_for_this_one() -> None:
    scene, other = Scene(), Scene()
    other.phone.random.seed(2)
    other.call = other.phone.call("0145000003")
    ((_, other.invite),) = other.phone.take_sends()
    other.hears(486, WARNING, REASON)
    scene.call._end("lost")
    with pytest.raises(StepFailed, match="no final answer"):
        check_refusal(scene.call, [b"no message", *other.heard], paid=2)


def test_an_explanation_must_name_every_call_that_held_the_line() -> None:
    scene = Scene()
    call_id = scene.call.call_id.decode()
    check_why(f"R-7F3K was refused because of {call_id}", "R-7F3K", [scene.call])
    with pytest.raises(StepFailed, match="does not name call 1"):
        check_why("R-7F3K was refused", "R-7F3K", [scene.call])
    with pytest.raises(StepFailed, match="does not name R-7F3K"):
        check_why(call_id, "R-7F3K", [scene.call])
