import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from sipedge.accounts.errors import DataFileError
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import shipped_offers
from sipedge.stores.errors import Unavailable
from sipedge.stores.import_job import ImportJob, run_import
from tests.unit.accounts.memory import BASE


def job_in(folder: Path) -> ImportJob:
    return ImportJob(f"sqlite:///{folder}/x.db", folder, Numbering(), shipped_offers())


def test_a_job_reads_and_writes_by_itself(tmp_path: Path) -> None:
    stages: list[str] = []
    report = run_import(job_in(tmp_path), BASE, lambda stage, done, total: stages.append(stage))
    assert report.lines == ["0033972100001"]
    assert list(dict.fromkeys(stages)) == ["checking", "comparing", "writing"]
    assert run_import(job_in(tmp_path), BASE.encode()).is_empty


def test_a_mistake_does_not_even_make_the_database(tmp_path: Path) -> None:
    with pytest.raises(DataFileError):
        run_import(job_in(tmp_path), "[[lines]]")
    assert list(tmp_path.iterdir()) == []


def test_a_job_runs_in_another_process_and_its_errors_come_back(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = ImportJob(f"sqlite:///{tmp_path}/file/x", tmp_path, Numbering(), shipped_offers())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(run_import, job_in(tmp_path), BASE).result(60).tables["line"].added == 1
        with pytest.raises(DataFileError, match=r"\[\[link\]\] entry 1 \(a\), key up_kbps"):
            pool.submit(
                run_import, job_in(tmp_path), '[[link]]\nname = "a"\nup_kbps = 0\ndown_kbps = 1'
            ).result(60)
        with pytest.raises(Unavailable, match="cannot be made"):
            pool.submit(run_import, blocked, BASE).result(60)
