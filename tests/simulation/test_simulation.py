"""Random runs over a network that fails: limits hold after every step, and everything ends."""

import pytest

from sipedge.testing.simulation import Simulation

# A run takes some 25 ms: few enough for every commit, many enough to have found each fault that
# the first thousands of seeds found. `sipedge simulate` runs as many as one has time for.
RUNS = 240
BLOCK = 20


@pytest.mark.parametrize("first", range(0, RUNS, BLOCK))
def test_limits_hold_and_everything_ends_whatever_the_network_does(first: int) -> None:
    talked = refused = 0
    for seed in range(first, first + BLOCK):
        run = Simulation(seed)
        run.run()
        talked += sum(run.world.edge.core.counters.calls_ended.values())
        refused += run.book.refused
    assert talked, "runs in which nobody calls prove nothing"
    assert refused, "nor do runs in which nobody is refused"


def test_a_busy_run_with_many_calls_holds_too() -> None:
    run = Simulation(7, calls=150)
    run.run()
    assert run.book.admitted > 20
    assert run.book.refused > 20


def test_a_seed_repeats_its_run_exactly() -> None:
    runs = [Simulation(11) for _ in range(2)]
    for run in runs:
        run.run()
    first, second = (
        (run.world.steps, run.world.now, run.book.admitted, run.world.network.lost) for run in runs
    )
    assert first == second
