from sipedge.testing.agenda import Agenda


def test_reminders_come_in_order_and_equal_ones_as_they_were_made() -> None:
    agenda = Agenda()
    done: list[object] = []
    for at, name in ((3.0, "c"), (1.0, "a"), (1.0, "b"), (9.0, "d")):
        agenda.add(at, lambda name=name: done.append(name))  # type: ignore[misc]
    assert agenda.next_at() == 1.0
    agenda.run(5.0)
    assert done == ["a", "b", "c"]
    assert (agenda.next_at(), len(agenda)) == (9.0, 1)


def test_what_is_called_off_does_not_happen() -> None:
    agenda = Agenda()
    done: list[object] = []
    agenda.add(1.0, lambda: done.append(1)).call_off()
    agenda.run(5.0)
    assert (done, agenda.next_at(), len(agenda)) == ([], None, 0)


def test_a_reminder_may_make_another_one_that_is_due_too() -> None:
    agenda = Agenda()
    done: list[object] = []

    def remind() -> None:
        agenda.add(1.0, lambda: done.append("again"))

    agenda.add(1.0, remind)
    agenda.run(1.0)
    assert done == ["again"]
    agenda.add(2.0, lambda: done.append("never"))
    agenda.clear()
    agenda.run(9.0)
    assert done == ["again"]
