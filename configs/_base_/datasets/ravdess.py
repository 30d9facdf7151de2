# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# RAVDESS: eight acted expressions of 24 actors; six folds of four actors.
_base_ = 'prepared-clips.py'

data_root = '{{$MMFER_DATA:data}}/ravdess'
# The fold that is tested, for all loaders: MMFER_FOLD=2 before the command;
# tools/cross_validate.py runs them all.
fold = {{'$MMFER_FOLD:1'}}

train_dataloader = dict(dataset=dict(data_root=data_root, fold=fold))
val_dataloader = dict(dataset=dict(data_root=data_root, fold=fold))
test_dataloader = dict(dataset=dict(data_root=data_root, fold=fold))
