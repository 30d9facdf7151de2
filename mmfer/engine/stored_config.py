# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The config that a checkpoint was trained with, as far as it tells.

mmengine stores it as Python text. It is read as data: what is more than
literals and ``dict(...)`` is not run, and nothing is known then.
"""
import ast
from contextlib import suppress
from typing import Any, Dict, Optional

#: Transforms that decide what a network is shown of a file.
READING = ('SampleSegments', 'ReadResiduals', 'ReadFrames')


def stored_config(meta: Any) -> Dict[str, Any]:
    """Read the config of a training.

    Args:
        meta (dict): ``meta`` of the checkpoint.

    Returns:
        dict: What is data of it; empty if the checkpoint does not tell.
    """
    text = meta.get('cfg') if isinstance(meta, dict) else None
    try:
        lines = ast.parse(text).body if isinstance(text, str) else []
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0],
                                                       ast.Name):
            with suppress(ValueError, TypeError, RecursionError):
                found[line.targets[0].id] = _value(line.value)
    return found


def reading_doubt(pipeline: Any, meta: Any) -> Optional[str]:
    """Tell whether a config reads files otherwise than the training did.

    Args:
        pipeline (Sequence[dict]): ``test_pipeline`` of the config.
        meta (dict): ``meta`` of the checkpoint.

    Returns:
        str | None: In one line, what differs; None if nothing does, or the
        checkpoint does not tell.
    """
    try:
        trained = _reading(stored_config(meta).get('test_pipeline') or [])
        given = _reading(pipeline)
    except (TypeError, KeyError, AttributeError):
        return None
    if not trained or trained == given:
        return None
    return (f'the checkpoint was trained with {_told(trained, given)}, the '
            f'config has {_told(given, trained)}: its answers mean nothing '
            'unless this is on purpose; give the config of the training')


def _reading(pipeline: Any) -> Dict[str, dict]:
    found = {}
    for step in pipeline:
        if _name(step) == 'StoredReader':
            step = step['reader']
        if _name(step) in READING:
            found[_name(step)] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in dict(step).items() if key != 'type'}
    return found


def _name(step: Any) -> str:
    return str(step['type']).split('.')[-1]


def _told(ours: Dict[str, dict], others: Dict[str, dict]) -> str:
    """Write the steps of one side that the other one does not have."""
    texts = [
        f'{name}({", ".join(f"{k}={v!r}" for k, v in sorted(step.items()))})'
        for name, step in ours.items() if others.get(name) != step]
    return ' and '.join(texts) or 'no such step'


def _value(node: ast.expr) -> Any:
    """Evaluate literals and ``dict(...)``, and nothing else."""
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or \
                node.args or any(word.arg is None for word in node.keywords):
            raise ValueError(ast.dump(node.func))
        return {word.arg: _value(word.value) for word in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [_value(item) for item in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    if isinstance(node, ast.Dict):
        return {_value(key): _value(value)
                for key, value in zip(node.keys, node.values)}
    return ast.literal_eval(node)
