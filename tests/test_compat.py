# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Each repair in both states: needed, and not needed.

Most tests run a bare interpreter (``-S``: no installed packages) whose path
holds this package and a made-up environment, so both states can be had
whatever is installed here.
"""
import importlib.util
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

import mmfer
from mmfer import compat
from mmfer.compat import checkpoints, hub

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
MMACTION = Path(importlib.util.find_spec('mmaction').origin).parent


def write(root, files):
    """Write a tree of files; the text of each is dedented."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))


def run(code, path=None, check=True):
    """Run code in a new interpreter, bare when a path is given."""
    env = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    bare = []
    if path is not None:
        env['PYTHONPATH'] += os.pathsep + str(path)
        bare = ['-S']
    out = subprocess.run(
        [sys.executable, *bare, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=env)
    if check:
        assert out.returncode == 0, out.stderr
    return out


def states(path, before=''):
    """Import mmfer in a bare interpreter and return the state of repairs."""
    code = before + textwrap.dedent('''
        import json, mmfer
        print(json.dumps({r.name: [r.state, r.detail]
                          for r in mmfer.compat.apply()}))''')
    return json.loads(run(code, path).stdout.splitlines()[-1])


def link_installed(target, *packages):
    """Link installed packages into a made-up environment."""
    for package in packages:
        folder = Path(importlib.util.find_spec(package).origin).parent
        for name in (folder.name, f'{folder.name}.libs'):
            if (folder.parent / name).exists():
                (target / name).symlink_to(folder.parent / name)


class TestWithoutTheStack:

    def test_nothing_is_repaired(self, tmp_path):
        found = states(tmp_path)
        assert list(found) == [
            'drn', 'metadata', 'multimodal', 'safe_globals', 'hub'
        ]
        assert {state for state, _ in found.values()} == {'not needed'}

    def test_codec_needs_av_and_numpy_only(self, tmp_path):
        link_installed(tmp_path, 'av', 'numpy')
        out = run(
            '''
            import sys
            import mmfer.codec
            print(mmfer.codec.CompressedVideo.__name__)
            print([m for m in ('torch', 'mmengine', 'cv2') if m in sys.modules])
            ''', tmp_path)
        assert out.stdout.split('\n')[:2] == ['CompressedVideo', '[]']


def test_import_is_light_although_the_stack_is_installed():
    out = run('''
        import sys
        import mmfer
        print([m for m in ('torch', 'numpy', 'mmengine', 'mmaction')
               if m in sys.modules])''')
    assert out.stdout.strip() == '[]'


class TestDrn:
    importing = {'mmaction/models/localizers/__init__.py':
                 'from .drn.drn import DRN\n',
                 'mmaction/models/__init__.py':
                 'from .localizers import DRN\n',
                 'mmaction/__init__.py': ''}

    def test_stands_in_when_the_folder_is_absent(self, tmp_path):
        write(tmp_path, self.importing)
        assert states(tmp_path)['drn'][0] == 'done'
        out = run(
            '''
            import mmfer
            from mmaction.models.localizers.drn.drn import DRN
            from mmaction.models import DRN as same
            assert same is DRN
            DRN()
            ''', tmp_path, check=False)
        assert out.stderr.strip().splitlines()[-1] == (
            "ImportError: mmaction2's localizer DRN is missing from the "
            'installed mmaction2')

    def test_does_not_import_the_parent(self, tmp_path):
        write(tmp_path, {**self.importing,
                         'mmaction/__init__.py': 'raise SystemExit(7)'})
        assert states(tmp_path)['drn'][0] == 'done'

    def test_leaves_a_healthy_one_alone(self, tmp_path):
        write(tmp_path, {**self.importing,
                         'mmaction/models/localizers/drn/drn.py':
                         'import torchvision\nclass DRN: mine = True\n',
                         'torchvision/__init__.py': ''})
        assert states(tmp_path)['drn'] == [
            'not needed', 'localizers.drn is installed'
        ]
        run('''
            import mmfer
            from mmaction.models import DRN
            assert DRN.mine and DRN().mine
            ''', tmp_path)

    def test_stands_in_for_one_that_lacks_torchvision(self, tmp_path):
        write(tmp_path, {**self.importing,
                         'mmaction/models/localizers/drn/drn.py':
                         'import torchvision\n'})
        state, detail = states(tmp_path)['drn']
        assert state == 'done' and 'torchvision' in detail
        run('import mmfer, mmaction.models', tmp_path)

    def test_leaves_an_mmaction_alone_that_does_not_import_it(self, tmp_path):
        write(tmp_path, {'mmaction/__init__.py': '',
                         'mmaction/models/localizers/__init__.py': ''})
        assert states(tmp_path)['drn'][0] == 'not needed'

    @pytest.mark.skipif(
        (MMACTION / 'models/localizers/drn').exists(),
        reason='the installed mmaction2 is complete')
    def test_the_installed_mmaction_needs_it_and_works_with_it(self):
        without = run('import mmaction.models', check=False)
        assert 'mmaction.models.localizers.drn' in without.stderr
        run('import mmfer, mmaction.models')


class TestMetadata:

    def test_stands_in_when_absent(self, tmp_path):
        write(tmp_path, {'mmaction/__init__.py': ''})
        assert states(tmp_path)['metadata'][0] == 'done'
        run('''
            import mmfer
            from importlib_metadata import PackageNotFoundError, distribution
            try:
                distribution('no-such-distribution')
            except PackageNotFoundError:
                raise SystemExit(0)
            raise SystemExit(1)
            ''', tmp_path)

    def test_leaves_an_installed_one_alone(self, tmp_path):
        write(tmp_path, {'mmaction/__init__.py': '',
                         'importlib_metadata.py': 'mine = True'})
        assert states(tmp_path)['metadata'][0] == 'not needed'
        run('import mmfer, importlib_metadata as m; assert m.mine', tmp_path)


class TestMultimodal:
    """A VindLU that imports from three modules of two packages."""
    healthy = {
        'mmaction/__init__.py': '',
        'mmaction/utils/__init__.py': '',
        'mmaction/utils/dependency.py': 'WITH_MULTIMODAL = True\n',
        'mmaction/models/multimodal/vindlu/bert.py': '''
            from transformers import BertTokenizer
            from transformers.file_utils import ModelOutput
            from transformers.modeling_utils import prune
            from timm.models.layers import DropPath
            from .xbert import anything
            ''',
        'transformers/__init__.py': 'raise SystemExit("imported")',
        'transformers/file_utils.py': 'from .utils import ModelOutput',
        'transformers/modeling_utils.py': '''
            if True:
                def prune(): pass
            ''',
        'timm/__init__.py': '',
        'timm/models/layers/__init__.py': 'class DropPath: pass',
        'torchvision/__init__.py': '',
    }
    imported = 'import mmfer\nimport mmaction.utils.dependency\n'

    def state(self, path, before=imported):
        found = states(path, before)['multimodal']
        value = run(
            before + 'import mmfer, mmaction.utils.dependency as d\n'
            'print(d.WITH_MULTIMODAL)', path).stdout.strip()
        assert value == str(found[0] != 'done')
        return found

    def test_waits_for_the_import(self, tmp_path):
        write(tmp_path, self.healthy)
        assert states(tmp_path)['multimodal'][0] == 'waiting'

    def test_leaves_it_on_when_vindlu_can_be_imported(self, tmp_path):
        write(tmp_path, self.healthy)
        assert self.state(tmp_path) == ['not needed', 'VindLU can be imported']

    @pytest.mark.parametrize('absent, replaced, reason', [
        ('transformers/file_utils.py', None, 'no transformers.file_utils'),
        ('transformers/modeling_utils.py', 'class Other: pass',
         'no prune in transformers.modeling_utils'),
        ('timm/models/layers/__init__.py', 'DropBlock = 1', 'no DropPath in'),
        ('timm/__init__.py', None, 'timm is not installed'),
        ('torchvision/__init__.py', None, 'needs torchvision'),
    ])
    def test_switches_it_off(self, tmp_path, absent, replaced, reason):
        files = dict(self.healthy)
        del files[absent]
        if absent == 'timm/__init__.py':
            del files['timm/models/layers/__init__.py']
        if replaced:
            files[absent] = replaced
        write(tmp_path, files)
        state, detail = self.state(tmp_path)
        assert state == 'done' and reason in detail

    def test_acts_at_once_when_the_module_is_loaded(self, tmp_path):
        files = dict(self.healthy)
        del files['transformers/file_utils.py']
        write(tmp_path, files)
        before = 'import mmaction.utils.dependency\n'
        assert self.state(tmp_path, before)[0] == 'done'

    def test_leaves_it_alone_when_off(self, tmp_path):
        write(tmp_path, {**self.healthy, 'mmaction/utils/dependency.py':
                         'WITH_MULTIMODAL = False\n'})
        out = states(tmp_path, self.imported)['multimodal']
        assert out == ['not needed', 'VindLU is off']

    def test_reads_the_real_vindlu(self, tmp_path):
        # Nothing of what the installed one imports is there: all unmet.
        write(tmp_path, {'mmaction/__init__.py': ''})
        out = run(
            f'''
            import pathlib
            from mmfer.compat import unmet_imports
            folder = pathlib.Path({str(MMACTION)!r}, 'models', 'multimodal',
                                  'vindlu')
            print(set(unmet_imports(folder, ('transformers', 'timm'))))
            ''', tmp_path).stdout
        assert 'transformers is not installed' in out
        assert 'timm is not installed' in out


def renamed(checkpoint, old, new):
    """Rename a module in a checkpoint's pickle, as another numpy would."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(checkpoint)) as source, \
            zipfile.ZipFile(out, 'w') as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith('data.pkl'):
                assert old in data
                data = data.replace(old, new)
            target.writestr(item.filename, data)
    return out.getvalue()


@pytest.fixture(scope='module')
def checkpoint():
    """What Runner.save_checkpoint writes besides weights."""
    import numpy as np
    import torch
    from mmengine.logging import MessageHub
    hub = MessageHub.get_instance('test_compat')
    hub.update_scalar('train/loss', 0.5)
    hub.update_scalar('train/loss', 0.25)
    hub.update_info('best', np.float64(0.125))
    hub.update_info('count', np.int64(3))
    file = io.BytesIO()
    torch.save(dict(message_hub=hub.state_dict()), file)
    return file.getvalue()


class TestSafeGlobals:

    def load(self, checkpoint):
        import torch
        import mmengine.runner  # noqa: F401
        return torch.load(
            io.BytesIO(checkpoint), weights_only=True)['message_hub']

    @pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
    def test_reads_checkpoints_of_both_numpys(self, checkpoint, core):
        here = b'numpy._core' if b'numpy._core' in checkpoint \
            else b'numpy.core'
        if core != here:
            checkpoint = renamed(checkpoint, here + b'.multiarray',
                                 core + b'.multiarray')
        hub = self.load(checkpoint)
        buffer = hub['log_scalars']['train/loss']
        assert buffer.data[0].tolist() == [0.5, 0.25]
        assert buffer.mean() == 0.375
        assert hub['runtime_info']['best'] == 0.125

    def test_is_needed(self, checkpoint, tmp_path):
        (tmp_path / 'hub.pth').write_bytes(checkpoint)
        code = '{}import torch, mmengine.runner; torch.load({!r})'
        file = str(tmp_path / 'hub.pth')
        without = run(code.format('', file), check=False)
        assert 'weights_only' in without.stderr
        run(code.format('import mmfer; ', file))

    def test_acts_for_programs_that_use_torch_only(self, checkpoint,
                                                   tmp_path):
        (tmp_path / 'hub.pth').write_bytes(checkpoint)
        run(f'''
            import torch, mmfer
            states = {{r.state for r in mmfer.compat.apply(wait=False)}}
            assert 'waiting' not in states
            torch.load({str(tmp_path / 'hub.pth')!r})
            ''')

    def test_weights_only_stays_on(self):
        import pickle

        import torch

        class Command:

            def __reduce__(self):
                return os.system, ('exit 0', )

        file = io.BytesIO()
        torch.save(dict(evil=Command()), file)
        with pytest.raises(pickle.UnpicklingError):
            self.load(file.getvalue())

    def test_getattr_answers_for_log_histories_only(self):
        import torch
        from mmengine.logging import HistoryBuffer
        method = compat.history_buffer_method(HistoryBuffer, 'mean')
        assert method is HistoryBuffer.mean
        for owner, name in ((HistoryBuffer, '__init__'), (torch, 'load'),
                            (HistoryBuffer([1], [1]), 'mean')):
            with pytest.raises(ValueError, match='refused'):
                compat.history_buffer_method(owner, name)

    def test_a_checkpoint_cannot_reach_other_attributes(self):
        import torch
        from mmengine.logging import HistoryBuffer

        class Reach:

            def __reduce__(self):
                return getattr, (HistoryBuffer, '__init__')

        file = io.BytesIO()
        torch.save(dict(reach=Reach()), file)
        with pytest.raises(Exception, match='refused'):
            self.load(file.getvalue())

    def test_nothing_is_added_for_an_older_torch(self, monkeypatch):
        import torch
        import mmengine.runner.checkpoint as module
        monkeypatch.setattr(torch, '__version__', '2.5.1+cpu')
        assert checkpoints._allow_checkpoint_names(module).state == 'not needed'


class TestHub:

    def test_mmengine_knows_the_package(self):
        from mmengine.config.utils import MODULE2PACKAGE
        assert MODULE2PACKAGE['mmfer'] == 'mmfer'

    def test_leaves_an_entry_alone(self, monkeypatch):
        import mmengine.config.utils as utils
        monkeypatch.setitem(utils.MODULE2PACKAGE, 'mmfer', 'fork-of-mmfer')
        assert hub._name_package(utils).state == 'not needed'
        assert utils.MODULE2PACKAGE['mmfer'] == 'fork-of-mmfer'


class TestApply:

    def test_again_changes_nothing(self, tmp_path):
        write(tmp_path, {**TestDrn.importing, **TestMultimodal.healthy,
                         'mmaction/models/__init__.py': ''})
        run('''
            import sys, mmfer
            first, finders = mmfer.compat.apply(), list(sys.meta_path)
            drn = sys.modules['mmaction.models.localizers.drn']
            assert mmfer.compat.apply() == first
            assert sys.meta_path == finders
            assert sys.modules['mmaction.models.localizers.drn'] is drn
            ''', tmp_path)

    def test_a_watched_module_keeps_its_own_loader(self, tmp_path):
        write(tmp_path, TestMultimodal.healthy)
        run('''
            import inspect, sys, mmfer
            before = len(sys.meta_path)
            import mmaction.utils.dependency as module
            name = type(module.__loader__).__name__
            assert name == 'SourceFileLoader', name
            assert module.__spec__.loader is module.__loader__
            assert 'WITH_MULTIMODAL' in inspect.getsource(module)
            assert len(sys.meta_path) == before - 1
            ''', tmp_path)

    def test_an_import_that_fails_fails_as_before(self, tmp_path):
        write(tmp_path, {**TestMultimodal.healthy,
                         'mmaction/utils/dependency.py':
                         'import no_such_module\n'})
        out = run('import mmfer, mmaction.utils.dependency', tmp_path,
                  check=False)
        assert "No module named 'no_such_module'" in out.stderr

    def test_what_was_done_is_logged_for_debugging(self, tmp_path):
        write(tmp_path, TestDrn.importing)
        out = run('import logging\nlogging.basicConfig(level=10)\n'
                  'import mmfer', tmp_path)
        assert 'DEBUG:mmfer:drn: done' in out.stderr
