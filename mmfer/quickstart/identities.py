# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Embed who every clip of the expression data shows."""
import json
from pathlib import Path
from typing import Dict

#: Components of the whitened embeddings, docs/identity.md says why.
COMPONENTS = 16


def extract(annotations: Path, config: Path, checkpoint: str,
            out: Path) -> Dict[str, float]:
    """Write the identity file, and judge the face network by it.

    The persons are others than those that the network learned from.

    Args:
        annotations (Path): The expression data.
        config (Path): Of the face network.
        checkpoint (str): Its weights.
        out (Path): The identity file.

    Returns:
        dict[str, float]: ``EER``, ``rank1`` and ``rank1_chance`` of
        :class:`mmfer.VerificationMetric`, over all clips.
    """
    from mmfer.datasets import IdentityEmbeddings
    from mmfer.engine.identity_extraction import (extract_identities,
                                                  read_encoder_config)
    from mmfer.evaluation.verification_metric import VerificationMetric
    from mmfer.models import build_identity_encoder
    encoder = build_identity_encoder(
        read_encoder_config(str(config), checkpoint))
    extract_identities(
        str(annotations), encoder, out, whiten=COMPONENTS, overwrite=True,
        progress=False)
    identities = IdentityEmbeddings.load(str(out))
    clips = json.loads(annotations.read_text('utf-8'))['clips']
    found = VerificationMetric.calculate(
        [identities[clip['path']] for clip in clips],
        [clip['subject'] for clip in clips], [clip['label'] for clip in clips])
    return {name: float(value) for name, value in found.items()}
