# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Compare the classes of the data with those of the head, before it counts."""
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmfer.registry import HOOKS


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse a head that has another number of classes than the data.

    A head that is too small fails in the middle of the first epoch without a
    word about the config; one that is too large trains and is wrong.
    """

    def before_train(self, runner) -> None:
        """Check the training data.

        Args:
            runner (Runner): The runner.

        Raises:
            ValueError: The numbers differ.
        """
        self._check(runner, runner.train_dataloader)

    def before_test(self, runner) -> None:
        """Check the test data.

        Args:
            runner (Runner): The runner.

        Raises:
            ValueError: The numbers differ.
        """
        self._check(runner, runner.test_dataloader)

    @staticmethod
    def _check(runner, loader) -> None:
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        wanted = getattr(getattr(model, 'cls_head', None), 'num_classes', None)
        classes = getattr(loader.dataset, 'metainfo', {}).get('classes')
        if wanted is None or classes is None or len(classes) == wanted:
            return
        raise ValueError(
            f'the data have {len(classes)} classes ({", ".join(classes)}) but '
            f'the head has {wanted}: set '
            f'model=dict(cls_head=dict(num_classes={len(classes)})) in the '
            'config')
