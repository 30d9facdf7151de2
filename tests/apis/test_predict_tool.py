# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The command: what it prints and writes, and its exit codes."""
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from mmfer.apis.outputs import read_json


@pytest.fixture
def run(tool, model_of, capsys):
    """Run the command; returns exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            tool.main([model_of['config'], model_of['checkpoint'],
                       *map(str, arguments)])
        said = capsys.readouterr()
        code = caught.value.code
        if isinstance(code, str):
            return 1, said.out, code
        return code, said.out, said.err

    return call


def test_one_file_with_everything(run, clips, tmp_path):
    code, out, err = run(
        clips[0], '--window', .3, '--json', tmp_path / 'a.json', '--csv',
        tmp_path / 'a.csv', '--plot', tmp_path / 'a.png', '--video',
        tmp_path / 'a.mp4')
    assert code == 0 and clips[0] in out and 'predict: 2/2' in err
    clip, = read_json(tmp_path / 'a.json')
    assert len(clip.faces[0].windows) == 2
    assert len((tmp_path / 'a.csv').read_text().splitlines()) == 3
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')
    from mmfer.codec import CompressedVideo
    with CompressedVideo(tmp_path / 'a.mp4') as video:
        assert len(video) == 14
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'a.csv', 'a.json', 'a.mp4', 'a.png']


def test_pictures_of_several_files_go_into_a_folder(run, clips, tmp_path):
    code, *_ = run(*clips[:2], '--plot', tmp_path / 'plots', '--quiet')
    assert code == 0
    assert sorted(p.name for p in (tmp_path / 'plots').iterdir()) == [
        f'{Path(clip).name}.png' for clip in clips[:2]]


def test_exit_codes_tell_all_some_and_none(run, clips, tmp_path):
    assert run(clips[0], '--quiet') == (0, '', '')
    code, out, err = run(clips[0], 'gone.mp4', '--json', tmp_path / 'a.json')
    assert code == 3 and 'error: gone.mp4: no such file' in err
    assert [c['error'] for c in json.loads(
        (tmp_path / 'a.json').read_text())] == [None, 'gone.mp4: no such file']
    assert run('gone.mp4')[0] == 1
    code, _, err = run(tmp_path / '*.avi')
    assert code == 1 and 'no file fits' in err


def test_a_log_is_continued(run, clips, tmp_path):
    log = tmp_path / 'log.jsonl'
    code, out, err = run(*clips[:2], '--jsonl', log)
    assert code == 0 and len(log.read_text().splitlines()) == 2
    code, again, err = run(*clips[:2], '--jsonl', log)
    assert (code, again) == (0, out) and 'predict: 2/2' in err


def test_a_device_is_listed_window_by_window(run, tmp_path):
    code, out, _ = run('testsrc=size=64x64:rate=10:duration=2', '--window', 1,
                       '--input-format', 'lavfi', '--csv', tmp_path / 'a.csv')
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ['0.00', '1.00']
    assert len((tmp_path / 'a.csv').read_text().splitlines()) == 3


@pytest.mark.parametrize('arguments, word', [
    (['rtsp://a/b', 'c.mp4'], 'alone'), (['0', '--video', 'a.mp4'], 'files'),
    (['a.mp4', '--seconds', '3'], 'cameras'),
    (['a.mp4', '--engine', 'ray'], 'workers'),
    (['0', '--input-option', 'x'], 'NAME=VALUE'),
    (['a.mp4', '--threads', '0'], 'threads'),
    (['a.mp4', '--batch-size', '0'], 'batch-size'),
    (['a.mp4', '--max-faces', '0'], 'max-faces'),
    (['a.mp4', '--window', '-1'], 'window'),
    (['a.mp4', '--window', 'nan'], 'window'),
    (['a.mp4', '--stride', '0'], 'stride'),
    (['a.mp4', '--seconds', '0'], 'seconds'),
    (['a.mp4', '--workers', '-1'], 'workers')])
def test_options_that_do_not_go_together(run, arguments, word):
    code, _, err = run(*arguments)
    assert code == 2 and word in err


def test_what_is_wrong_with_the_model_is_one_line(run, clips):
    code, _, err = run(clips[0], '--stride', 1)
    assert code == 1 and err.startswith('error: `stride` needs')


def test_an_input_is_never_overwritten(run, clips, tmp_path):
    (tmp_path / 'sub').mkdir()
    for name in ('sub/x.mp4', 'sub_x.mp4'):
        shutil.copy(clips[0], tmp_path / name)
    before = (tmp_path / 'sub_x.mp4').read_bytes()
    for wrong in (['--video', tmp_path], ['--video', tmp_path / 'new'],
                  ['--csv', tmp_path / 'sub_x.mp4']):
        code, out, err = run(tmp_path, '--crop', 'none', *wrong)
        assert code == 2 and len(err.splitlines()) == 1
        assert 'sub_x.mp4' in err
        assert (tmp_path / 'sub_x.mp4').read_bytes() == before
        assert not (tmp_path / 'new').exists()


def test_nobody_reads_the_windows_of_a_stream(run, tmp_path, monkeypatch):
    def closed(*_, **__):
        raise BrokenPipeError(32, 'Broken pipe')

    monkeypatch.setattr('builtins.print', closed)
    code, _, err = run('testsrc=size=64x64:rate=10:duration=2', '--window', 1,
                       '--input-format', 'lavfi', '--csv', tmp_path / 'a.csv')
    assert (code, err) == (141, '')
    assert len((tmp_path / 'a.csv').read_text().splitlines()) == 2


def press_ctrl_c_at(monkeypatch, count):
    """Interrupt when the progress has come so far."""
    from mmfer.progress import ProgressLine
    step = ProgressLine.step

    def pressed(self, *arguments):
        step(self, *arguments)
        if self.done >= count:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLine, 'step', pressed)


@pytest.mark.parametrize('how', [['--workers', 1], ['--workers', 0], [
    '--workers', 0, '--jsonl', 'log.jsonl']])
def test_what_was_predicted_before_ctrl_c_is_written(
        run, clips, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    press_ctrl_c_at(monkeypatch, 2)
    code, out, err = run(*clips[:4], '--batch-size', 1, '--json', 'a.json',
                         '--plot', 'plots', *how)
    assert code == 130 and 'interrupted' in err
    assert [clip.path for clip in read_json('a.json')] == clips[:2]
    assert sorted(path.name for path in Path('plots').iterdir()) == [
        f'{Path(clip).name}.png' for clip in clips[:2]]


def test_results_of_several_inputs_are_in_a_folder_after_ctrl_c(
        run, clips, tmp_path, monkeypatch):
    press_ctrl_c_at(monkeypatch, 1)
    code, *_ = run(*clips[:2], '--batch-size', 1, '--plot', tmp_path / 'p')
    assert code == 130 and len(list((tmp_path / 'p').iterdir())) == 1


def test_windows_of_one_file_are_written_after_ctrl_c(
        run, clips, tmp_path, monkeypatch):
    press_ctrl_c_at(monkeypatch, 3)
    code, _, err = run(clips[0], '--window', .08, '--batch-size', 2, '--json',
                       tmp_path / 'a.json')
    assert code == 130 and 'ended after 3 of 7 windows' in err
    assert len(read_json(tmp_path / 'a.json')[0].faces[0].windows) == 2


def test_ctrl_c_while_drawing_is_no_traceback(tool, model_of, clips, tmp_path,
                                              monkeypatch, capsys):
    from mmfer.command_line import run
    from mmfer.visualization import annotated_video

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(annotated_video, 'write_annotated_video', pressed)
    with pytest.raises(SystemExit) as caught:
        run(lambda: tool.main([*model_of.values(), clips[0], '--video',
                               str(tmp_path / 'a.mp4'), '--csv',
                               str(tmp_path / 'a.csv')]))
    assert caught.value.code == 130 and (tmp_path / 'a.csv').exists()


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='Linux alone')
def test_a_result_that_fails_does_not_keep_others_from_being_written(
        run, clips, tmp_path):
    code, out, err = run(clips[0], '--json', '/dev/full', '--csv',
                         tmp_path / 'a.csv', '--plot', tmp_path / 'a.png')
    assert code == 3 and clips[0] in out
    assert 'error: /dev/full: not written (No space left on device)' in err
    assert (tmp_path / 'a.csv').exists() and (tmp_path / 'a.png').exists()


def test_names_of_results_are_checked_first(run, clips, tmp_path):
    code, _, err = run(clips[0], '--plot', tmp_path / 'o')
    assert code == 2 and '.png' in err
    assert run(clips[0], '--csv', tmp_path)[0] == 2


def test_videos_of_names_that_look_like_addresses(run, clips, tmp_path,
                                                  monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clips[0], 'talk:1.mp4')
    code, _, err = run('talk:1.mp4', '--video', 'new:1.mp4')
    assert (code, sorted(p.name for p in tmp_path.iterdir())) == (
        0, ['new:1.mp4', 'talk:1.mp4'])


@pytest.mark.parametrize('how', [[], ['--workers', 1]])
def test_a_name_need_not_be_text(run, clips, tmp_path, how):
    name = os.fsdecode(b'caf\xe9.mp4')
    try:
        shutil.copy(clips[0], tmp_path / name)
    except OSError:
        pytest.skip('names are UTF-8 here')
    shutil.copy(clips[1], tmp_path / 'b.mp4')
    inodes = []
    for _ in range(2):
        code, out, err = run(
            tmp_path, '--json', tmp_path / 'a.json', '--csv',
            tmp_path / 'a.csv', '--plot', tmp_path / 'plots', *how,
            *(['--jsonl', tmp_path / 'a.jsonl'] if how else []))
        assert code == 0, err
        assert r'caf\udce9.mp4' in out
        assert r'caf\udce9.mp4' in (tmp_path / 'a.csv').read_text('utf-8')
        paths = [clip.path for clip in read_json(tmp_path / 'a.json')]
        assert paths == [str(tmp_path / 'b.mp4'), str(tmp_path / name)]
        if how:  # the second time nothing is left to be done
            inodes.append((tmp_path / 'a.jsonl').stat().st_ino)
    assert len(set(inodes)) <= 1


def test_a_detector_that_cannot_be_made_is_one_line(run, clips, tmp_path):
    for spec in ('nope', f'haar:{tmp_path}/no.xml', 'python:math:nothing'):
        code, out, err = run(*clips[:2], '--detector', spec)
        assert code == 1 and err.startswith('error: ') and spec[-6:] in err
        assert len(err.splitlines()) == 1 and not out


def test_digits_of_other_kinds_are_no_numbers(run, clips, tmp_path):
    for name in ('10²3.mp4', '2.mp4', '٣.mp4'):
        shutil.copy(clips[0], tmp_path / name)
    assert run(tmp_path, '--quiet')[0] == 0


def test_a_config_that_reads_otherwise_is_told(tool, model_of, clips,
                                               tmp_path, capsys):
    from mmengine.config import Config
    cfg = Config.fromfile(model_of['config'])
    content = torch.load(model_of['checkpoint'], weights_only=True)
    content['meta']['cfg'] = cfg.pretty_text
    torch.save(content, tmp_path / 'w.pth')
    cfg.test_pipeline[1].num_segments = 4
    cfg.dump(tmp_path / 'other.py')
    for config, warned in ((model_of['config'], 0),
                           (tmp_path / 'other.py', 1)):
        with pytest.raises(SystemExit):
            tool.main([str(config), str(tmp_path / 'w.pth'), clips[0]])
        said = capsys.readouterr().err
        assert said.count('warning: ') == warned
        assert ('num_segments=4' in said) == warned
