# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Distributed training with two optimisers."""
from typing import Dict, Union

import torch
from mmengine.dist import broadcast
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmfer.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MinMinDistributedDataParallel(MMDistributedDataParallel):
    """Run :class:`mmfer.IdentityAwareRecognizer` in several processes.

    mmengine's wrapper does one forward and one backward pass with one
    optimiser. This one lets the recogniser play its game: one forward pass of
    the model, any number of steps of the estimator, one backward pass with
    the usual synchronisation of gradients. The estimator is left out of the
    latter. It starts equal in all processes and takes the same steps
    everywhere, on the gathered features, so it stays equal.

    Models whose penalty learns nothing are run as mmengine does::

        model_wrapper_cfg = dict(type='mmfer.MinMinDistributedDataParallel')

    Args:
        module (nn.Module): The recogniser.
        **kwargs: Arguments of ``MMDistributedDataParallel``.
    """

    def __init__(self, module: torch.nn.Module, **kwargs) -> None:
        names = module.estimator_names()
        self._set_params_and_buffers_to_ignore_for_model(module, names)
        super().__init__(module, **kwargs)
        state = module.state_dict()
        for name in names:
            broadcast(state[name])

    def train_step(
        self, data: Union[dict, tuple, list],
        optim_wrapper: Union[OptimWrapper, OptimWrapperDict]
    ) -> Dict[str, torch.Tensor]:
        """Do one step of the game.

        Args:
            data (dict | tuple | list): A batch as the data loader gives it.
            optim_wrapper (OptimWrapper | OptimWrapperDict): The optimisers.

        Returns:
            dict: What is logged.
        """
        if isinstance(optim_wrapper, OptimWrapperDict):
            return self.module.train_step(data, optim_wrapper, run=self)
        return super().train_step(data, optim_wrapper)
