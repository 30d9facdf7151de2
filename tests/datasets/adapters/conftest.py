# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny releases, each written once."""
import pytest

from mmfer.testing.releases import write_release


@pytest.fixture(scope='session')
def release(tmp_path_factory):
    """Give a function that writes a release, or finds it written.

    Tests that change a tree write one of their own into ``tmp_path``.
    """
    written = {}

    def get(name, **variant):
        key = (name, tuple(sorted(variant.items())))
        if key not in written:
            root = tmp_path_factory.mktemp(name) / 'release'
            written[key] = write_release(name, root, **variant)
        return written[key]

    return get
