# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# AFEW: seven expressions in films; trained on the official training set and
# tested on the validation set, as the labels of the test set are not public.
_base_ = 'prepared-clips.py'

data_root = '{{$MMFER_DATA:data}}/afew'

train_dataloader = dict(dataset=dict(data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(data_root=data_root, split='val'))
test_dataloader = dict(dataset=dict(data_root=data_root, split='val'))
