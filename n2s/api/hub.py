"""Exports on the Hugging Face Hub."""

import tempfile
from pathlib import Path

from n2s.api.bundle import Bundle
from n2s.api.export import export
from n2s.api.hub_errors import hub_errors


def push(bundle: Bundle, repo_id: str, *, private: bool = True, licence: str | None = None) -> str:
    """Export a run and upload it; the address of the repository.

    Parameters
    ----------
    bundle
        The run.
    repo_id
        ``lab/name``; it is made if it is not there.
    private
        Whether a new repository is private. It holds names of subjects and sensors, and what weights may tell of the data.
    licence
        See `n2s.api.export.export`.

    Raises
    ------
    UserError
        The Hub refuses it: no token (``HF_TOKEN``), no right, no network.
    """
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory() as made:
        folder = export(bundle, Path(made) / "export", licence=licence)
        api = HfApi()
        refused = "the Hugging Face Hub refused the upload ({}). It needs a token with write access (HF_TOKEN, or `hf auth login`) and the network."
        with hub_errors(f"{repo_id}: {refused}"):
            url = api.create_repo(repo_id, private=private, exist_ok=True)
            message = f"n2s export of {bundle.record.get('experiment', 'a run')}"
            api.upload_folder(repo_id=url.repo_id, folder_path=folder, commit_message=message)
    return str(url)
