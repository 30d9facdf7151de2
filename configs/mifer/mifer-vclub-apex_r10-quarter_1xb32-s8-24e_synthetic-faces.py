# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Our reading of the paper's game in full: the upper bound and the
# complementary constraint, which makes both codes together rebuild the apex.
_base_ = 'mifer-dcor-apex_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(
        penalty=dict(type='vclub'),
        weight=0.03,
        steps=5,
        memory=0,
        given_expression=False))
