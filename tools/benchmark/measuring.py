# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: clocks, interleaving, facts about the machine."""
import gc
import hashlib
import logging
import os
import platform
import random
import resource
import sys
import tempfile
import time
from contextlib import contextmanager

import numpy as np


def one_thread():
    """Give every library one thread; before any of them is imported."""
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS',
                 'MKL_NUM_THREADS'):
        os.environ.setdefault(name, '1')
    # Threads that wait should not burn what others could use.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    os.environ.setdefault('OPENCV_FFMPEG_CAPTURE_OPTIONS', 'threads;1')


def cpu_seconds():
    """CPU time of this process, all threads, and of its ended children.

    Not `os.times`, which counts in hundredths of a second.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(calls, rounds, seed, least=.02):
    """Time all calls in random order, round by round.

    Args:
        calls (dict[str, callable]): What to time.
        rounds (int): Samples a call.
        seed (int): Of the order.
        least (float): Seconds that a sample should last; short calls are
            repeated within it.

    Returns:
        dict[str, dict]: Lists ``cpu`` and ``wall`` in ms a call. What a call
        returns as a dict of seconds is kept as ``stages``, a list of dicts in
        ms, means over the repeats.
    """
    repeats = {}
    for name, call in calls.items():
        call()
        begin = time.perf_counter()
        call()
        took = time.perf_counter() - begin
        repeats[name] = max(1, min(50, int(np.ceil(least / max(took, 1e-6)))))
    samples = {name: dict(cpu=[], wall=[], stages=[]) for name in calls}
    rng = random.Random(seed)
    # As timeit does: what was imported is not searched for garbage meanwhile.
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        order = list(calls)
        rng.shuffle(order)
        for name in order:
            call, stages = calls[name], []
            cpu, wall = cpu_seconds(), time.perf_counter()
            for _ in range(repeats[name]):
                result = call()
                if isinstance(result, dict):
                    stages.append(result)
            wall = time.perf_counter() - wall
            cpu = cpu_seconds() - cpu
            samples[name]['cpu'].append(1e3 * cpu / repeats[name])
            samples[name]['wall'].append(1e3 * wall / repeats[name])
            if stages:
                samples[name]['stages'].append({
                    key: 1e3 * float(np.mean([s[key] for s in stages]))
                    for key in stages[0]
                })
    return samples


def machine(load=None):
    """Facts about the machine.

    Args:
        load (tuple, optional): Load averages at the start.

    Returns:
        dict: Plain values.
    """
    return dict(processor=processor(), cores=os.cpu_count(),
                load=load or os.getloadavg(), system=platform.platform(),
                python=sys.version)


def processor():
    """Name of the processor, as far as the system tells."""
    try:
        with open('/proc/cpuinfo') as file:
            return next(line.split(':')[1].strip() for line in file
                        if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def load_note():
    """A warning if others keep the machine busy.

    Returns:
        list[str]: Empty, or one note.
    """
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load <= .5 * cores:
        return []
    note = (f'the load was {load:.1f} on {cores} cores: trust CPU times and '
            'their ratios, not wall times')
    print(f'warning: {note}', file=sys.stderr)
    return [note]


def versions(*modules):
    """Versions of what is loaded.

    Args:
        *modules (str): Names; those that are not loaded are left out.

    Returns:
        dict[str, str]: With that of FFmpeg's decoders.
    """
    found = {name: getattr(sys.modules[name], '__version__', '?')
             for name in modules if name in sys.modules}
    if 'av' in sys.modules:
        libraries = sys.modules['av'].library_versions
        found['libavcodec'] = '.'.join(map(str, libraries['libavcodec']))
    return found


def file_facts(path):
    """Size and fingerprint of a file; reading it warms the page cache."""
    with open(path, 'rb') as file:
        data = file.read()
    return dict(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


@contextmanager
def quiet(level):
    """Log nothing up to this level in the meantime."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)


def run_and_report(run, args, render):
    """Measure, write every sample, print the tables.

    Args:
        run (callable): args, a folder for what is needed meanwhile -> report.
        args (Namespace): Of the command; ``args.out`` is a file or None.
        render (callable): report -> Markdown.

    Returns:
        int: Exit code.
    """
    from mmfer.atomic import write_json
    with quiet(logging.WARNING), tempfile.TemporaryDirectory() as folder:
        report = run(args, folder)  # without notes on old names in mmaction2
    if args.out:
        write_json(args.out, report)
    print(render(report))
    return 0
