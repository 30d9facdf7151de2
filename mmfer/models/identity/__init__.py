# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Networks that tell who a face is, and their frozen use."""
from mmfer.datasets.face_preprocess import FacePreprocess
from .arcface_head import ArcFaceHead
from .encoder import IdentityEncoder, build_identity_encoder
from .inception_resnet import InceptionResnetV1
from .iresnet import IResNet
from .onnx_face import OnnxFace
from .weights import file_digest, load_face_weights

__all__ = [
    'ArcFaceHead', 'FacePreprocess', 'IResNet', 'IdentityEncoder',
    'InceptionResnetV1', 'OnnxFace', 'build_identity_encoder', 'file_digest',
    'load_face_weights'
]
