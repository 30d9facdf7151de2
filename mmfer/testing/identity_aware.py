# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A small identity-aware recogniser and random batches for it."""
from typing import Optional, Sequence

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch import nn

EXPRESSION, IDENTITY, CLASSES, PICTURES = 8, 6, 3, 2


def small_recognizer(penalty: Optional[str] = 'dcor',
                     decoder: bool = False,
                     steps: int = 2,
                     weight: float = 1.,
                     memory: int = 0,
                     seed: int = 0) -> nn.Module:
    """Build an identity-aware recogniser that a test can train.

    Args:
        penalty (str, optional): Name in the registry ``DEPENDENCE``; None
            leaves the identity head out. Defaults to 'dcor'.
        decoder (bool): Whether to rebuild the apex. Defaults to False.
        steps (int): Steps of the estimator. Defaults to 2.
        weight (float): Of the penalty. Defaults to 1.0.
        memory (int): Of the identity head. Defaults to 0.
        seed (int): Of the weights. Defaults to 0.

    Returns:
        nn.Module: In training mode but for its BatchNorm layers, which are
        frozen: statistics of parts of a batch are not those of the batch.
    """
    codes = dict(expression_channels=EXPRESSION, identity_channels=IDENTITY)
    torch.manual_seed(seed)
    model = MODELS.build(
        dict(
            type='mmfer.IdentityAwareRecognizer',
            backbone=dict(
                type='mmfer.ResidualResNet', depth=10, in_channels=1,
                width=0.125, num_stages=1, stem='patch'),
            cls_head=dict(
                type='mmfer.FERHead', num_classes=CLASSES,
                in_channels=EXPRESSION, num_segments=PICTURES,
                dropout_ratio=0., feature_norm=True, init_std=0.1),
            identity_head=None if penalty is None else dict(
                type='mmfer.IdentityMIHead', penalty=dict(type=penalty),
                weight=weight, steps=steps, memory=memory, **codes),
            apex_decoder=dict(
                type='mmfer.ApexDecoder', size=8, base_channels=4, **codes)
            if decoder else None,
            data_preprocessor=dict(
                type='mmfer.FERDataPreprocessor',
                streams=dict(apex=dict(mean=[127.5], std=[127.5])))))
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            # A block that starts as its shortcut would teach little here.
            nn.init.ones_(module.weight)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return model


def random_batch(count: int, decoder: bool = False, seed: int = 0) -> dict:
    """Draw a batch as a data loader would give it.

    Args:
        count (int): Clips.
        decoder (bool): Whether it has the stream 'apex', valid for every
            second clip. Defaults to False.
        seed (int): Defaults to 0.

    Returns:
        dict: ``inputs`` and ``data_samples``.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(high: int, shape: Sequence[int]) -> torch.Tensor:
        return torch.randint(high, tuple(shape), generator=generator)

    clips = [(draw(99, (PICTURES, 1, 16, 16)) - 49).to(torch.int16)
             for _ in range(count)]
    samples = []
    for number in range(count):
        sample = ActionDataSample()
        sample.set_gt_label(int(draw(CLASSES, (1, ))))
        sample.identity = torch.randn(IDENTITY, generator=generator)
        if decoder:
            sample.apex_valid = torch.tensor([float(number % 2)])
        samples.append(sample)
    inputs = clips
    if decoder:
        inputs = dict(
            imgs=clips,
            apex=[draw(256, (3, 16, 16)).to(torch.uint8) for _ in clips])
    return dict(inputs=inputs, data_samples=samples)


def part_of(batch: dict, chosen: slice) -> dict:
    """Take some clips of a batch.

    Args:
        batch (dict): As :func:`random_batch` gives it.
        chosen (slice): Which.

    Returns:
        dict: The smaller batch.
    """
    inputs = batch['inputs']
    if isinstance(inputs, dict):
        inputs = {name: values[chosen] for name, values in inputs.items()}
    else:
        inputs = inputs[chosen]
    return dict(inputs=inputs, data_samples=batch['data_samples'][chosen])
