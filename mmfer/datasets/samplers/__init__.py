# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .class_balanced import ClassBalancedSampler, class_shares, clip_labels

__all__ = ['ClassBalancedSampler', 'class_shares', 'clip_labels']
