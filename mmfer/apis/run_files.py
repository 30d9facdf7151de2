# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The files behind a model and a detector, of which some name but one."""
import os
from typing import List, Optional


def model_files(checkpoint: Optional[str]) -> List[str]:
    """List the files that make a model.

    Args:
        checkpoint (str, optional): A checkpoint or an exported model.

    Returns:
        list[str]: The file itself, which need not exist. The weights of an
        OpenVINO model and what is known about it lie beside it.
    """
    if checkpoint is None:
        return []
    stem, suffix = os.path.splitext(os.fspath(checkpoint))
    beside = [stem + '.bin', stem + '.json'] if suffix == '.xml' else []
    return [os.fspath(checkpoint), *filter(os.path.isfile, beside)]


def detector_files(spec: Optional[str]) -> List[str]:
    """List the files that a detector is made from.

    Args:
        spec (str, optional): Such as 'haar:FILE.xml', see ``build_detector``.

    Returns:
        list[str]: Those that exist.
    """
    if not isinstance(spec, str):
        return []
    kind, _, name = spec.partition(':')
    return [name] if kind in ('haar', 'yunet') and os.path.isfile(name) else []
