# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints of mmengine, read with ``weights_only=True``."""
from typing import Any, Callable, List

from .after_import import when_imported
from .repair import DONE, UNTOUCHED, Repair

CHECKPOINT_MODULE = 'mmengine.runner.checkpoint'


def repair_safe_globals() -> Repair:
    """Let ``torch.load(weights_only=True)`` read mmengine's checkpoints.

    Their message hub holds log histories: numpy arrays and references to
    the methods of ``HistoryBuffer``. numpy's two functions are allowed under
    the names of numpy 1 and of numpy 2, so that checkpoints travel. For
    ``getattr``, which pickle writes for a method of a class, a function
    stands in that answers for ``HistoryBuffer`` only.

    Returns:
        Repair: What was done.
    """
    return when_imported('safe_globals', CHECKPOINT_MODULE,
                          _allow_checkpoint_names)


def _allow_checkpoint_names(checkpoint: Any) -> Repair:
    import torch
    version = tuple(int(v) for v in torch.__version__.split('.')[:2])
    if version < (2, 6):
        return Repair('safe_globals', UNTOUCHED,
                      f'torch {torch.__version__} reads them')
    missing = [
        entry for entry in checkpoint_globals()
        if entry not in torch.serialization.get_safe_globals()
    ]
    if not missing:
        return Repair('safe_globals', UNTOUCHED, 'the names are allowed')
    torch.serialization.add_safe_globals(missing)
    return Repair('safe_globals', DONE,
                  f'{len(missing)} names allowed in checkpoints')


def checkpoint_globals() -> List[Any]:
    """List what mmengine's checkpoints refer to besides tensors.

    Returns:
        list: Entries for ``torch.serialization.add_safe_globals``: classes,
        and pairs (object, name in the pickle).
    """
    import numpy as np
    from mmengine.logging import HistoryBuffer

    # Pickle itself tells where this numpy keeps its two functions.
    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bhilqBHILQefdFD'}
    functions = [(function, f'numpy.{core}.multiarray.{name}')
                 for core in ('core', '_core')
                 for name, function in (('_reconstruct', reconstruct),
                                        ('scalar', scalar))]
    return [
        HistoryBuffer, np.ndarray, np.dtype,
        *sorted(dtypes, key=lambda kind: kind.__name__), *functions,
        (history_buffer_method, 'builtins.getattr')
    ]


def history_buffer_method(owner: type, name: str) -> Callable:
    """Stand in for ``getattr`` while a checkpoint is read.

    Args:
        owner (type): Must be mmengine's ``HistoryBuffer``.
        name (str): The name of one of its public methods.

    Returns:
        Callable: The method.

    Raises:
        ValueError: If anything else is asked for.
    """
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name.startswith('_'):
        raise ValueError(
            f'This checkpoint asks for the attribute {name!r} of {owner!r}. '
            'A checkpoint of mmengine does not; it was refused.')
    return getattr(HistoryBuffer, name)
