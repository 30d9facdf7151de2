# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is known of published face networks, apart from our own code.

Names and shapes of all tensors, spelled out from the structure, and forward
passes that read nothing but tensors by name. Both were compared with the
networks of InsightFace's arcface_torch and of facenet-pytorch 2.6.0: the
digests below are those of the references' own ``state_dict()``, and with equal
random weights the outputs were equal to the last bit.
"""
import hashlib
from typing import Dict, Iterable, List, Tuple

import torch
from torch import nn
from torch.nn import functional as F

Shapes = List[Tuple[str, Tuple[int, ...]]]

#: Network: number of tensors and digest of their names and shapes in order,
#: see :func:`digest`.
DIGESTS = {
    'iresnet18': (187, '2fc57a7c2208129d8fbf3e386e5883ee'),
    'iresnet34': (331, '83030a7f8192c8f7aadf8e1335dee901'),
    'iresnet50': (475, '07c891e9a2b72833518d206c487047ef'),
    'iresnet100': (925, 'cb1161eeccd66b1d16aa7df5fbf70e3b'),
    'inception_resnet_v1': (714, '87be14dfca3d089c6cc57ccacaaad498'),
}
IRESNET_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3)
}


def digest(shapes: Iterable[Tuple[str, Tuple[int, ...]]]) -> str:
    """First 32 digits of SHA-256 over lines such as 'fc.bias (512,)'."""
    text = '\n'.join(f'{name} {tuple(shape)}' for name, shape in shapes)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def draw_weights(network: nn.Module, seed: int = 0) -> None:
    """Give every tensor of a network a value of its own, of usual size."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        drawn = torch.randn(tensor.shape, generator=generator)
        if name.endswith('running_var'):
            drawn = 0.5 + drawn.abs()
        elif tensor.dim() > 1:
            drawn /= tensor[0].numel()**0.5
        else:
            drawn = 0.1 * drawn + float(name.endswith('weight'))
        tensor.copy_(drawn)


def _norm(name: str, channels: int) -> Shapes:
    parts = ('weight', 'bias', 'running_mean', 'running_var')
    return [(f'{name}.{part}', (channels, )) for part in parts
            ] + [(f'{name}.num_batches_tracked', ())]


def iresnet_shapes(depth: int) -> Shapes:
    """Tensors of arcface_torch's ``iresnet``, in order."""
    shapes = [('conv1.weight', (64, 3, 3, 3)), *_norm('bn1', 64),
              ('prelu.weight', (64, ))]
    before = 64
    for stage, count in enumerate(IRESNET_BLOCKS[depth]):
        now = 64 * 2**stage
        for block in range(count):
            at = f'layer{stage + 1}.{block}'
            shapes += _norm(f'{at}.bn1', before)
            shapes += [(f'{at}.conv1.weight', (now, before, 3, 3))]
            shapes += _norm(f'{at}.bn2', now)
            shapes += [(f'{at}.prelu.weight', (now, )),
                       (f'{at}.conv2.weight', (now, now, 3, 3))]
            shapes += _norm(f'{at}.bn3', now)
            if block == 0:
                shapes += [(f'{at}.downsample.0.weight', (now, before, 1, 1)),
                           *_norm(f'{at}.downsample.1', now)]
            before = now
    return shapes + [
        *_norm('bn2', 512), ('fc.weight', (512, 512 * 7 * 7)),
        ('fc.bias', (512, )), *_norm('features', 512)
    ]


def _apply_norm(x: torch.Tensor, w: Dict[str, torch.Tensor], at: str,
                epsilon: float) -> torch.Tensor:
    shape = (1, -1) + (1, ) * (x.dim() - 2)
    mean, variance, weight, bias = (
        w[f'{at}.{part}'].view(shape)
        for part in ('running_mean', 'running_var', 'weight', 'bias'))
    return (x - mean) / (variance + epsilon).sqrt() * weight + bias


def iresnet_forward(x: torch.Tensor,
                    w: Dict[str, torch.Tensor]) -> torch.Tensor:
    """Embed faces with weights by name: (N, 3, 112, 112) to (N, D)."""

    def norm(x, at):
        return _apply_norm(x, w, at, 1e-5)

    def prelu(x, at):
        slope = w[f'{at}.weight'].view(1, -1, 1, 1)
        return torch.where(x >= 0, x, slope * x)

    x = prelu(norm(F.conv2d(x, w['conv1.weight'], padding=1), 'bn1'), 'prelu')
    blocks = sorted({tuple(name.split('.')[:2]) for name in w
                     if name.startswith('layer')},
                    key=lambda at: (at[0], int(at[1])))
    for at in map('.'.join, blocks):
        stride, short = 1, x
        if f'{at}.downsample.0.weight' in w:
            stride = 2
            short = norm(
                F.conv2d(x, w[f'{at}.downsample.0.weight'], stride=2),
                f'{at}.downsample.1')
        y = F.conv2d(norm(x, f'{at}.bn1'), w[f'{at}.conv1.weight'], padding=1)
        y = prelu(norm(y, f'{at}.bn2'), f'{at}.prelu')
        y = F.conv2d(y, w[f'{at}.conv2.weight'], stride=stride, padding=1)
        x = norm(y, f'{at}.bn3') + short
    x = norm(x, 'bn2').flatten(1) @ w['fc.weight'].T + w['fc.bias']
    return norm(x, 'features')


#: Convolutions of the stem: name, stride, padding; None pools.
_STEM = (('conv2d_1a', 2, 0), ('conv2d_2a', 1, 0), ('conv2d_2b', 1, 1), None,
         ('conv2d_3b', 1, 0), ('conv2d_4a', 1, 0), ('conv2d_4b', 2, 0))
#: Repeated blocks behind the stem: name, number, weight of the branches.
_REPEATS = (('repeat_1', 5, 0.17), ('mixed_6a', 0, 0), ('repeat_2', 10, 0.10),
            ('mixed_7a', 0, 0), ('repeat_3', 5, 0.20), ('block8', 1, 1.0))


def inception_forward(x: torch.Tensor,
                      w: Dict[str, torch.Tensor]) -> torch.Tensor:
    """Embed faces with weights by name: (N, 3, 160, 160) to (N, 512).

    Without the division by the length that facenet-pytorch does last.
    """

    def layer(x, at, stride=1, padding=0):
        x = F.conv2d(x, w[f'{at}.conv.weight'], None, stride, padding)
        return _apply_norm(x, w, f'{at}.bn', 1e-3).clamp(min=0)

    def row(x, at, stride):
        """One branch: its only layer, or layers 0, 1, ... in a row."""
        if f'{at}.conv.weight' in w:
            names = [at]
        else:
            count = sum(name.startswith(f'{at}.') and
                        name.endswith('.conv.weight') for name in w)
            names = [f'{at}.{number}' for number in range(count)]
        for name in names:
            last = stride > 1 and name == names[-1]
            kernel = w[f'{name}.conv.weight'].shape[2:]
            x = layer(x, name, stride if last else 1,
                      0 if last else tuple(side // 2 for side in kernel))
        return x

    def rows(x, at, stride=1):
        count = len({name[len(at) + 1:].split('.')[0] for name in w
                     if name.startswith(f'{at}.branch')})
        return [row(x, f'{at}.branch{i}', stride) for i in range(count)]

    for step in _STEM:
        x = F.max_pool2d(x, 3, 2) if step is None else \
            layer(x, step[0], step[1], step[2])
    for name, count, scale in _REPEATS:
        if not count:
            x = torch.cat([*rows(x, name, 2), F.max_pool2d(x, 3, 2)], 1)
        for number in range(count):
            at = name if name == 'block8' else f'{name}.{number}'
            y = F.conv2d(torch.cat(rows(x, at), 1), w[f'{at}.conv2d.weight'],
                         w[f'{at}.conv2d.bias'])
            x = y * scale + x
            if name != 'block8':
                x = x.clamp(min=0)
    x = x.flatten(2).mean(2) @ w['last_linear.weight'].T
    return _apply_norm(x, w, 'last_bn', 1e-3)


def inception_shapes() -> Shapes:
    """Tensors of facenet-pytorch's ``InceptionResnetV1``, in order."""
    shapes: Shapes = []

    def layer(name, before, now, kernel=(1, 1)):
        shapes.append((f'{name}.conv.weight', (now, before, *kernel)))
        shapes.extend(_norm(f'{name}.bn', now))

    def branch(name, before, *layers):
        for number, (now, *kernel) in enumerate(layers):
            at = name if len(layers) == 1 else f'{name}.{number}'
            layer(at, before, now, tuple(kernel) or (1, 1))
            before = now

    def residual(name, width, *branches):
        total = 0
        for number, layers in enumerate(branches):
            branch(f'{name}.branch{number}', width, *layers)
            total += layers[-1][0]
        shapes.extend([(f'{name}.conv2d.weight', (width, total, 1, 1)),
                       (f'{name}.conv2d.bias', (width, ))])

    for name, before, now, side in (
            ('1a', 3, 32, 3), ('2a', 32, 32, 3), ('2b', 32, 64, 3),
            ('3b', 64, 80, 1), ('4a', 80, 192, 3), ('4b', 192, 256, 3)):
        layer(f'conv2d_{name}', before, now, (side, side))
    for number in range(5):
        residual(f'repeat_1.{number}', 256, [(32, )], [(32, ), (32, 3, 3)],
                 [(32, ), (32, 3, 3), (32, 3, 3)])
    branch('mixed_6a.branch0', 256, (384, 3, 3))
    branch('mixed_6a.branch1', 256, (192, ), (192, 3, 3), (256, 3, 3))
    for number in range(10):
        residual(f'repeat_2.{number}', 896, [(128, )],
                 [(128, ), (128, 1, 7), (128, 7, 1)])
    branch('mixed_7a.branch0', 896, (256, ), (384, 3, 3))
    branch('mixed_7a.branch1', 896, (256, ), (256, 3, 3))
    branch('mixed_7a.branch2', 896, (256, ), (256, 3, 3), (256, 3, 3))
    for name in [f'repeat_3.{number}' for number in range(5)] + ['block8']:
        residual(name, 1792, [(192, )], [(192, ), (192, 1, 3), (192, 3, 1)])
    shapes.append(('last_linear.weight', (512, 1792)))
    shapes.extend(_norm('last_bn', 512))
    return shapes
