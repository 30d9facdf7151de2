# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The other reading of the paper's game: the Donsker-Varadhan lower bound of a
# critic, which the model minimises while the critic maximises it.
_base_ = 'mifer-vclub_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='mine'), weight=0.1))
