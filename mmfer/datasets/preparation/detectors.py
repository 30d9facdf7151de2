# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Face detectors: a picture in, boxes out.

A detector is any callable that takes a uint8 (H, W, 3) RGB picture and
returns a float array (N, 5) or (N, 4): left, top, right, bottom in pixels, and
a score if there is one. Those of this file need OpenCV alone.
"""
import importlib
from pathlib import Path
from typing import Callable, Union

import cv2
import numpy as np

Detector = Callable[[np.ndarray], np.ndarray]


class DetectorError(RuntimeError):
    """A detector that cannot be made, or that answers nonsense."""


class HaarDetector:
    """OpenCV's own frontal face cascade; needs no download.

    Finds upright faces that look at the camera, with a few false alarms,
    which the box of a clip is robust against (see :mod:`.crop`). P. Viola and
    M. Jones, Rapid object detection using a boosted cascade, CVPR 2001.

    Args:
        model (str): File name of a cascade. Defaults to '', the frontal face
            that comes with OpenCV.
        smallest (float): Smallest face, as a share of the shorter side of the
            picture. Defaults to 0.12.
        longest_side (int): Larger pictures are searched at this size.
            Defaults to 360 pixels.
        neighbours (int): Overlapping answers that make a face. Defaults to 4.

    Raises:
        DetectorError: There is no such cascade.
    """

    def __init__(self,
                 model: str = '',
                 smallest: float = .12,
                 longest_side: int = 360,
                 neighbours: int = 4) -> None:
        path = model or _bundled_cascade()
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise DetectorError(f'{path}: not a cascade that OpenCV can read')
        self.smallest = smallest
        self.longest_side = longest_side
        self.neighbours = neighbours

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Find faces.

        Args:
            picture (np.ndarray): uint8 (H, W, 3) RGB.

        Returns:
            np.ndarray: float32 (N, 5).
        """
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        scale = min(1., self.longest_side / max(grey.shape))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale,
                              interpolation=cv2.INTER_AREA)
        side = max(20, round(self.smallest * min(grey.shape)))
        boxes, _, scores = self._cascade.detectMultiScale3(
            cv2.equalizeHist(grey), scaleFactor=1.1,
            minNeighbors=self.neighbours, minSize=(side, side),
            outputRejectLevels=True)
        if not len(boxes):
            return np.zeros((0, 5), np.float32)
        boxes = np.asarray(boxes, np.float32) / scale
        boxes[:, 2:] += boxes[:, :2]
        scores = np.asarray(scores, np.float32).reshape(-1, 1)
        return np.concatenate([boxes, scores], 1)


def _bundled_cascade() -> Path:
    folder = getattr(getattr(cv2, 'data', None), 'haarcascades', '')
    path = Path(folder) / 'haarcascade_frontalface_alt2.xml'
    if not folder or not path.is_file():
        raise DetectorError(
            f'OpenCV {cv2.__version__} comes without its face cascade: '
            'install "opencv-python<5", or give a YuNet model with '
            '--detector yunet:FILE.onnx')
    return path


class YuNetDetector:
    """YuNet, through OpenCV's ``FaceDetectorYN``; the model is a given file.

    Better than the cascade with turned, dark and partly hidden faces. W. Wu
    et al., YuNet: a tiny millisecond-level face detector, 2023.

    Args:
        model (str): The ``.onnx`` file.
        threshold (float): Least score of a face. Defaults to 0.6.
        longest_side (int): Larger pictures are searched at this size.
            Defaults to 640 pixels.

    Raises:
        FileNotFoundError: There is no such file.
        DetectorError: OpenCV cannot read it.
    """

    def __init__(self,
                 model: str,
                 threshold: float = .6,
                 longest_side: int = 640) -> None:
        if not Path(model).is_file():
            raise FileNotFoundError(
                f'{model}: no such YuNet model; it is published as '
                'face_detection_yunet_*.onnx in the OpenCV Zoo')
        self.longest_side = longest_side
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(model), '', (320, 320), threshold)
        except (cv2.error, AttributeError) as error:
            raise DetectorError(
                f'{model}: OpenCV {cv2.__version__} cannot read it as a YuNet '
                f'model ({str(error).splitlines()[0]})') from None

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Find faces.

        Args:
            picture (np.ndarray): uint8 (H, W, 3) RGB.

        Returns:
            np.ndarray: float32 (N, 5).
        """
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        scale = min(1., self.longest_side / max(bgr.shape[:2]))
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale,
                             interpolation=cv2.INTER_AREA)
        self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
        found = self._net.detect(bgr)[1]
        if found is None:
            return np.zeros((0, 5), np.float32)
        boxes = np.asarray(found[:, :4], np.float32) / scale
        boxes[:, 2:] += boxes[:, :2]
        return np.concatenate([boxes, found[:, -1:]], 1).astype(np.float32)


def build_detector(spec: Union[str, Detector]) -> Detector:
    """Make a detector from its name.

    Args:
        spec (str | Callable): 'haar', 'haar:FILE.xml', 'yunet:FILE.onnx',
            'python:MODULE:NAME' for a callable of one's own (a class is
            called first, without arguments), or the callable itself.

    Returns:
        Callable: The detector; its answers are checked.

    Raises:
        DetectorError: It cannot be made.
    """
    if not isinstance(spec, str):
        return _Checked(spec, getattr(spec, '__name__', repr(spec)))
    kind, _, argument = spec.partition(':')
    if kind == 'haar':
        return HaarDetector(argument)
    if kind == 'yunet':
        return YuNetDetector(argument)
    if kind != 'python':
        raise DetectorError(
            f'unknown detector {spec!r}; there are haar, haar:FILE.xml, '
            'yunet:FILE.onnx and python:MODULE:NAME')
    module, _, name = argument.partition(':')
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DetectorError(
            f'{spec}: cannot be imported ({error}); write '
            'python:MODULE:NAME, with MODULE on the Python path') from None
    return _Checked(found() if isinstance(found, type) else found, spec)


class _Checked:
    """A detector of somebody else, whose answers are brought to (N, 5)."""

    def __init__(self, detector: Detector, name: str) -> None:
        self._detector = detector
        self._name = name

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        boxes = np.asarray(self._detector(picture), np.float32)
        if boxes.size == 0:
            return np.zeros((0, 5), np.float32)
        if boxes.ndim != 2 or boxes.shape[1] not in (4, 5) or not np.isfinite(
                boxes).all():
            raise DetectorError(
                f'{self._name}: returned an array {boxes.shape}, expected '
                'finite (N, 4) or (N, 5): left, top, right, bottom[, score]')
        if boxes.shape[1] == 4:
            boxes = np.concatenate(
                [boxes, np.ones((len(boxes), 1), np.float32)], 1)
        return boxes
