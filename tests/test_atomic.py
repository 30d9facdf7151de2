# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json
import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from mmfer.atomic import replacing, write_json, write_text, writing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_appears_whole_with_its_folder(tmp_path):
    path = tmp_path / 'new' / 'folder' / 'a.txt'
    write_text(path, 'one\r\ntwo\nä\n')
    assert path.read_bytes() == 'one\r\ntwo\nä\n'.encode()
    write_text(str(path), 'other')
    assert path.read_text() == 'other'
    assert names(path.parent) == ['a.txt']


def test_nothing_is_there_before_the_end(tmp_path):
    path = tmp_path / 'a.txt'
    with writing(path) as file:
        file.write('half')
        file.flush()
        assert not path.exists()
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == ['a.txt']


def test_libraries_get_a_name_with_the_suffix_that_they_go_by(tmp_path):
    path = tmp_path / 'numbers.npz'
    with replacing(path) as temporary:
        assert temporary.parent == path.parent.resolve()
        assert temporary.suffix == '.npz' and temporary != path
        np.savez(temporary, a=np.arange(3))
    assert names(tmp_path) == ['numbers.npz']
    with np.load(path) as stored:
        assert stored['a'].tolist() == [0, 1, 2]
    with writing(path, 'wb') as file:
        np.save(file, np.arange(4))
    assert np.load(path).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(error):
        with writing(path) as file:
            file.write('new')
            raise error
    with pytest.raises(error):
        with replacing(path) as temporary:
            temporary.write_text('new')
            raise error
    with pytest.raises(TypeError):
        write_json(path, dict(a={1}))
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['a.txt']


def test_who_wrote_nothing_is_told_the_name_that_he_knows(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        with replacing(tmp_path / 'a.png'):
            pass
    assert str(caught.value).endswith(f"'{tmp_path / 'a.png'}'")


def test_of_writers_at_once_one_wins_whole(tmp_path):
    path = tmp_path / 'a.txt'
    together = threading.Barrier(4)

    def work(letter):
        with writing(path) as file:
            file.write(letter * 1000)
            together.wait()  # all of them are in the middle now
            file.write(letter * 100000)

    threads = [threading.Thread(target=work, args=(c,)) for c in 'abcd']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = path.read_text()
    assert len(text) == 101000 and len(set(text)) == 1
    assert names(tmp_path) == ['a.txt']


def test_permissions_are_those_of_open(tmp_path):
    (tmp_path / 'usual').write_text('')
    write_text(tmp_path / 'new', '')
    assert mode(tmp_path / 'new') == mode(tmp_path / 'usual')
    (tmp_path / 'new').chmod(0o640)
    write_text(tmp_path / 'new', 'again')
    assert mode(tmp_path / 'new') == 0o640


def test_a_link_stays_one(tmp_path):
    (tmp_path / 'there').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'there' / 'file')
    write_text(tmp_path / 'link', 'text')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'there' / 'file').read_text() == 'text'
    assert names(tmp_path) == ['link', 'there']


def test_what_is_no_file_is_written_to(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    read = []
    reader = threading.Thread(
        target=lambda: read.append((tmp_path / 'pipe').read_text()))
    reader.start()
    write_text(tmp_path / 'pipe', 'text')
    reader.join()
    assert read == ['text']
    assert stat.S_ISFIFO((tmp_path / 'pipe').stat().st_mode)


def test_names_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ('n' * 251 + '.txt')
    write_text(path, 'text')
    assert path.read_text() == 'text'


@pytest.mark.parametrize('name', ['n' * 256, 'x' * 250 + '.suffix'])
def test_errors_name_the_file(tmp_path, name):
    with pytest.raises(OSError) as usual:
        open(tmp_path / name, 'w')
    with pytest.raises(OSError) as caught:
        write_text(tmp_path / name, '')
    assert str(caught.value) == str(usual.value)
    assert names(tmp_path) == []


def test_a_folder_in_its_place_is_named(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        write_text(tmp_path, 'text')
    assert str(tmp_path) in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0,
    reason='nothing is read-only for this user')
def test_a_folder_that_is_read_only_is_an_ordinary_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError) as usual:
            open(tmp_path / 'a.txt', 'w')
        with pytest.raises(PermissionError) as caught:
            write_text(tmp_path / 'a.txt', '')
    finally:
        tmp_path.chmod(0o755)
    assert str(caught.value) == str(usual.value)


def test_json_is_readable_and_takes_options(tmp_path):
    write_json(tmp_path / 'a.json', dict(b=[1], a='ä'), sort_keys=True,
               ensure_ascii=False)
    text = (tmp_path / 'a.json').read_text('utf-8')
    assert text == '{\n "a": "ä",\n "b": [\n  1\n ]\n}\n'
    assert json.loads(text) == dict(a='ä', b=[1])
    with pytest.raises(ValueError):
        write_json(tmp_path / 'b.json', float('nan'), allow_nan=False)
    assert names(tmp_path) == ['a.json']


def test_it_stands_on_the_lowest_floor():
    # Loaded by its file, without the package around it.
    import mmfer.atomic
    code = ('import runpy, sys; runpy.run_path(sys.argv[1]);'
            'sys.exit("mmfer" in sys.modules or "numpy" in sys.modules)')
    assert subprocess.run(
        [sys.executable, '-S', '-c', code, mmfer.atomic.__file__]
    ).returncode == 0
