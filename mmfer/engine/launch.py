# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How a tool is started: interpreter, launcher, devices."""
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

import mmfer


@dataclass(frozen=True)
class Launch:
    """How the tools are started.

    Args:
        scripts (Path): Folder of train.py and test.py.
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi', passed on.
        processes (int): With 'pytorch': devices per run.
        prefix (tuple[str]): Words before the command, such as
            ``('srun', '--gres=gpu:4')``.
        devices (tuple[str]): GPUs that are shared out to the runs at a time.
            Defaults to (), whatever is visible to all.
        train_args (tuple[str]): Further arguments of train.py.
    """

    scripts: Path
    launcher: str = 'none'
    processes: int = 1
    prefix: tuple = ()
    devices: tuple = ()
    train_args: tuple = ()

    def command(self, script: str, *arguments) -> List[str]:
        """Give the command line of one of the tools.

        Args:
            script (str): 'train.py' or 'test.py'.
            *arguments: Of the tool.

        Returns:
            list[str]: Program and arguments.
        """
        python = [sys.executable]
        if self.launcher == 'pytorch':
            # Each run finds a free port by itself: runs may share a machine.
            python += ['-m', 'torch.distributed.run', '--nnodes=1',
                       f'--nproc_per_node={self.processes}',
                       '--rdzv_backend=c10d', '--rdzv_endpoint=localhost:0']
        arguments = [*map(str, arguments), '--launcher', self.launcher]
        return [*self.prefix, *python, str(self.scripts / script), *arguments]

    def environment(self, slot: int, slots: int) -> Dict[str, str]:
        """Give the variables of a run.

        Args:
            slot (int): Which of the runs at a time, from 0.
            slots (int): How many there are.

        Returns:
            dict[str, str]: To be set.
        """
        package = str(Path(mmfer.__file__).resolve().parents[1])
        old = os.environ.get('PYTHONPATH')
        values = dict(PYTHONPATH=package + (os.pathsep + old if old else ''))
        if self.devices:
            share = len(self.devices) // slots
            mine = self.devices[slot * share:(slot + 1) * share]
            values['CUDA_VISIBLE_DEVICES'] = ','.join(mine)
        return values
