# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Official releases of expression data sets: one adapter each.

    from mmfer.datasets.adapters import get_adapter

    release = get_adapter('dfew')('/data/DFEW')
    clips = release.clips()
    for finding in release.check(clips):
        print(finding.to_text())
"""
from typing import Dict, List, Type

from .afew import AFEW
from .base import DatasetAdapter
from .casme2 import CASME2
from .ckplus import CKPlus
from .crema_d import CREMAD
from .dfew import DFEW
from .enterface05 import ENTERFACE05
from .facts import Expected, Place, Protocol, SourceClip
from .ferv39k import FERV39k
from .layout import AdapterError
from .mafw import MAFW
from .mmi import MMI
from .oulu_casia import OuluCASIA
from .ravdess import RAVDESS
from .samm import SAMM

#: Adapters by the name that commands take.
ADAPTERS: Dict[str, Type[DatasetAdapter]] = {
    adapter.name: adapter
    for adapter in (DFEW, FERV39k, MAFW, AFEW, CKPlus, MMI, OuluCASIA, CREMAD,
                    RAVDESS, ENTERFACE05, CASME2, SAMM)
}


def get_adapter(name: str) -> Type[DatasetAdapter]:
    """Give an adapter by name.

    Args:
        name (str): For example 'dfew'; case, '_', '-' and '+' do not matter.

    Returns:
        type[DatasetAdapter]: The class; call it with the root of a release.

    Raises:
        AdapterError: There is no such data set.
    """
    def plain(text):
        text = text.lower().replace('+', 'plus')
        return text.replace('-', '').replace('_', '').replace(' ', '')

    for known, adapter in ADAPTERS.items():
        if plain(name) in (plain(known), plain(adapter.title)):
            return adapter
    raise AdapterError(f'no adapter {name!r}; there are '
                       f'{", ".join(list_adapters())}')


def list_adapters() -> List[str]:
    """Name all adapters.

    Returns:
        list[str]: In the order of the documentation.
    """
    return list(ADAPTERS)


__all__ = [
    'ADAPTERS', 'AdapterError', 'DatasetAdapter', 'Expected', 'Place',
    'Protocol', 'SourceClip', 'get_adapter', 'list_adapters'
]
