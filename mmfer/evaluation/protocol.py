# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What has to be said beside a number, read from config and data.

A WAR without its split, classes, input, views, sampler, checkpoint selection,
pretraining and coding cannot be compared with anything. These fields are
therefore collected where they are decided, never typed by hand, and what
cannot be found is written 'not recorded'.
"""
from typing import Any, Dict, Iterable, List, Mapping, Optional

UNKNOWN = 'not recorded'

#: Views that a crop of mmaction2 makes of each clip.
CROPS = dict(ThreeCrop=3, TenCrop=10)


def protocol_fields(cfg: Mapping[str, Any],
                    metainfo: Optional[Mapping[str, Any]] = None
                    ) -> Dict[str, str]:
    """Collect what has to travel with every number of a config.

    Args:
        cfg (Mapping): A whole config.
        metainfo (Mapping, optional): That of the annotation file: data set,
            classes, protocol and coding. Defaults to None.

    Returns:
        dict[str, str]: Names as in tables, in a fixed order.
    """
    metainfo = metainfo or {}
    pipeline = _pipeline(cfg, 'test_dataloader') or \
        _pipeline(cfg, 'train_dataloader')
    fields = dict(
        dataset=metainfo.get('title') or metainfo.get('dataset'),
        split=metainfo.get('protocol'),
        classes=', '.join(metainfo.get('classes', ())),
        frames=_frames(pipeline),
        views=str(_views(pipeline)),
        size=_size(pipeline),
        modalities=_modalities(pipeline),
        residual=_residual(pipeline),
        sampler=_sampler(cfg),
        class_weights=_class_weights(cfg),
        pretrained=_pretrained(cfg),
        epochs=str((cfg.get('train_cfg') or {}).get('max_epochs', UNKNOWN)))
    fields.update(coding_fields(metainfo))
    return {name: value or UNKNOWN for name, value in fields.items()}


def coding_fields(metainfo: Mapping[str, Any]) -> Dict[str, str]:
    """Say how the clips were cropped and coded.

    Args:
        metainfo (Mapping): That of the annotation file.

    Returns:
        dict[str, str]: ``faces, codec, gop, quantiser``.
    """
    coding = metainfo.get('coding') or {}
    encoding = coding.get('encoding') or coding
    gop = encoding.get('gop', UNKNOWN)
    quantiser = [f'{name} {encoding[name]}'
                 for name in ('qscale', 'crf', 'profile')
                 if encoding.get(name) is not None]
    faces = {
        'none': 'as in the release',
        None: UNKNOWN
    }.get(coding.get('crop'))
    return dict(
        faces=faces or f'own crop: {coding["crop"]} '
        f'({coding.get("detector", "detector unknown")})',
        codec=encoding.get('codec') or UNKNOWN,
        gop='whole clip' if gop is None else str(gop),
        quantiser=', '.join(quantiser) or UNKNOWN)


def _pipeline(cfg: Mapping[str, Any], loader: str) -> List[Mapping[str, Any]]:
    dataset = (cfg.get(loader) or {}).get('dataset') or {}
    while 'pipeline' not in dataset:
        inner = dataset.get('dataset') or (dataset.get('datasets') or [{}])[0]
        if not inner:
            return []
        dataset = inner
    return list(dataset['pipeline'])


def _name(transform: Mapping[str, Any]) -> str:
    return str(transform.get('type', '')).rpartition('.')[2]


def _find(pipeline: Iterable[Mapping[str, Any]], *names: str):
    for transform in pipeline:
        if _name(transform) in names:
            yield transform


def _frames(pipeline) -> str:
    for transform in _find(pipeline, 'SampleSegments'):
        window = transform.get('window')
        return f'{transform.get("num_segments", 8)} from equal parts of ' + \
            (f'{window} pictures' if window else 'the clip')
    for transform in _find(pipeline, 'SampleFrames', 'UniformSample'):
        return f'{transform.get("clip_len")} x stride ' \
            f'{transform.get("frame_interval", 1)}'
    return ''


def _views(pipeline) -> int:
    views = 1
    for transform in pipeline:
        views *= int(transform.get('num_clips', 1) or 1)
        views *= CROPS.get(_name(transform), 1)
    return views


def _size(pipeline) -> str:
    size = ''
    for transform in pipeline:
        value = transform.get('scale') or transform.get('crop_size') or \
            transform.get('size')
        if value and _name(transform) != 'FormatShape':
            value = value if isinstance(value, (tuple, list)) else [value] * 2
            size = ' x '.join(str(v) for v in value)
    return size


def _readers(pipeline) -> List[Mapping[str, Any]]:
    """The readers, also those inside of a stored one."""
    found = []
    for transform in pipeline:
        inner = transform.get('reader')
        found.append(inner if isinstance(inner, Mapping) else transform)
    return found


def _modalities(pipeline) -> str:
    names = []
    for reader in _readers(pipeline):
        if _name(reader) == 'ReadResiduals':
            names.append('residual')
            if reader.get('motion'):
                names.append('motion')
        elif _name(reader) == 'ReadFrames' or 'Decode' in _name(reader):
            names.append('RGB')
    return ' + '.join(names)


def _residual(pipeline) -> str:
    for reader in _find(_readers(pipeline), 'ReadResiduals'):
        return f'{reader.get("mode", "chained")}, ' \
            f'{reader.get("channels", "bgr")}'
    return 'none'


def _sampler(cfg: Mapping[str, Any]) -> str:
    sampler = (cfg.get('train_dataloader') or {}).get('sampler') or {}
    name = _name(sampler)
    if name == 'ClassBalancedSampler':
        return f'class-balanced, power {sampler.get("power", 1.)}'
    return 'as in the data' if name == 'DefaultSampler' else name


def _class_weights(cfg: Mapping[str, Any]) -> str:
    for hook in cfg.get('custom_hooks') or ():
        if _name(hook) == 'ClassWeightHook':
            return f'inverse frequency, power {hook.get("power", 1.)}'
    head = (cfg.get('model') or {}).get('cls_head') or {}
    weights = (head.get('loss_cls') or {}).get('class_weight')
    return str(list(weights)) if weights else 'none'


def _pretrained(cfg: Mapping[str, Any]) -> str:
    backbone = (cfg.get('model') or {}).get('backbone') or {}
    init = backbone.get('init_cfg') or {}
    init = init if isinstance(init, Mapping) else {}
    return str(cfg.get('load_from') or backbone.get('pretrained')
               or init.get('checkpoint') or 'none')
