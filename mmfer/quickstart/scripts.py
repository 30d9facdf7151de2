# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test with mmaction2's own scripts."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from mmfer.atomic import write_json
from mmfer.handover import find_script
from .errors import QuickstartError

SEED = 0

METRIC = re.compile(r'fer/(WAR|UAR): ([\d.]+)')
EPOCH = re.compile(r'Epoch\((train|val)\)\s*\[(\d+)\]\[\s*(\d+)/(\d+)\]')
LOSS = re.compile(r'\bloss: ([\d.]+)')


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
            env=one_core_reads(),
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


def one_core_reads() -> Dict[str, str]:
    """The process environment, with one core left to the reading process.

    Threads of the training that wait for a core that reads cost more than
    they bring.

    Returns:
        dict[str, str]: With ``OMP_NUM_THREADS``, unless the user set it.
    """
    threads = max(1, (os.cpu_count() or 1) - 1)
    return {'OMP_NUM_THREADS': str(threads), **os.environ}


def train(config: Path, folder: Path, key: str) -> str:
    """Train with mmaction2's own script; go on where it was interrupted.

    Args:
        config (Path): The config.
        folder (Path): The work directory.
        key (str): What the training depends on. A directory that holds the
            training of another key is begun anew.

    Returns:
        str: The checkpoint after the last epoch.
    """
    begun = folder / 'key.json'
    if not begun.is_file() or json.loads(begun.read_text('utf-8')) != key:
        shutil.rmtree(folder, ignore_errors=True)
        write_json(begun, key)
    run_logged([
        sys.executable, '-W', 'ignore', str(find_script('train.py')),
        str(config), '--work-dir', str(folder), '--seed', str(SEED), '--resume'
    ], folder / 'train.log')
    last = folder / 'last_checkpoint'
    if not last.is_file():
        raise QuickstartError(f'{folder}: the training left no checkpoint.')
    return last.read_text('utf-8').strip()


def test(config: Path, checkpoint: str, folder: Path) -> Dict[str, float]:
    """Test with mmaction2's own script.

    Args:
        config (Path): The config.
        checkpoint (str): The checkpoint.
        folder (Path): The work directory.

    Returns:
        dict[str, float]: WAR and UAR, from what the script dumped.
    """
    from mmfer.evaluation.dumps import read_dump
    from mmfer.evaluation.functional import (confusion_matrix,
                                             unweighted_average_recall,
                                             weighted_average_recall)
    dump = folder / 'predictions.pkl'
    run_logged([
        sys.executable, '-W', 'ignore', str(find_script('test.py')),
        str(config), checkpoint, '--work-dir', str(folder), '--dump', str(dump)
    ], folder / 'test.log')
    scores, labels = read_dump(str(dump))
    confusion = confusion_matrix(labels, scores.argmax(axis=1),
                                 scores.shape[1])
    return dict(
        WAR=float(weighted_average_recall(confusion)),
        UAR=float(unweighted_average_recall(confusion)))
