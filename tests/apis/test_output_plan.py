# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Nothing that a run reads, or has written already, is overwritten."""
import os

import pytest

from mmfer.apis.output_plan import OutputError, OutputPlan


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with clips, which is the working directory."""
    for name in ('a/b.mp4', 'a_b.mp4', 'clip.avi', 'clip.avi.mp4', 'x.py'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('names, asked, word', [
    (['a/b.mp4', 'a_b.mp4'], dict(video='.'), 'overwrite.*a_b.mp4'),
    (['a/b.mp4', 'a_b.mp4'], dict(video='v'), 'written twice.*rename'),
    (['a/b.mp4', 'clip.avi'], dict(plot='v', video='v'), None),
    (['clip.avi', 'clip.avi.mp4'], dict(video='v'), 'written twice'),
    (['clip.avi', 'clip.avi'], dict(video='v'), None),
    (['clip.avi'], dict(csv='clip.avi'), 'overwrite'),
    (['clip.avi'], dict(jsonl='link.avi'), 'overwrite'),
    (['clip.avi'], dict(json='a/../x.py'), 'overwrite'),
    (['clip.avi'], dict(json='o', csv='./o'), 'twice.*--json.*--csv'),
    (['clip.avi'], dict(json=os.devnull, csv=os.devnull), None),
    (['clip.avi'], dict(json='a'), 'is a folder'),
    (['clip.avi'], dict(json='x.py/o.json'), 'no folder'),
    (['clip.avi'], dict(plot='o'), '.png or .pdf or .svg'),
    (['clip.avi'], dict(video='o.avi'), '.mp4'),
    (['clip.avi', 'a/b.mp4'], dict(plot='x.py'), 'is a file; several'),
])
def test_names_are_checked_before_the_work(here, names, asked, word):
    (here / 'link.avi').symlink_to('clip.avi')
    if word is None:
        OutputPlan(names, ['x.py'], **asked)
        return
    with pytest.raises(OutputError, match=word):
        OutputPlan(names, ['x.py'], **asked)
    assert not (here / 'v').exists()


def test_one_input_is_a_file_or_goes_into_a_folder(here):
    assert str(OutputPlan(['a/b.mp4'], plot='p.svg').plots['a/b.mp4']) \
        == 'p.svg'
    for folder in ('a', 'new/'):
        assert OutputPlan(['clip.avi'], video=folder).videos[
            'clip.avi'].name == 'clip.avi.mp4'
