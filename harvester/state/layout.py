"""The folders that state lies in: its owner's alone, from the first of them that had to be made."""

from __future__ import annotations

from pathlib import Path

from connectors.errors import OutputError


def private(folder: Path) -> Path:
    """The folder, made where it is not there, with those above it that are missing: all of them for the owner only."""
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the state folder {folder} cannot be written ({error.strerror}); name another with HARVESTER_STATE_DIR"
        ) from None
    return folder
