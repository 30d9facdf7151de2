# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""See mmfer work, end to end: ``python -m mmfer.quickstart``.

Makes a labelled data set of synthetic faces, trains a residual-only model
and its RGB twin with mmaction2's own ``train.py``, tests both on unseen
persons with mmaction2's own ``test.py``, measures the way from a file to its
prediction, and classifies one unseen file. What is finished is kept: run it
again after an interruption and it goes on where it stopped.
"""
import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, TextIO

from .handover import find_script

# The data set; see mmfer.synthetic.PRESETS.
PRESET = 'small'
# H.264 as its encoder likes it best: what most files are.
CODING = dict(codec='h264', profile='stock')
# The two models: the same network, schedule, batches and seed.
MODELS = {
    'residual': ('residual, motion', 'residual_r10-quarter_1xb16-s8-24e_'
                 'synthetic-faces-chained-motion.py'),
    'rgb': ('RGB twin', 'residual_r10-quarter_1xb16-s8-24e_'
            'synthetic-faces-rgb.py'),
}
SEED = 0
# Rounds of the speed measurement; each takes one clip through both models.
ROUNDS, WARM_UP = 40, 5

METRIC = re.compile(r'fer/(WAR|UAR): ([\d.]+)')
EPOCH = re.compile(r'Epoch\((train|val)\)\s*\[(\d+)\]\[\s*(\d+)/(\d+)\]')
LOSS = re.compile(r'\bloss: ([\d.]+)')


class QuickstartError(RuntimeError):
    """A step failed; the message says where its log is."""


def find_config(name: str) -> Path:
    """Find a shipped config by its file name.

    Args:
        name (str): Such as ``'residual_r10.py'``.

    Returns:
        Path: The config of the installed package.

    Raises:
        QuickstartError: If the package carries no such config.
    """
    package = Path(__file__).resolve().parent
    for root in (package / '.mim' / 'configs', package.parent / 'configs'):
        found = sorted(root.resolve().rglob(name)) if root.is_dir() else []
        if found:
            return found[0]
    raise QuickstartError(
        f'mmfer carries no config {name}: pip install --force-reinstall mmfer')


def digest(*parts: Any) -> str:
    """Condense what a step depends on into one short word.

    Args:
        *parts: Paths (their files' contents count) and JSON values.

    Returns:
        str: Sixteen hexadecimal digits.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = [part] if part.is_file() else sorted(part.rglob('*.py'))
            for file in files:
                total.update(file.read_bytes())
        else:
            total.update(json.dumps(part, sort_keys=True).encode())
    return total.hexdigest()[:16]


def write_json(path: Path, content: Any) -> None:
    """Write a file that is either complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(json.dumps(content, indent=1) + '\n', 'utf-8')
    os.replace(partial, path)


def once(path: Path,
         key: str,
         work: Callable[[], Any],
         title: str,
         holds: Callable[[Any], bool] = lambda result: True) -> Any:
    """Do a step, or return its result when it was done before.

    Args:
        path (Path): Where the result is kept.
        key (str): What the step depends on; another one means do it again.
        work (Callable): Does the step and returns a JSON value.
        title (str): What is printed about it.
        holds (Callable): Whether a kept result still holds. Defaults to
            always.

    Returns:
        Any: The result.
    """
    try:
        kept = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError):
        kept = {}
    if kept.get('key') == key and holds(kept['result']):
        print(f'{title}: done before', flush=True)
        return kept['result']
    print(title, flush=True)
    start = time.monotonic()
    result = work()
    write_json(path, dict(key=key, result=result))
    print(f'    took {time.monotonic() - start:.0f} s', flush=True)
    return result


def hold(folder: Path) -> Optional[TextIO]:
    """Let one run at a time work in a folder.

    The lock passes on to the training processes. So after this process
    alone was killed, the next one waits for them instead of writing between.

    Args:
        folder (Path): The folder.

    Returns:
        TextIO | None: Open as long as the lock is held; None on systems
        without such locks.
    """
    try:
        import fcntl
    except ImportError:
        return None
    lock = open(folder / 'lock', 'w')
    os.set_inheritable(lock.fileno(), True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(f'Another run works in {folder}; waiting for its end',
              flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def summary_of(line: str) -> Optional[str]:
    """Condense a line of mmengine's log for the screen.

    Args:
        line (str): One line of the log.

    Returns:
        str | None: At the end of an epoch its loss or WAR and UAR.
    """
    epoch = EPOCH.search(line)
    if epoch is None or epoch[3] != epoch[4]:
        return None
    if epoch[1] == 'train':
        loss = LOSS.search(line)
        return f'epoch {epoch[2]}: loss {loss[1]}' if loss else None
    metrics = dict(METRIC.findall(line))
    if {'WAR', 'UAR'} - set(metrics):
        return None
    return (f'epoch {epoch[2]}: validation WAR {float(metrics["WAR"]):.3f}, '
            f'UAR {float(metrics["UAR"]):.3f}')


def run_logged(command: Sequence[str], log: Path) -> None:
    """Run a command; its output goes to a file, a summary to the screen.

    Args:
        command (Sequence[str]): For ``subprocess``.
        log (Path): The file; lines are appended.

    Raises:
        QuickstartError: If the command fails, with the end of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    print('    ' + ' '.join(command), flush=True)
    tail: List[str] = []
    with open(log, 'a', encoding='utf-8') as file:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            close_fds=os.name == 'nt')  # Hand the lock on, see hold().
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                tail = [*tail[-19:], line]
                summary = summary_of(line)
                if summary:
                    print(f'    {summary}', flush=True)
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()
    if process.returncode:
        raise QuickstartError(
            f'{"".join(tail)}The command above failed with status '
            f'{process.returncode}; its whole output is in {log}.')


def make_data(folder: Path, subjects: Optional[int] = None) -> Path:
    """Make the synthetic faces, or complete them.

    Args:
        folder (Path): Where.
        subjects (int, optional): Persons; those of the preset when None.
            Defaults to None.

    Returns:
        Path: The annotation file.
    """
    from .synthetic import PRESETS, ConfigurationMismatch, make_dataset
    options = dict(
        PRESETS[PRESET],
        seed=SEED,
        workers=os.cpu_count() or 1,
        codings={folder.name: CODING})
    if subjects is not None:
        options['num_subjects'] = subjects
    try:
        return make_dataset(folder.parent, **options)[0]
    except ConfigurationMismatch:
        # Made by another version of mmfer, or of another size.
        shutil.rmtree(folder)
        return make_dataset(folder.parent, **options)[0]


def best_checkpoint(folder: Path) -> Path:
    """Find the checkpoint that validation chose, else the last one.

    Args:
        folder (Path): A work directory of mmengine.

    Returns:
        Path: The checkpoint.

    Raises:
        QuickstartError: If there is none.
    """
    best = sorted(
        folder.glob('best_*.pth'), key=lambda file: file.stat().st_mtime)
    if best:
        return best[-1]
    last = folder / 'last_checkpoint'
    if last.is_file():
        return Path(last.read_text('utf-8').strip())
    raise QuickstartError(f'{folder} holds no checkpoint.')


def train(config: Path, folder: Path, key: str,
          options: Sequence[str]) -> str:
    """Train with mmaction2's own script; go on where it was interrupted.

    Args:
        config (Path): The config.
        folder (Path): The work directory.
        key (str): What the training depends on. A directory that holds the
            training of another key is begun anew.
        options (Sequence[str]): Further ``--cfg-options``.

    Returns:
        str: The checkpoint to use.
    """
    begun = folder / 'key.json'
    if not begun.is_file() or json.loads(begun.read_text('utf-8')) != key:
        shutil.rmtree(folder, ignore_errors=True)
        write_json(begun, key)
    # Two checkpoints are kept, for with one mmengine deletes the old one
    # before it writes the new one.
    command = [
        sys.executable, '-W', 'ignore', str(find_script('train.py')),
        str(config), '--work-dir', str(folder), '--seed', str(SEED),
        '--resume', '--cfg-options',
        'default_hooks.checkpoint.max_keep_ckpts=2', *options
    ]
    run_logged(command, folder / 'train.log')
    return str(best_checkpoint(folder))


def test(config: Path, checkpoint: str, folder: Path) -> Dict[str, float]:
    """Test with mmaction2's own script.

    Args:
        config (Path): The config.
        checkpoint (str): The checkpoint.
        folder (Path): The work directory.

    Returns:
        dict[str, float]: WAR and UAR, from what the script dumped.
    """
    import pickle

    from .evaluation.functional import (confusion_matrix,
                                        unweighted_average_recall,
                                        weighted_average_recall)
    dump = folder / 'predictions.pkl'
    run_logged([
        sys.executable, '-W', 'ignore', str(find_script('test.py')),
        str(config), checkpoint, '--work-dir', str(folder), '--dump', str(dump)
    ], folder / 'test.log')
    with open(dump, 'rb') as file:  # Our own file, written a moment ago.
        samples = pickle.load(file)
    scores = [sample['pred_score'] for sample in samples]
    confusion = confusion_matrix(
        [int(sample['gt_label']) for sample in samples],
        [int(score.argmax()) for score in scores], len(scores[0]))
    return dict(
        WAR=float(weighted_average_recall(confusion)),
        UAR=float(unweighted_average_recall(confusion)))


class Predictor:
    """One trained model with its test pipeline, on the CPU.

    Args:
        config (Path): The config.
        checkpoint (str): The checkpoint.
    """

    def __init__(self, config: Path, checkpoint: str) -> None:
        from mmaction.apis import init_recognizer
        from mmengine.dataset import Compose
        with contextlib.redirect_stdout(io.StringIO()):
            self.model = init_recognizer(
                str(config), checkpoint, device='cpu')
        self.pipeline = Compose(self.model.cfg.test_pipeline)

    def __call__(self, path: Path):
        """Classify one file.

        Args:
            path (Path): The video.

        Returns:
            torch.Tensor: Scores of the classes, shape (num_classes, ).
        """
        from mmaction.apis import inference_recognizer
        result = inference_recognizer(
            self.model, dict(filename=str(path)), self.pipeline)
        return result.pred_score


def measure(predictors: Dict[str, Predictor], files: Sequence[Path],
            rounds: int, warm_up: int) -> Dict[str, float]:
    """Measure the CPU time from a file to its prediction.

    The models take turns, so that whatever else the machine does meets them
    alike. One thread.

    Args:
        predictors (dict[str, Predictor]): The models by name.
        files (Sequence[Path]): The videos, taken in turn.
        rounds (int): Measurements of each model.
        warm_up (int): Rounds before that which are not counted.

    Returns:
        dict[str, float]: The median of each model in milliseconds.
    """
    import cv2
    import torch
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    times: Dict[str, List[float]] = {name: [] for name in predictors}
    for number in range(-warm_up, rounds):
        file = files[number % len(files)]
        for name, predictor in predictors.items():
            start = time.process_time()
            predictor(file)
            if number >= 0:
                times[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def report(results: Dict[str, Dict[str, float]],
           milliseconds: Dict[str, float], prediction: Dict[str, Any]) -> str:
    """Lay the results out.

    Args:
        results (dict): WAR and UAR of each model.
        milliseconds (dict): The time of each model.
        prediction (dict): ``file``, ``label``, ``score`` and ``truth``.

    Returns:
        str: A table and a line.
    """
    lines = [
        f'{"on unseen persons":20}{"WAR":>8}{"UAR":>8}'
        f'{"file to prediction":>22}'
    ]
    for name, (title, _) in MODELS.items():
        lines.append(f'{title:20}{results[name]["WAR"]:8.3f}'
                     f'{results[name]["UAR"]:8.3f}'
                     f'{milliseconds[name]:14.1f} ms CPU')
    lines.append('')
    lines.append(f'{prediction["file"]} shows {prediction["label"]} '
                 f'(score {prediction["score"]:.2f}); '
                 f'its annotation says {prediction["truth"]}')
    return '\n'.join(lines)


def run(folder: Path,
        subjects: Optional[int] = None,
        max_epochs: Optional[int] = None) -> str:
    """Do everything.

    Args:
        folder (Path): Where all files go.
        subjects (int, optional): Persons in the data set; those of the
            preset when None. Defaults to None.
        max_epochs (int, optional): Fewer epochs than the configs say.
            Defaults to None.

    Returns:
        str: The report.
    """
    folder = folder.resolve()
    data = folder / 'data' / 'synthetic_faces'
    # The shipped configs look for the data set below this folder.
    os.environ['MMFER_DATA'] = str(data.parent)
    package = Path(__file__).resolve().parent
    configs = {name: find_config(file) for name, (_, file) in MODELS.items()}
    options = [] if max_epochs is None else [
        f'train_cfg.max_epochs={max_epochs}'
    ]

    print('1/4 A data set of synthetic faces', flush=True)
    annotations = make_data(data, subjects)
    clips = json.loads(annotations.read_text('utf-8'))
    key = digest(annotations, str(folder), options, SEED,
                 find_config('default_runtime.py').parent,
                 *(package / part for part in (
                     'codec', 'datasets', 'models', 'engine', 'evaluation')))
    checkpoints, results = {}, {}
    for number, (name, (title, _)) in enumerate(MODELS.items(), 2):
        config, place = configs[name], folder / name
        own = digest(key, config.parent, config.name)
        checkpoints[name] = once(
            folder / 'done' / f'train-{name}.json', own,
            lambda: train(config, place, own, options),
            f'{number}/4 Train the model: {title}', os.path.isfile)
        results[name] = once(
            folder / 'done' / f'test-{name}.json', own,
            lambda: test(config, checkpoints[name], place / 'test'),
            '    Test it on unseen persons')

    print('4/4 From a file to its prediction', flush=True)
    unseen = [clip for clip in clips['clips'] if clip['split'] == 'test']
    predictors = {
        name: Predictor(configs[name], checkpoints[name])
        for name in MODELS
    }
    files = [annotations.parent / clip['path'] for clip in unseen]
    milliseconds = measure(predictors, files, ROUNDS, WARM_UP)
    clip = unseen[len(unseen) // 2]
    file = annotations.parent / clip['path']
    scores = predictors['residual'](file)
    near = os.path.relpath(file)
    prediction = dict(
        file=str(file) if near.startswith(os.pardir) else near,
        label=clips['metainfo']['classes'][int(scores.argmax())],
        score=float(scores.max()),
        truth=clip['label'])
    write_json(
        folder / 'report.json',
        dict(results=results, milliseconds=milliseconds,
             prediction=prediction))
    return report(results, milliseconds, prediction)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Be the command.

    Args:
        argv (Sequence[str], optional): The arguments; those of the process
            when None.

    Returns:
        int: The exit status.
    """
    parser = argparse.ArgumentParser(
        prog='python -m mmfer.quickstart',
        description=__doc__.split('\n\n')[1].replace('``', ''))
    parser.add_argument(
        '--folder',
        type=Path,
        default=Path('quickstart'),
        help='where all files go (quickstart)')
    parser.add_argument(
        '--subjects',
        type=int,
        metavar='N',
        help='make this many persons instead of those of the preset '
        f'{PRESET!r}')
    parser.add_argument(
        '--max-epochs',
        type=int,
        metavar='N',
        help='train for fewer epochs than the configs say')
    args = parser.parse_args(argv)
    start = time.monotonic()
    args.folder.mkdir(parents=True, exist_ok=True)
    lock = hold(args.folder)
    try:
        text = run(args.folder, args.subjects, args.max_epochs)
    except (QuickstartError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nInterrupted. Run the same command again to go on.',
              file=sys.stderr)
        return 130
    finally:
        if lock is not None:
            lock.close()
    print(f'\n{text}\n\n{time.monotonic() - start:.0f} s in all')
    return 0


if __name__ == '__main__':
    sys.exit(main())
