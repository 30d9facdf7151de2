# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The data sets inside of wrappers."""
from typing import Iterator


def inner_datasets(dataset, method: str) -> Iterator:
    """Walk through wrappers down to the data sets that can do something.

    Args:
        dataset (Dataset): One of them, or a wrapper such as ``RepeatDataset``
            or ``ConcatDataset``.
        method (str): What they have; others are left out.

    Yields:
        Dataset: One after the other.
    """
    if hasattr(dataset, method):
        yield dataset
    elif hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from inner_datasets(part, method)
    elif hasattr(dataset, 'dataset'):
        yield from inner_datasets(dataset.dataset, method)
