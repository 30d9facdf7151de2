# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What finished runs have to have in common to stand in one table."""
import hashlib
import json
import os.path as osp
from typing import Any, Optional, Sequence

from mmfer.models.identity.weights import file_digest

#: What results did not say before run folders were named after the protocol.
FACTS = ('data', 'identity')


def plain(value: Any) -> Any:
    """Give what JSON makes of a value: lists of tuples, texts of keys.

    Args:
        value (Any): What JSON can write.

    Returns:
        Any: What comes back from a file of results.
    """
    return json.loads(json.dumps(value))


def follows(result: dict, protocol: dict) -> bool:
    """Tell whether a finished run has the entries of a protocol.

    Args:
        result (dict): The run.
        protocol (dict): Its wanted entries.

    Returns:
        bool: True if all are equal, as JSON writes them.
    """
    return all(
        plain(result.get(key)) == value
        for key, value in plain(protocol).items())


def lacks_facts(result: dict, protocol: dict) -> bool:
    """Tell whether a run would follow if it said more of itself.

    Args:
        result (dict): The run.
        protocol (dict): As in :func:`follows`.

    Returns:
        bool: True for a result of an earlier version that differs in nothing
        but what it does not say of :data:`FACTS`.
    """
    unsaid = [key for key in FACTS if key in protocol and key not in result]
    return bool(unsaid) and follows(
        result, {k: v for k, v in protocol.items() if k not in unsaid})


def identity_protocol(data: str,
                      identity: str,
                      kind: str,
                      epochs: Optional[int] = None,
                      options: Optional[dict] = None,
                      configs: Optional[str] = None) -> dict:
    """Say what an identity ablation trains and tests on.

    Args:
        data (str): Folder with the annotation file.
        identity (str): Identity file; its content counts, not its name.
        kind (str): What the network reads.
        epochs (int, optional): Defaults to None, as the configs say.
        options (dict, optional): Settings that override the configs'.
            Defaults to None.
        configs (str, optional): Folder of other configs than the shipped
            ones. Defaults to None.

    Returns:
        dict: As it stands in the file of results.

    Raises:
        FileNotFoundError: There is no such identity file.
    """
    if not osp.isfile(identity):
        raise FileNotFoundError(
            f'{identity}: no such identity file; make it with '
            'tools/data/extract_identity.py')
    return plain(
        dict(
            data=osp.realpath(data),
            identity=file_digest(identity),
            configs=configs and osp.realpath(configs),
            input=kind,
            epochs=epochs,
            selection='last',
            split='test',
            options=options or {}))


def run_folder(out: str, parts: Sequence[Any], protocol: dict) -> str:
    """Name the folder of a run, which no other run has.

    Args:
        out (str): File of results; the folder lies beside it. Two files
            share no folder.
        parts (Sequence[Any]): What tells the run to a reader: coding,
            variant, seed.
        protocol (dict): All that the run has in common with others.

    Returns:
        str: The folder.
    """
    facts = json.dumps([osp.basename(out), plain(protocol)], sort_keys=True)
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return osp.join(osp.dirname(out), '_'.join(map(str, [*parts, digest])))
