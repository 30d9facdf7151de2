# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a repair did, and how it looks around without importing anything."""
import importlib.util
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

logger = logging.getLogger('mmfer')

UNTOUCHED, DONE, WAITING = 'not needed', 'done', 'waiting'


@dataclass(frozen=True)
class Repair:
    """What one repair did.

    Attributes:
        name (str): The key in the table of :mod:`mmfer.compat`.
        state (str): ``'not needed'``, ``'done'`` or ``'waiting'`` (for the
            import of the module that it concerns).
        detail (str): The reason, or what was changed.
    """
    name: str
    state: str
    detail: str


#: By name; a repair that waited replaces its entry when it acts.
RECORDS: Dict[str, Repair] = {}


def record(repair: Repair) -> None:
    """Keep what a repair did, for the report of all.

    Args:
        repair (Repair): A record; of two of one name the one that acted.
    """
    before = RECORDS.get(repair.name)
    if before is not None and before.state == DONE:
        return  # On a second call nothing is needed: keep what was done.
    if repair != before:
        logger.debug('%s: %s (%s)', repair.name, repair.state, repair.detail)
    RECORDS[repair.name] = repair


def package_folder(package: str) -> Optional[Path]:
    """Find a top-level package without importing it.

    Args:
        package (str): The import name.

    Returns:
        Path | None: Its folder, or None when it is not installed.
    """
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: a module without a spec.
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed(package: str) -> bool:
    """Whether a top-level package can be imported, without doing so."""
    return package in sys.modules or \
        importlib.util.find_spec(package) is not None
