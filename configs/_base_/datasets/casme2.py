# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# CASME II: spontaneous micro-expressions; each person is a fold. Five of the
# seven labels, as in most of the literature: two have fewer than ten clips.
_base_ = 'prepared-clips.py'

data_root = '{{$MMFER_DATA:data}}/casme2'
classes = ['happy', 'disgust', 'repression', 'surprise', 'others']
# The fold that is tested, for all loaders: MMFER_FOLD=2 before the command;
# tools/cross_validate.py runs them all.
fold = {{'$MMFER_FOLD:1'}}

train_dataloader = dict(
    dataset=dict(data_root=data_root, fold=fold, classes=classes))
val_dataloader = dict(
    dataset=dict(data_root=data_root, fold=fold, classes=classes))
test_dataloader = dict(
    dataset=dict(data_root=data_root, fold=fold, classes=classes))
