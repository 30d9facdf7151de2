# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The registries of mmfer.

Each is a child of the mmengine registry of the same name, hence a sibling of
mmaction2's. Configs keep ``default_scope='mmaction'`` and write the types of
this package with their scope: ``dict(type='mmfer.ResidualResNet')``. The
parent is mmengine's root and not mmaction2's registry, because mmengine looks
a scope up only among the direct children of the root, and because the places
that never switch scope (DDP wrappers, collate functions) ask the root itself.

``locations`` are imported by mmengine at the first look-up, so that importing
this module costs nothing and no import order has to be kept.

``DEPENDENCE`` is of a kind that mmengine does not have: it has no parent, and
its types may be written without the scope.
"""
from typing import Any, Optional

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import INFERENCERS as MMENGINE_INFERENCERS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import \
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISBACKENDS as MMENGINE_VISBACKENDS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import DefaultScope, Registry, build_from_cfg

SCOPE = 'mmfer'


def _child(parent: Registry, *locations: str) -> Registry:
    """Make the mmfer child of one of mmengine's root registries.

    Args:
        parent (Registry): A registry of ``mmengine.registry``.
        *locations (str): Packages whose import registers the modules. They
            have to exist: mmengine imports them at the first look-up.

    Returns:
        Registry: The child, of the same name and of scope ``mmfer``.
    """
    return Registry(
        parent.name, parent=parent, scope=SCOPE, locations=list(locations))


def _build_in_own_scope(cfg: dict,
                        registry: Registry,
                        default_args: Optional[dict] = None) -> Any:
    """Build from a registry of this package's own kind.

    mmengine has no registry of that kind, so it would warn that it finds
    nothing in the default scope of a config, mmaction.

    Args:
        cfg (dict): With the key ``type``, with or without ``mmfer.``.
        registry (Registry): Where to look.
        default_args (dict, optional): Further arguments. Defaults to None.

    Returns:
        Any: The module.
    """
    with DefaultScope.overwrite_default_scope(SCOPE):
        return build_from_cfg(cfg, registry, default_args)


# Data: data sets, samplers and transforms, and functions such as collate_fn.
DATASETS = _child(MMENGINE_DATASETS, 'mmfer.datasets')
DATA_SAMPLERS = _child(MMENGINE_DATA_SAMPLERS, 'mmfer.datasets')
TRANSFORMS = _child(MMENGINE_TRANSFORMS, 'mmfer.datasets')
FUNCTIONS = _child(MMENGINE_FUNCTIONS, 'mmfer.datasets')

# Models: backbones, heads, recognisers, preprocessors, losses.
MODELS = _child(MMENGINE_MODELS, 'mmfer.models')
TASK_UTILS = _child(MMENGINE_TASK_UTILS, 'mmfer.models')

# Dependence between two features. mmengine has no such registry, so this one
# has no parent; 'dcor' and 'mmfer.dcor' name the same penalty.
DEPENDENCE = Registry(
    'dependence',
    build_func=_build_in_own_scope,
    scope=SCOPE,
    locations=['mmfer.models.dependence'])

# Training: loops, hooks, wrappers and optimisation.
LOOPS = _child(MMENGINE_LOOPS, 'mmfer.engine')
HOOKS = _child(MMENGINE_HOOKS, 'mmfer.engine')
MODEL_WRAPPERS = _child(MMENGINE_MODEL_WRAPPERS, 'mmfer.engine')
OPTIMIZERS = _child(MMENGINE_OPTIMIZERS, 'mmfer.engine')
OPTIM_WRAPPERS = _child(MMENGINE_OPTIM_WRAPPERS, 'mmfer.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
                                    'mmfer.engine')
PARAM_SCHEDULERS = _child(MMENGINE_PARAM_SCHEDULERS, 'mmfer.engine')

# Evaluation.
METRICS = _child(MMENGINE_METRICS, 'mmfer.evaluation')
EVALUATOR = _child(MMENGINE_EVALUATOR, 'mmfer.evaluation')

# Pictures; the other modules of mmfer.visualization do without mmengine.
VISUALIZERS = _child(MMENGINE_VISUALIZERS,
                     'mmfer.visualization.fer_visualizer')
VISBACKENDS = _child(MMENGINE_VISBACKENDS, 'mmfer.visualization')

# From a file to a prediction.
INFERENCERS = _child(MMENGINE_INFERENCERS, 'mmfer.apis')
