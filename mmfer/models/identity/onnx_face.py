# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A face network in an ONNX file."""
import os.path as osp
from typing import Optional, Sequence

import numpy as np
import torch
from torch import nn

from mmfer.registry import MODELS


@MODELS.register_module()
class OnnxFace(nn.Module):
    """Any face network that was exported to ONNX, run on the CPU.

    Needs onnxruntime: ``pip install "mmfer[face]"``.

    Args:
        file (str): The model, with one picture input of (N, 3, H, W) or
            (N, H, W, 3).
        output (str, optional): Name of the output that is the embedding.
            Defaults to None, the first.
        size (int | Sequence[int], optional): Height and width, where the file
            leaves them open. Defaults to None.
        layout (str, optional): 'NCHW' or 'NHWC', where the file does not
            tell. Defaults to None.
        num_threads (int): Threads of one run. Defaults to 1.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: There is no such file.
        ValueError: It is not such a model.
    """

    #: Arguments that change nothing about the embeddings; the size is part
    #: of the preprocessing.
    runtime_options = ('num_threads', 'size')

    def __init__(self,
                 file: str,
                 output: Optional[str] = None,
                 size: Optional[Sequence[int]] = None,
                 layout: Optional[str] = None,
                 num_threads: int = 1) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError:
            raise ImportError('mmfer.OnnxFace needs onnxruntime: '
                              'pip install "mmfer[face]"') from None
        if not osp.isfile(file):
            raise FileNotFoundError(f'{file}: no such ONNX model')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                file, options, providers=['CPUExecutionProvider'])
        except Exception as error:  # onnxruntime has no common class of them
            reason = str(error).strip().split('\n')[0]
            raise ValueError(
                f'{file}: not a usable ONNX model ({reason})') from None
        self.file = file
        entry = self._session.get_inputs()[0]
        shape = list(entry.shape)
        if len(shape) != 4 or entry.type != 'tensor(float)':
            raise ValueError(
                f'{file}: its first input is {entry.type} {shape}, not a '
                'float batch of pictures')
        self.layout = layout or _layout(file, shape)
        sides = shape[2:] if self.layout == 'NCHW' else shape[1:3]
        if size is None:
            if not all(isinstance(side, int) for side in sides):
                raise ValueError(
                    f'{file}: leaves the size of its input open ({shape}): '
                    'set `size` to what it was trained with')
            size = sides
        size = (size, size) if isinstance(size, int) else tuple(size)
        #: InsightFace's settings; other networks need theirs in the config.
        self.preprocess = dict(
            size=size, mean=127.5, std=127.5, channel_order='rgb')
        self._input = entry.name
        # A fixed batch size in the file is fed picture by picture.
        self._single = isinstance(shape[0], int) and shape[0] == 1
        names = [entry.name for entry in self._session.get_outputs()]
        self._output = output or names[0]
        if self._output not in names:
            raise ValueError(f'{file}: has no output {output!r}; it has '
                             f'{", ".join(names)}')
        trial = self(torch.zeros(1, 3, *size))
        if trial.dim() != 2:
            raise ValueError(
                f'{file}: output {self._output!r} is {tuple(trial.shape)}, '
                'not an embedding (N, D): name another `output`')
        #: Length of the embedding.
        self.out_channels = trial.shape[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embed faces.

        Args:
            x (torch.Tensor): float32, (N, 3, H, W), normalised.

        Returns:
            torch.Tensor: (N, D), on the same device.
        """
        faces = x.detach().cpu().numpy()
        if self.layout == 'NHWC':
            faces = faces.transpose(0, 2, 3, 1)
        faces = np.ascontiguousarray(faces, np.float32)
        parts = [faces[i:i + 1] for i in range(len(faces))] \
            if self._single else [faces]
        found = np.concatenate([
            self._session.run([self._output], {self._input: part})[0]
            for part in parts
        ])
        return torch.from_numpy(found).to(x.device)


def _layout(file: str, shape: list) -> str:
    for layout, axis in (('NCHW', 1), ('NHWC', 3)):
        if shape[axis] == 3:
            return layout
    raise ValueError(f'{file}: cannot tell the channels of its input '
                     f"{shape}: set `layout` to 'NCHW' or 'NHWC'")
