# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# FERV39k: seven expressions in 22 kinds of scenes; official training and
# test list. There is no validation set: "best" is chosen on the test.
_base_ = 'prepared-clips.py'

data_root = '{{$MMFER_DATA:data}}/ferv39k'

train_dataloader = dict(dataset=dict(data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(data_root=data_root, split='test'))
test_dataloader = dict(dataset=dict(data_root=data_root, split='test'))
