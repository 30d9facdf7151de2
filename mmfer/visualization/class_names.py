# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Names for the classes of a dump, which stores numbers alone."""
from typing import Any, List, Optional, Sequence


def class_names(predictions: Any,
                classes: Optional[Sequence[str]] = None,
                config: Optional[str] = None,
                known: Optional[Sequence[str]] = None) -> List[str]:
    """Find the names of the classes that a dump speaks of.

    Args:
        predictions (Predictions): See ``mmfer.evaluation.dumps``.
        classes (Sequence[str], optional): The names. Defaults to None.
        config (str, optional): Config whose test data has the names; only its
            annotation file is read. Defaults to None.
        known (Sequence[str], optional): Names found for another dump, which
            have to fit this one. Defaults to None.

    Returns:
        list[str]: K names; their numbers if nothing was given.

    Raises:
        ValueError: Another number of names than scores.
    """
    count = predictions.scores.shape[1]
    names = known or classes
    if names is None and config is not None:
        from mmengine.config import Config
        from mmengine.registry import DATASETS, init_default_scope
        init_default_scope('mmaction')
        settings = Config.fromfile(config).test_dataloader.dataset
        # The clips themselves are not needed to know the names.
        dataset = DATASETS.build({**settings, 'check_files': False})
        names = dataset.metainfo.get('classes')
    if names is None:
        names = [str(number) for number in range(count)]
    if len(names) != count:
        raise ValueError(f'{len(names)} class names ({", ".join(names)}), '
                         f'but the dump has scores of {count} classes')
    return list(names)
