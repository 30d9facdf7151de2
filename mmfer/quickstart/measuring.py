# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a trained model costs, and what it tells of the person."""
import contextlib
import copy
import io
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Sequence, Tuple

if TYPE_CHECKING:
    from mmfer.evaluation.leakage import LeakageData

#: Rounds of the speed measurement; each takes one clip through all models.
ROUNDS, WARM_UP = 40, 5


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

    def codes(self, identities: Path) -> 'LeakageData':
        """Take what the classifier reads of all test clips.

        Args:
            identities (Path): The identity file of the clips.

        Returns:
            LeakageData: Codes, persons, expressions and face embeddings.
        """
        from mmfer.datasets import IdentityEmbeddings
        from mmfer.engine.features import extract_features, split_dataloader
        from mmfer.engine.leakage import gather
        config = copy.deepcopy(self.model.cfg.test_dataloader)
        config.num_workers = 0  # to start one takes longer than to do it
        features = extract_features(
            self.model, split_dataloader(config), progress=False)
        return gather(features, IdentityEmbeddings.load(str(identities)))


def measure_identity(data: 'LeakageData') -> Dict[str, Any]:
    """Let fresh attackers name the person of each clip.

    Args:
        data (LeakageData): Codes of persons that no training has seen.

    Returns:
        dict: For ``linear``, ``mlp`` (probes that learn some clips of each
        person and name the others) and ``reidentification`` (the most similar
        clip with another expression): share of right answers, standard error
        over persons, and what knowing nothing gives.
    """
    from mmfer.evaluation.leakage import (cosine_similarities, probe_identity,
                                          project, reidentify)
    about = (data.labels, data.subjects)
    # Rounding is not information.
    codes = data.features * (not data.collapsed)
    found = {}
    for kind in ('linear', 'mlp'):
        probe = probe_identity(codes, *about, kind)
        found[kind] = (probe.accuracy, probe.standard_error, probe.chance)
    whitened = project(codes)['whitened']
    nearest = reidentify(cosine_similarities(whitened), *about)
    found['reidentification'] = (nearest.rank1, nearest.standard_error,
                                 nearest.chance_rank1)
    return {
        name: dict(zip(('share', 'error', 'chance'), map(float, values)))
        for name, values in found.items()
    }


def measure_times(predictors: Dict[str, Predictor], files: Sequence[Path],
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
    before: Tuple[int, int] = cv2.getNumThreads(), torch.get_num_threads()
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
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])
    return {name: statistics.median(values) for name, values in times.items()}
