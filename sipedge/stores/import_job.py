"""An import from start to end, as one call that can run in a process of its own.

Reading and comparing 100,000 lines takes seconds of pure computing. A running edge hands the job to
another process, and no call waits for it; the command line runs it where it is.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sipedge.accounts.data_file import parse_data_set
from sipedge.accounts.data_set import Progress, no_progress
from sipedge.accounts.importing import ImportReport, import_dataset
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import OfferCatalogue
from sipedge.stores.opening import opened_stores


@dataclass(frozen=True, slots=True)
class ImportJob:
    """What an import needs beside the text: everything in it can be pickled."""

    database_url: str
    data_dir: Path
    numbering: Numbering
    offers: OfferCatalogue


def run_import(job: ImportJob, text: str | bytes, progress: Progress = no_progress) -> ImportReport:
    """Import the text of a data file with a loop and connections of its own.

    Raises DataFileError (nothing was changed) and StoreError; both can be pickled.
    """
    return asyncio.run(_import(job, text, progress))


async def _import(job: ImportJob, text: str | bytes, progress: Progress) -> ImportReport:
    # Read first: a file with a mistake in it never opens the database.
    data = parse_data_set(text, numbering=job.numbering, offers=job.offers, progress=progress)
    async with opened_stores(job.database_url, job.data_dir) as stores:
        return await import_dataset(
            stores.accounts,
            data,
            offers=job.offers,
            passwords=stores.passwords,
            progress=progress,
        )
