"""Fetch a whole data set, several files at once, with a progress bar."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from n2s.errors import UserError
from n2s.fetch.listing import files_of
from n2s.fetch.reach import address_of, check_reachable
from n2s.fetch.transfer import check_room, transfer
from n2s.options import check_number
from n2s.studies.card import OSF, Files, HuggingFace, OpenNeuro, PlainFile, Wall


def download(
    source: OpenNeuro | OSF | HuggingFace | Files | Wall,
    root: Path,
    *,
    subjects: list[str] | None = None,
    jobs: int = 4,
) -> None:
    """Fetch what a source holds to ``root``; of a `Wall`, print the steps.

    Raises
    ------
    UserError
        There is no network, a subject does not exist, the disk is too small, or files could not be downloaded: which, and what to do.
    """
    check_number("jobs", jobs, low=1, whole=True)
    if isinstance(source, Wall):
        print(
            f"n2s cannot fetch this data set for you{' without your account' if source.access == 'account' else ''}. The steps:"
        )
        print("\n".join(f"  {number}. {step}" for number, step in enumerate(source.steps, 1)))
        return
    check_reachable(address_of(source))
    root.mkdir(parents=True, exist_ok=True)
    print(f"{source.where}, into {root}", flush=True)
    if isinstance(source, HuggingFace):
        _from_hugging_face(source, root, subjects)
        return
    files = of_subjects(files_of(source), subjects)
    check_room(files, root)
    failed = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, ThreadPoolExecutor(jobs) as pool:
        bar = progress.add_task(f"{len(files)} files", total=sum(file.size for file in files) or None)
        waiting = {
            pool.submit(transfer, file, root, told=lambda n_bytes: progress.advance(bar, n_bytes)): file
            for file in files
        }
        for done in as_completed(waiting):
            try:
                done.result()
            except UserError as error:
                failed.append(str(error))
    if failed:
        more = f"\n... and {len(failed) - 5} more" if len(failed) > 5 else ""
        listed = "\n".join(failed[:5])
        raise UserError(
            f"{len(failed)} of {len(files)} files could not be fetched; the others are there.\n{listed}{more}"
        )
    print(f"{len(files)} files are in {root}.")


def of_subjects(files: list[PlainFile], subjects: list[str] | None) -> list[PlainFile]:
    """The files of some subjects, and the files that belong to no subject."""
    if subjects is None:
        return files
    of = {file: next((part[4:] for part in Path(file.path).parts if part.startswith("sub-")), None) for file in files}
    known = sorted({one for one in of.values() if one})
    wanted = {one.removeprefix("sub-") for one in subjects}
    lost = sorted(wanted - set(known))
    if lost:
        raise UserError(
            f"no subject {', '.join(lost)}; there are {', '.join(known) or 'none: file names do not say it'}."
        )
    return [file for file, one in of.items() if one is None or one in wanted]


def _from_hugging_face(source: HuggingFace, root: Path, subjects: list[str] | None) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = None if subjects is None else [f"*sub-{one.removeprefix('sub-')}_*" for one in subjects]
    for repository in source.repositories:
        try:
            snapshot_download(repository, repo_type="dataset", local_dir=root, allow_patterns=patterns)
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise UserError(f"{repository}: {error} What has come is kept; run the same command again.") from None
