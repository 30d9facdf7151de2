# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Write a network in the formats of the runtimes."""
import importlib.util
import json
import logging
import os
import sys
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import Any, Dict, Iterator, List, Sequence

import numpy as np
import torch

from .network import DeployableNetwork
from .runtime import METADATA_KEY

#: What can be exported: name, ending, precision. bfloat16 is computed by
#: OpenVINO on CPUs that have it; its file holds float32.
TARGETS = {
    'onnx-fp32': ('.onnx', 'fp32'),
    'onnx-int8': ('.onnx', 'int8'),
    'openvino-fp32': ('.xml', 'fp32'),
    'openvino-bf16': ('.xml', 'bf16'),
    'openvino-int8': ('.xml', 'int8'),
    'torchscript-fp32': ('.torchscript', 'fp32'),
}
#: Modules that a target needs.
NEEDS = {
    'onnx-fp32': ('onnx', 'onnxruntime'),
    'onnx-int8': ('onnx', 'onnxruntime'),
    'openvino-fp32': ('onnx', 'openvino'),
    'openvino-bf16': ('onnx', 'openvino'),
    'openvino-int8': ('onnx', 'openvino', 'nncf'),
    'torchscript-fp32': (),
}


def missing_packages(target: str) -> List[str]:
    """Tell what has to be installed for a target.

    Args:
        target (str): Of :data:`TARGETS`.

    Returns:
        list[str]: Modules that are not there.
    """
    return [name for name in NEEDS[target]
            if importlib.util.find_spec(name) is None]


def write_target(target: str, network: DeployableNetwork, path: str,
                 samples: Sequence[np.ndarray]) -> None:
    """Write one target.

    Args:
        target (str): Of :data:`TARGETS`.
        network (DeployableNetwork): In eval mode.
        path (str): File with the target's ending. OpenVINO adds ``.bin``.
        samples (Sequence[np.ndarray]): Batches of one sample, float32
            (1, M, C, H, W): of the training split. The first one gives the
            size of the input; int8 targets are calibrated on all.
    """
    suffix, precision = TARGETS[target]
    if suffix == '.torchscript':
        _write_torchscript(network, path, samples[0])
        return
    source = path if target == 'onnx-fp32' else path + '.source.onnx'
    _write_onnx(network, source, samples[0])
    try:
        if target == 'onnx-int8':
            _quantize_onnx(source, path, samples)
        elif suffix == '.xml':
            _write_openvino(source, path, samples, precision)
    finally:
        if source != path:
            os.unlink(source)


def attach_metadata(path: str, metadata: Dict[str, Any]) -> List[str]:
    """Write what is known about an export into it, or beside it.

    Args:
        path (str): The exported file.
        metadata (dict): Plain values.

    Returns:
        list[str]: All files of the export.
    """
    text = json.dumps(metadata, indent=1)
    stem, suffix = os.path.splitext(path)
    if suffix == '.onnx':
        import onnx
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {METADATA_KEY: text})
        onnx.save(model, path)
        return [path]
    if suffix == '.torchscript':
        module = torch.jit.load(path, map_location='cpu')
        torch.jit.save(module, path, _extra_files={METADATA_KEY: text})
        return [path]
    with open(stem + '.json', 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    return [path, stem + '.bin', stem + '.json']


def _write_torchscript(network: DeployableNetwork, path: str,
                       sample: np.ndarray) -> None:
    with _quiet(), torch.no_grad():
        # Traced with two samples: a batch of one would be taken for fixed.
        traced = torch.jit.trace(network, _batch(sample), check_trace=False)
        torch.jit.save(torch.jit.freeze(traced), path)


def _write_onnx(network: DeployableNetwork, path: str,
                sample: np.ndarray) -> None:
    batch = _batch(sample)
    network.fix_input(batch)
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            network, (batch, ), path, dynamo=False, opset_version=17,
            input_names=['inputs'], output_names=['scores'],
            dynamic_axes=dict(inputs={0: 'N'}, scores={0: 'N'}))


def _quantize_onnx(source: str, path: str,
                   samples: Sequence[np.ndarray]) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):

        def __init__(self) -> None:
            self._samples = iter(samples)

        def get_next(self):
            sample = next(self._samples, None)
            return None if sample is None else dict(inputs=sample)

    prepared = path + '.prepared.onnx'
    with _quiet():
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        try:
            quantization.quantize_static(
                prepared, path, Reader(), per_channel=True,
                quant_format=quantization.QuantFormat.QDQ,
                # Softmax, means and normalisations stay as they are.
                op_types_to_quantize=['Conv', 'Gemm', 'MatMul', 'Add', 'Relu',
                                      'MaxPool'])
        finally:
            os.unlink(prepared)


def _write_openvino(source: str, path: str, samples: Sequence[np.ndarray],
                    precision: str) -> None:
    import openvino
    with _quiet():
        # Not convert_model, which tells its makers of every use; nor do they
        # get to know of a quantisation.
        model = openvino.Core().read_model(source)
        if precision == 'int8':
            os.environ.setdefault('NNCF_CI', '1')
            import nncf
            nncf.set_log_level(logging.ERROR)
            # Probabilities stay as they are, and so do means and norms.
            kept = nncf.IgnoredScope(
                types=['Softmax', 'ReduceMean', 'MVN'], validate=False)
            model = nncf.quantize(
                model, nncf.Dataset(list(samples)),
                subset_size=len(samples), ignored_scope=kept)
        openvino.save_model(model, path, compress_to_fp16=False)


def _batch(sample: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([sample, sample]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the exporters' notes to their own developers."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        # Progress bars do not belong among results.
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)
