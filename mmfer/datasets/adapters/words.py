# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Words and codes of releases, turned into common class names."""
from typing import Optional

from ..class_names import COMMON_NAMES


def expression_name(word: str) -> Optional[str]:
    """Give the common name of an expression.

    Args:
        word (str): As a release writes it; case does not matter. Several
            expressions at once are divided by '_', as MAFW does.

    Returns:
        str | None: For example 'happy' for 'Happiness' and 'angry_disgust'
        for 'anger_disgust'; None if the word is no expression.

    Examples:
        >>> expression_name('HAP'), expression_name('fear_surprise')
        ('happy', 'fear_surprise')
    """
    parts = [COMMON_NAMES.get(part) for part in
             word.strip().lower().split('_')]
    return None if None in parts else '_'.join(parts)
