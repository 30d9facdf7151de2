# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmfer.testing.labelled_clips import write_labelled_clips


@pytest.fixture(scope='session')
def labelled_folder(tmp_path_factory):
    """A folder with four persons, three classes and an annotation file."""
    folder = tmp_path_factory.mktemp('labelled')
    write_labelled_clips(folder, ('happy', 'sad', 'fear'), size=48)
    return folder
