# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The steps of the quick start, in their order."""
import json
import os
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence

from mmengine.config import Config

from mmfer.atomic import write_json, write_text

from .configs import MODELS, expression_config, face_config
from .identities import extract
from .measuring import (ROUNDS, WARM_UP, Predictor, measure_identity,
                        measure_times)
from .persons import count_others, make_expressions, make_others
from .report import report
from .resumption import digest, once
from .scripts import SEED, test, train

#: Parts of the package that the steps depend on.
PARTS = ('codec', 'datasets', 'models', 'engine', 'evaluation')


class Trained(NamedTuple):
    """A model that was trained and tested.

    Args:
        config (Path): Its config.
        checkpoint (str): Its weights.
        key (str): What they depend on.
        result (dict[str, float]): WAR and UAR.
    """
    config: Path
    checkpoint: str
    key: str
    result: Dict[str, float]


class Identities(NamedTuple):
    """The identity file of the expression data.

    Args:
        file (Path): The file.
        key (str): What it depends on.
    """
    file: Path
    key: str


def run(folder: Path,
        persons: Optional[int] = None,
        max_epochs: Optional[int] = None,
        models: Sequence[str] = tuple(MODELS)) -> str:
    """Do everything.

    Args:
        folder (Path): Where all files go.
        persons (int, optional): Persons of the expression data; those of the
            preset when None. Defaults to None.
        max_epochs (int, optional): Fewer epochs than usual. Defaults to None.
        models (Sequence[str]): Which of :data:`.configs.MODELS`; the first
            one classifies the file. Defaults to all.

    Returns:
        str: The report.
    """
    folder = folder.resolve()
    # The shipped configs look for their data sets below this folder.
    os.environ['MMFER_DATA'] = str(folder / 'data')
    print('1/6 Synthetic faces: expressions, and other persons to learn '
          'faces from', flush=True)
    annotations = make_expressions(folder / 'data/synthetic_faces', persons)
    others = make_others(folder / 'data/synthetic_identities', persons)
    identities = embed_persons(folder, annotations, others, persons,
                               max_epochs)
    trained = train_models(folder, identities, models, max_epochs)
    predictors = {
        name: Predictor(model.config, model.checkpoint)
        for name, model in trained.items()
    }
    leakage = once(
        folder / 'done/leakage.json',
        digest({name: model.key for name, model in trained.items()}),
        lambda: look_for_persons(predictors, identities.file),
        '5/6 Look for the persons in the codes')
    print('6/6 From a file to its prediction', flush=True)
    return predict(folder, annotations, trained, predictors, leakage)


def embed_persons(folder: Path, annotations: Path, others: Path,
                  persons: Optional[int],
                  max_epochs: Optional[int]) -> Identities:
    """Train a face network on other persons, freeze it, and use it.

    Args:
        folder (Path): Where all files go.
        annotations (Path): The expression data.
        others (Path): The data of other persons.
        persons (int, optional): As in :func:`run`.
        max_epochs (int, optional): Likewise.

    Returns:
        Identities: The identity file.
    """
    number = count_others(persons)
    config = write_config(folder / 'configs/face-network.py',
                          face_config(number, max_epochs))
    package = Path(__file__).resolve().parent.parent
    key = digest(SEED, others, config, *(package / part for part in PARTS))
    checkpoint = once(
        folder / 'done/train-face-network.json', key,
        lambda: train(config, folder / 'face-network', key),
        f'2/6 Train a face network on the {number} other persons',
        os.path.isfile)
    file = annotations.parent / 'identity.npz'
    key = digest(key, annotations)
    quality = once(
        folder / 'done/identities.json', key,
        lambda: extract(annotations, config, checkpoint, file),
        '3/6 Embed who the clips show', lambda _: file.is_file())
    print(f'    on persons it never saw: equal error rate '
          f'{100 * quality["EER"]:.1f} %, found again by another expression '
          f'{100 * quality["rank1"]:.1f} % (chance '
          f'{100 * quality["rank1_chance"]:.1f} %)', flush=True)
    return Identities(file, key)


def train_models(folder: Path, identities: Identities, models: Sequence[str],
                 max_epochs: Optional[int]) -> Dict[str, Trained]:
    """Train and test the models.

    Args:
        folder (Path): Where all files go.
        identities (Identities): Read in training.
        models (Sequence[str]): As in :func:`run`.
        max_epochs (int, optional): Likewise.

    Returns:
        dict[str, Trained]: By name.
    """
    trained = {}
    for name in models:
        config = write_config(folder / f'configs/{name}.py',
                              expression_config(name, max_epochs))
        key = digest(identities.key, config)
        place = folder / name
        checkpoint = once(
            folder / f'done/train-{name}.json', key,
            lambda: train(config, place, key),
            f'4/6 Train the model: {MODELS[name].title}', os.path.isfile)
        result = once(
            folder / f'done/test-{name}.json', key,
            lambda: test(config, checkpoint, place / 'test'),
            '    Test it on unseen persons')
        trained[name] = Trained(config, checkpoint, key, result)
    return trained


def look_for_persons(predictors: Dict[str, Predictor],
                     identities: Path) -> Dict[str, Any]:
    """Measure how much the codes of the test clips tell of the persons.

    Args:
        predictors (dict[str, Predictor]): The models by name.
        identities (Path): The identity file.

    Returns:
        dict: Of each model and, as 'face', of the face embeddings: see
        :func:`.measuring.measure_identity`.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn
    found = {}
    # Threads that wait for each other cost more than so few clips do.
    with threadpool_limits(1):
        for name, predictor in predictors.items():
            data = predictor.codes(identities)
            found[name] = measure_identity(data)
        face = measure_identity(data.with_features(data.identity))
    return dict(found, face=face)


def predict(folder: Path, annotations: Path, trained: Dict[str, Trained],
            predictors: Dict[str, Predictor], leakage: Dict[str, Any]) -> str:
    """Classify one file, measure how long it takes, and sum up.

    Args:
        folder (Path): Where ``report.json`` goes.
        annotations (Path): The expression data.
        trained (dict[str, Trained]): The models.
        predictors (dict[str, Predictor]): The same, ready to predict.
        leakage (dict): What :func:`look_for_persons` found.

    Returns:
        str: The report.
    """
    stored = json.loads(annotations.read_text('utf-8'))
    classes = stored['metainfo']['classes']
    unseen = [clip for clip in stored['clips'] if clip['split'] == 'test']
    files = [annotations.parent / clip['path'] for clip in unseen]
    milliseconds = measure_times(predictors, files, ROUNDS, WARM_UP)
    middle = len(files) // 2
    scores = next(iter(predictors.values()))(files[middle])
    near = os.path.relpath(files[middle])
    content = dict(
        results={name: model.result for name, model in trained.items()},
        identity=leakage,
        milliseconds=milliseconds,
        prediction=dict(
            file=str(files[middle]) if near.startswith(os.pardir) else near,
            label=classes[int(scores.argmax())],
            score=float(scores.max()),
            truth=unseen[middle]['label']),
        counts=dict(
            persons=len({clip['subject'] for clip in unseen}),
            clips=len(unseen),
            classes=len(classes)))
    write_json(folder / 'report.json', content)
    return report(**content)


def write_config(path: Path, cfg: Config) -> Path:
    """Write a config where its user can read it.

    Args:
        path (Path): The file; replaced if it exists.
        cfg (Config): The config.

    Returns:
        Path: The file.
    """
    write_text(path, cfg.pretty_text)
    return path
