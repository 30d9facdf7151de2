# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from .min_min_ddp import MinMinDistributedDataParallel

__all__ = ['MinMinDistributedDataParallel']
