# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Identity from the I frame of the group that the sampled pictures lie in, for
# codings with several groups in a clip (extract_identity.py --which same_gop).
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

identity_file = '{{$MMFER_DATA:data}}/synthetic_faces/identity_same_gop.npz'

train_pipeline = _base_.train_pipeline[:3] + [
    dict(type='mmfer.LoadIdentity', file=identity_file)
] + _base_.train_pipeline[4:]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
