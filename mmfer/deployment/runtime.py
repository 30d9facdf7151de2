# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Run exported models: samples in, probabilities out."""
import importlib
import json
import os
from typing import Any, Dict, Optional

import numpy as np

#: Key of the metadata within an ONNX file.
METADATA_KEY = 'mmfer'
#: Endings of exported models and what runs them.
RUNTIMES = {'.onnx': 'onnxruntime', '.xml': 'openvino', '.torchscript': 'torch'}


class ExportedModelError(ValueError):
    """A file that is no usable exported model."""


class ExportedModel:
    """An exported model behind a call.

    Args:
        path (str): The file.
        metadata (dict): What the export wrote about it.

    Attributes:
        path (str), metadata (dict): As given. ``metadata['classes']`` are the
        names of the K classes, ``metadata['input']`` is [M, C, H, W],
        ``metadata['accuracy']`` what was measured at the export.
    """

    def __init__(self, path: str, metadata: Dict[str, Any]) -> None:
        self.path = path
        self.metadata = metadata

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Classify.

        Args:
            inputs (np.ndarray): What the test pipeline packs, stacked:
                int16 or float32, (N, M, C, H, W).

        Returns:
            np.ndarray: Probabilities, float32 (N, K).

        Raises:
            ValueError: The samples have another shape than the model reads.
        """
        inputs = np.ascontiguousarray(inputs, dtype=np.float32)
        expected = tuple(self.metadata.get('input') or inputs.shape[1:])
        if inputs.shape[1:] != expected:
            raise ValueError(
                f'{self.path}: reads samples of shape {expected}, got '
                f'{inputs.shape[1:]}; the pipeline is not that of the '
                'training')
        return np.asarray(self._run(inputs), dtype=np.float32)

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class OnnxModel(ExportedModel):
    """Run by ONNX Runtime on the CPU.

    Args:
        path (str): ``.onnx`` file.
        threads (int, optional): Defaults to None, as the runtime likes.
    """

    def __init__(self, path: str, threads: Optional[int] = None) -> None:
        runtime = _require('onnxruntime', 'onnxruntime')
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(
                path, options, providers=['CPUExecutionProvider'])
        except Exception as error:
            raise _unreadable(path, error) from None
        found = self._session.get_modelmeta().custom_metadata_map
        super().__init__(path, _parse(path, found.get(METADATA_KEY, '{}')))
        self._name = self._session.get_inputs()[0].name

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._name: inputs})[0]


class OpenVinoModel(ExportedModel):
    """Run by OpenVINO on the CPU, in the precision of the export.

    Args:
        path (str): ``.xml`` file; ``.bin`` and ``.json`` lie beside it.
        threads (int, optional): Defaults to None, as the runtime likes.
    """

    def __init__(self, path: str, threads: Optional[int] = None) -> None:
        openvino = _require('openvino', 'openvino')
        metadata = {}
        sidecar = os.path.splitext(path)[0] + '.json'
        if os.path.isfile(sidecar):
            with open(sidecar, encoding='utf-8') as file:
                metadata = _parse(sidecar, file.read())
        super().__init__(path, metadata)
        settings = openvino_settings(metadata.get('precision', 'fp32'),
                                     threads)
        try:
            compiled = openvino.Core().compile_model(path, 'CPU', settings)
        except Exception as error:
            raise _unreadable(path, error) from None
        self._request = compiled.create_infer_request()

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        # The result belongs to the request, which overwrites it.
        return self._request.infer({0: inputs}, share_inputs=True)[0].copy()


class TorchScriptModel(ExportedModel):
    """Run by torch without this package's modules.

    Args:
        path (str): ``.torchscript`` file.
        threads (int, optional): Of the whole process. Defaults to None, as
            they are.
    """

    def __init__(self, path: str, threads: Optional[int] = None) -> None:
        torch = _require('torch', 'torch')
        extra = {METADATA_KEY: ''}
        try:
            self._module = torch.jit.load(
                path, map_location='cpu', _extra_files=extra).eval()
        except Exception as error:
            raise _unreadable(path, error) from None
        if threads is not None:
            torch.set_num_threads(threads)
        text = extra[METADATA_KEY] or '{}'
        super().__init__(
            path,
            _parse(path, text.decode() if isinstance(text, bytes) else text))
        self._torch = torch

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        with self._torch.inference_mode():
            return self._module(self._torch.from_numpy(inputs)).numpy()


def openvino_settings(precision: str,
                      threads: Optional[int] = None) -> Dict[str, str]:
    """Settings with which a model is compiled.

    Args:
        precision (str): 'fp32', 'bf16' or 'int8'. In 'int8', what is not
            quantised stays float32.
        threads (int, optional): Defaults to None.

    Returns:
        dict: For ``compile_model``.
    """
    # Without the hint OpenVINO rounds to bfloat16 wherever a CPU can.
    settings = dict(
        PERFORMANCE_HINT='LATENCY',
        INFERENCE_PRECISION_HINT='bf16' if precision == 'bf16' else 'f32')
    if threads is not None:
        settings.update(INFERENCE_NUM_THREADS=str(threads), NUM_STREAMS='1')
    return settings


def load_exported(path, threads: Optional[int] = None) -> ExportedModel:
    """Load what ``tools/deployment/export.py`` wrote.

    Args:
        path (str | PathLike): ``.onnx``, ``.xml`` or ``.torchscript``.
        threads (int, optional): Threads of the runtime. Defaults to None, as
            the runtime likes.

    Returns:
        ExportedModel: A callable, int16 or float32 (N, M, C, H, W) to
        float32 (N, K), with ``metadata``.

    Raises:
        ExportedModelError: It cannot be read.
        ModuleNotFoundError: The runtime is not installed; says what to do.

    Example:
        >>> model = load_exported('expression_int8.xml')  # doctest: +SKIP
        >>> model(samples), model.metadata['classes']  # doctest: +SKIP
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1]
    if suffix not in RUNTIMES:
        raise ExportedModelError(
            f'{path}: an exported model ends in {", ".join(RUNTIMES)}')
    if not os.path.isfile(path):
        raise ExportedModelError(f'{path}: no such file')
    model = {'.onnx': OnnxModel, '.xml': OpenVinoModel,
             '.torchscript': TorchScriptModel}[suffix]
    return model(path, threads)


def _require(module: str, package: str):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModuleNotFoundError(
            f'{package} cannot be imported ({error}): pip install '
            f'"mmfer[export]"') from None


def _parse(path: str, text: str) -> Dict[str, Any]:
    try:
        metadata = json.loads(text)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise ExportedModelError(f'{path}: its metadata is no JSON object')
    return metadata


def _unreadable(path: str, error: Exception) -> ExportedModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ExportedModelError(
        f'{path}: cannot be loaded ({reason}); export it again')


