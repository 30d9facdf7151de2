# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How well expressions are recognised."""
from .fer_metric import FERMetric
from .functional import (bootstrap_interval, confusion_matrix, macro_f1,
                         per_class_recall, unweighted_average_recall,
                         weighted_average_recall)

__all__ = [
    'FERMetric', 'bootstrap_interval', 'confusion_matrix', 'macro_f1',
    'per_class_recall', 'unweighted_average_recall', 'weighted_average_recall'
]
