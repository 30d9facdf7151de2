# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stack and normalise batches of signed data."""
from typing import Dict, List, Optional, Sequence, Union

import torch
from mmengine.model import BaseDataPreprocessor, stack_batch
from torch import nn

from mmfer.registry import MODELS

Batch = Union[torch.Tensor, Sequence[torch.Tensor]]


class _Normalizer(nn.Module):
    """(x - mean) / std per channel, in float32."""

    def __init__(self, mean: Sequence[float], std: Sequence[float],
                 channel_axis: int) -> None:
        super().__init__()
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError('`mean` and `std` need one entry per channel and '
                             f'std > 0, got {tuple(mean)} and {tuple(std)}')
        # Channels are followed by (H, W) or (T, H, W).
        shape = (-1, ) + (1, ) * (-channel_axis - 1)
        for name, value in (('mean', mean), ('std', std)):
            value = torch.tensor(value, dtype=torch.float32).view(shape)
            self.register_buffer(name, value, persistent=False)
        self.channel_axis = channel_axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = len(self.mean)
        if channels not in (1, x.shape[self.channel_axis]):
            raise ValueError(
                f'mean and std have {channels} channels, but the pipeline '
                f'gives {x.shape[self.channel_axis]}')
        return (x.float() - self.mean) / self.std


@MODELS.register_module()
class FERDataPreprocessor(BaseDataPreprocessor):
    """Data preprocessor for residuals, alone or beside other streams.

    A batch of plain samples stays a tensor; a batch of dict samples (the
    keyframe or the apex in training) stays a dict, each stream normalised on
    its own.

    Args:
        mean (Sequence[float]): Per channel, or one entry for all channels of
            any number. Defaults to ``(0., )``: residuals lie around zero.
        std (Sequence[float]): As ``mean``. Defaults to ``(16., )``.
        format_shape (str): 'NCHW' for 2D backbones, 'NCTHW' for 3D ones.
            Defaults to 'NCHW'.
        streams (dict, optional): ``mean`` and ``std`` of further streams by
            name, for example ``dict(keyframe=dict(mean=[127.5],
            std=[127.5]))``. Pictures, (N, C, H, W). Defaults to None.
        blending (dict, optional): mmaction2's batch blending (mixup, cutmix);
            for plain batches only, since an identity cannot be mixed.
            Defaults to None.
        non_blocking (bool): Whether to copy to the device asynchronously.
            Defaults to False.
    """

    def __init__(self,
                 mean: Sequence[float] = (0., ),
                 std: Sequence[float] = (16., ),
                 format_shape: str = 'NCHW',
                 streams: Optional[Dict[str, dict]] = None,
                 blending: Optional[dict] = None,
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        if format_shape not in ('NCHW', 'NCTHW'):
            raise ValueError(
                f"`format_shape` is 'NCHW' or 'NCTHW', got {format_shape!r}")
        axis = -3 if format_shape == 'NCHW' else -4
        self.normalizers = nn.ModuleDict(
            dict(imgs=_Normalizer(mean, std, axis)))
        for name, setting in (streams or {}).items():
            self.normalizers[name] = _Normalizer(**setting, channel_axis=-3)
        self.blending = None if blending is None else MODELS.build(blending)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Bring a batch to the device, stack and normalise it.

        Args:
            data (dict): ``inputs``: a list of tensors of one shape, a stacked
                tensor, or a dict of such by stream; ``data_samples``.
            training (bool): Whether to blend. Defaults to False.

        Returns:
            dict: ``inputs``: float32 tensor (B, ...) or a dict of such;
            ``data_samples``.
        """
        data = self.cast_data(dict(data, inputs=_joined(data['inputs'])))
        inputs, data_samples = data['inputs'], data.get('data_samples')
        if isinstance(inputs, dict):
            if self.blending is not None:
                raise ValueError(
                    '`blending` mixes persons: it cannot be used together '
                    'with a keyframe or apex stream')
            inputs = {
                name: self._stream(name, batch)
                for name, batch in inputs.items()
            }
        else:
            inputs = self._stream('imgs', inputs)
            if training and self.blending is not None:
                inputs, data_samples = self.blending(inputs, data_samples)
        return dict(inputs=inputs, data_samples=data_samples)

    def _stream(self, name: str, batch: Batch) -> torch.Tensor:
        if name not in self.normalizers:
            raise KeyError(
                f'stream {name!r} has no settings: add it to `streams` of the '
                f'data preprocessor, which knows {list(self.normalizers)}')
        if not isinstance(batch, torch.Tensor):
            batch = _stack(list(batch))
        return self.normalizers[name](batch)


def _joined(batch: Union[Batch, dict]) -> Union[Batch, dict]:
    """Take tensors as one if they lie one behind the other in memory.

    ``mmfer.shared_memory_collate`` puts them so: nothing needs to be copied,
    and one tensor goes to the device instead of many.

    Args:
        batch (Tensor | Sequence[Tensor] | dict): The tensors, by stream if
            there are several.

    Returns:
        Tensor | Sequence[Tensor] | dict: The same, or stacked.
    """
    if isinstance(batch, dict):
        return {name: _joined(stream) for name, stream in batch.items()}
    if isinstance(batch, torch.Tensor):
        return batch
    first = batch[0]
    begin, size = first.data_ptr(), first.numel() * first.element_size()
    memory = first.untyped_storage().data_ptr()
    for number, tensor in enumerate(batch):
        if (tensor.shape != first.shape or tensor.dtype != first.dtype
                or not tensor.is_contiguous() or tensor.requires_grad
                or tensor.untyped_storage().data_ptr() != memory
                or tensor.data_ptr() != begin + number * size):
            return batch
    return first.as_strided((len(batch), *first.shape),
                            (first.numel(), *first.stride()))


def _stack(tensors: List[torch.Tensor]) -> torch.Tensor:
    """Stack pictures, padding the smaller ones on the right and below."""
    if all(tensor.shape == tensors[0].shape for tensor in tensors):
        return torch.stack(tensors)
    return stack_batch(tensors)
