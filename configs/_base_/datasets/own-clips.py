# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Clips of your own: an annotation file (JSON or CSV: path, label, split, ...)
# in a folder own_clips/ in data/, or in the folder that the environment
# variable MMFER_DATA names. Faces should fill the picture.
_base_ = 'prepared-clips.py'

data_root = '{{$MMFER_DATA:data}}/own_clips'

# Residuals alone; a child config adds the motion.
reader = dict(type='mmfer.ReadResiduals', mode='chained')

train_pipeline = \
    _base_.train_pipeline[:2] + [reader] + _base_.train_pipeline[3:]
val_pipeline = _base_.val_pipeline[:2] + [reader] + _base_.val_pipeline[3:]
test_pipeline = val_pipeline
train_dataloader = dict(
    dataset=dict(data_root=data_root, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(data_root=data_root, split='val', pipeline=val_pipeline))
test_dataloader = dict(
    dataset=dict(data_root=data_root, split='test', pipeline=test_pipeline))
