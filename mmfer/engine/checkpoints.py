# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Find the checkpoint from which an interrupted training goes on.

mmengine writes checkpoints in place and, if only one is kept, deletes the old
one first. A training that was killed at the wrong moment therefore leaves a
file that is cut off, or a ``last_checkpoint`` that names a file which is gone.
And one that was killed during validation would go on behind it: the best
checkpoint of that epoch would never be written.
"""
import json
import re
import zipfile
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple


def is_whole(path: Path) -> bool:
    """Tell whether a checkpoint was written to its end.

    Args:
        path (Path): File of ``torch.save``.

    Returns:
        bool: True if it is an archive whose parts have their checksums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, ValueError):
        return False


def epoch_checkpoints(work_dir: Path) -> Dict[int, Path]:
    """List the checkpoints of epochs.

    Args:
        work_dir (Path): Folder of a training.

    Returns:
        dict[int, Path]: By epoch, ascending.
    """
    found = {}
    for path in Path(work_dir).glob('epoch_*.pth'):
        match = re.fullmatch(r'epoch_([0-9]+)', path.stem)
        if match:
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def best_checkpoint(work_dir: Path) -> Optional[Tuple[int, Path]]:
    """Find the best checkpoint according to the validation.

    Args:
        work_dir (Path): Folder of a training.

    Returns:
        tuple[int, Path] | None: Epoch and file; the newest if an interruption
        left several. None without one that is whole.
    """
    found = []
    for path in Path(work_dir).glob('best_*.pth'):
        match = re.search(r'_epoch_([0-9]+)$', path.stem)
        if match and is_whole(path):
            found.append((path.stat().st_mtime, int(match[1]), path))
    return max(found)[1:] if found else None


def resume_point(work_dir: Path,
                 is_due: Callable[[int], bool]) -> Optional[Tuple[int, Path]]:
    """Choose the checkpoint to go on from.

    Args:
        work_dir (Path): Folder of a training.
        is_due (Callable): Whether an epoch is followed by a validation.

    Returns:
        tuple[int, Path] | None: Epoch and file of the newest checkpoint that
        is whole and whose validation, if due, was finished. None: start
        anew.
    """
    validated = validated_epochs(work_dir)
    for epoch, path in reversed(epoch_checkpoints(work_dir).items()):
        if (epoch in validated or not is_due(epoch)) and is_whole(path):
            return epoch, path
    return None


def validated_epochs(work_dir: Path) -> set:
    """List the epochs whose validation was finished and logged.

    Args:
        work_dir (Path): Folder of a training.

    Returns:
        set[int]: Epochs, over all attempts.
    """
    # Identity leakage is measured beside the validation, and before it.
    return {record['step'] for record in read_scalars(work_dir)
            if 'epoch' not in record and 'step' in record
            and not all(name.startswith('leakage/')
                        for name in record if name != 'step')}


def read_scalars(work_dir: Path, since: float = 0.) -> List[dict]:
    """Read what mmengine logged, oldest attempt first.

    Args:
        work_dir (Path): Folder of a training.
        since (float): Leave out attempts that wrote nothing after this time,
            in seconds as of ``time.time``. Defaults to 0, none.

    Returns:
        list[dict]: Records; those of training have ``epoch``, those of
        validation have the epoch as ``step``.
    """
    records = []
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        if path.stat().st_mtime < since:
            continue
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                continue  # the line that an interruption cut off
    return records


def validation_due(train_cfg: dict) -> Callable[[int], bool]:
    """Give mmengine's rule of when it validates.

    Args:
        train_cfg (dict): Of the config.

    Returns:
        Callable: Maps an epoch, from 1, to bool.
    """
    begin = train_cfg.get('val_begin', 1)
    every = train_cfg.get('val_interval', 1)
    last = train_cfg['max_epochs']
    return lambda epoch: epoch >= begin and (
        epoch % every == 0 or epoch == last)
