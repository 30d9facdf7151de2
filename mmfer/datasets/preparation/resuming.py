# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which clips of an earlier run stay as they are."""
from pathlib import Path
from typing import Any, Mapping, Optional

from ..adapters.facts import SourceClip
from .clip_writer import LEAST_PREDICTED
from .settings import Settings
from .source_state import source_state


def is_done(record: Optional[Mapping[str, Any]],
            out: Path,
            clip: SourceClip,
            settings: Settings,
            retry: bool = False,
            no_face: Optional[str] = None) -> bool:
    """Say whether a clip needs no work.

    Args:
        record (Mapping | None): Of the journal, if there is one.
        out (Path): Folder of the data set.
        clip (SourceClip): What the clip is to be made from now.
        settings (Settings): How it is to be made now.
        retry (bool): Whether clips that were kept out are tried again.
            Defaults to False.
        no_face (str, optional): ``settings.no_face`` of records that do not
            say theirs. Defaults to None.

    Returns:
        bool: False if it was never made, if its file is not what was written,
        if its source has changed, or if the settings decide otherwise now.
    """
    if record is None:
        return False
    now = source_state(clip)
    # Older records do not know their source. That one was put away says
    # nothing against its clip, which could not be made again.
    if now is not None and now != record.get('origin', now):
        return False
    if record['status'] != 'done':
        return not retry and not _allowed(record, settings)
    if now is not None and _unwanted(record, settings, no_face):
        return False
    try:
        return (out / record['path']).stat().st_size == record['bytes']
    except OSError:
        return False


def _allowed(record: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether a clip was kept out for what is no reason any more."""
    if record['reason'] == 'no-face':
        return settings.no_face != 'skip'
    return record['reason'] == 'short' and settings.keep_short


def _unwanted(record: Mapping[str, Any], settings: Settings,
              no_face: Optional[str]) -> bool:
    """Say whether a clip was made for what the settings refuse now."""
    if record.get('faces') == 0 and (
            record.get('no_face', no_face) != settings.no_face):
        return True
    if record['predicted'] < LEAST_PREDICTED and not settings.keep_short:
        return True
    return settings.digest and 'sha256' not in record
