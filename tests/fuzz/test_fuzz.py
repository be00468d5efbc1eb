"""A bounded run of every fuzzer, always the same, and the inputs that once broke a rule."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds_of, write_seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
REGRESSIONS = Path(__file__).with_name("regressions")
# Each takes a few seconds; an input of `edge` is whole calls on an edge of its own.
RUNS = dict.fromkeys(TARGETS, 20_000) | {"edge": 2_000, "framing": 5_000}


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_of_a_bounded_run_breaks_a_rule(target: str, tmp_path: Path) -> None:
    """A process of its own: libFuzzer ends it when a rule is broken."""
    corpus = tmp_path / "corpus"
    write_seeds(target, corpus)
    command = [sys.executable, "-m", "tests.fuzz.run", target, str(corpus)]
    options = [f"-runs={RUNS[target]}", "-seed=4475", "-max_len=2048", "-print_final_stats=1"]
    fuzzer = subprocess.run(
        [*command, *options, f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
        check=False,
    )
    found = [(path.name, path.read_bytes()) for path in tmp_path.glob("*-*")]
    assert fuzzer.returncode == 0, f"{found}\n{fuzzer.stdout[-2_000:]}\n{fuzzer.stderr[-4_000:]}"
    assert f"stat::number_of_executed_units: {RUNS[target]}" in fuzzer.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_keep_the_rules(target: str) -> None:
    seeds = seeds_of(target)
    assert len(seeds) > 20
    for seed in seeds:
        TARGETS[target](seed)


@pytest.mark.parametrize(
    "path", sorted(REGRESSIONS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_an_input_that_once_broke_a_rule_keeps_it(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())
