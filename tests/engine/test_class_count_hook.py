# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

pytest.importorskip('mmaction')

from mmfer.engine import ClassCountHook  # noqa: E402


def runner(head, classes):
    loader = SimpleNamespace(
        dataset=SimpleNamespace(metainfo=dict(classes=classes)))
    model = SimpleNamespace(cls_head=SimpleNamespace(num_classes=head))
    return SimpleNamespace(
        model=model, train_dataloader=loader, test_dataloader=loader)


@pytest.mark.parametrize('head', [1, 3])
def test_another_number_of_classes_is_refused_before_it_starts(head):
    for stage in ('before_train', 'before_test'):
        with pytest.raises(ValueError, match=r'num_classes=2'):
            getattr(ClassCountHook(), stage)(runner(head, ('happy', 'sad')))


def test_equal_numbers_pass():
    ClassCountHook().before_train(runner(2, ('happy', 'sad')))


def test_data_without_class_names_pass():
    ClassCountHook().before_train(runner(2, None))
