# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One folder holds clips of one data set and one coding; who made them how."""
import contextlib
import json
import platform
import shutil
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import av
import cv2
import numpy as np

from mmfer.atomic import write_json
from mmfer.codec import CompressedVideoError, transcode
from mmfer.version import __version__

from .detectors import build_detector
from .journal import JOURNAL
from .run_faults import PreparationError, machine_faults
from .settings import Settings

PROVENANCE = 'prepare.json'
#: Settings that decide which clips are kept and what is noted of them.
_FREE = ('no_face', 'keep_short', 'digest')


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep a second run out of the folder; the system ends it with us.

    Args:
        out (Path): Folder of the data set; made if it does not exist.

    Raises:
        PreparationError: Another run is working on it.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: one has to take care oneself
        yield
        return
    with open(out / '.lock', 'w', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PreparationError(
                f'{out}: another run is working on this folder; wait for it '
                'or choose another folder') from None
        yield


def begin(out: Path,
          metainfo: Mapping[str, Any],
          settings: Settings,
          variant: Optional[Mapping[str, Any]] = None,
          frame_rate: Optional[float] = None
          ) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Note, or compare, what the folder is to hold.

    Args:
        out (Path): Folder of the data set.
        metainfo (Mapping): Of the annotation file.
        settings (Settings): How the clips are made.
        variant (Mapping, optional): Choices of the adapter. Defaults to
            None.
        frame_rate (float, optional): Pictures a second of picture folders.
            Defaults to None, unknown.

    Returns:
        tuple: The note as it is there, and as it is once all clips are made:
        ``dataset``, ``variant``, ``frame_rate``, ``settings``, ``versions``.

    Raises:
        PreparationError: The folder holds something else, or the settings
            cannot work.
    """
    wanted = dict(dataset=metainfo['dataset'],
                  variant=dict(variant or {}), frame_rate=frame_rate,
                  settings=settings.to_dict())
    # What JSON makes of the settings is what can be compared.
    wanted = json.loads(json.dumps(wanted, default=str))
    path = out / PROVENANCE
    begun = (out / JOURNAL).exists() or (out / 'clips').exists()
    if begun:
        try:
            stored = json.loads(path.read_text(encoding='utf-8'))
        except (FileNotFoundError, ValueError):
            raise PreparationError(
                f'{out}: holds clips but no readable {PROVENANCE}; choose '
                'another folder') from None
        old = {key: stored.get(key) for key in wanted}
        if 'frame_rate' not in stored:  # as older notes are
            old['frame_rate'] = wanted['frame_rate']
        changed = _differences(_compared(old), _compared(wanted))
        if changed:
            raise PreparationError(
                f'{out}: was made with other settings: '
                f'{"; ".join(changed)}. Mixed clips would be worthless: '
                'choose another folder, repeat the old settings, or delete '
                'this one')
        return stored, dict(stored, **wanted)
    try:
        _try_out(out, settings)
    except BaseException:
        shutil.rmtree(out / '.partial', ignore_errors=True)
        raise
    wanted['versions'] = {
        'mmfer': __version__, 'av': av.__version__,
        'libavcodec': '.'.join(map(str, av.library_versions['libavcodec'])),
        'opencv': cv2.__version__, 'numpy': np.__version__,
        'python': platform.python_version()
    }
    write_json(path, wanted)
    (out / 'clips').mkdir(exist_ok=True)
    return wanted, wanted


def note(out: Path, provenance: Mapping[str, Any]) -> None:
    """Write down how all clips of the folder are made now.

    Args:
        out (Path): Folder of the data set.
        provenance (Mapping): The second result of :func:`begin`.
    """
    path = out / PROVENANCE
    if json.loads(path.read_text(encoding='utf-8')) != provenance:
        write_json(path, provenance)


def _compared(content: Mapping[str, Any]) -> Dict[str, Any]:
    """Leave out what does not change the pictures of any clip."""
    variant = {key: value for key, value in (content['variant'] or {}).items()
               if not key.startswith('label_')}
    settings = {key: value
                for key, value in (content['settings'] or {}).items()
                if key not in _FREE}
    return dict(content, variant=variant, settings=settings)


def _differences(old: Any, new: Any, name: str = '') -> List[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = list(dict.fromkeys([*old, *new]))
        return [line for key in keys for line in _differences(
            old.get(key), new.get(key), f'{name}.{key}' if name else key)]
    return [] if old == new else [f'{name} {old!r}, now {new!r}']


def _try_out(out: Path, settings: Settings) -> None:
    """Find out in a moment whether the settings work at all."""
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    trial = out / '.partial' / f'trial{settings.suffix}'
    encoding = dict(settings.encoding)
    try:
        if settings.crop != 'none':
            build_detector(settings.detector)(grey[0])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with machine_faults(out):
                transcode(grey, trial, overwrite=True, **encoding)
        trial.unlink()
    except PreparationError:
        raise
    except (CompressedVideoError, ValueError, TypeError, OSError,
            RuntimeError) as error:
        text = ' '.join(str(error).split())
        raise PreparationError(f'the settings do not work: {text}') from None
