# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How well expressions are recognised."""
from .dumps import evaluate_dumps, format_report, read_dump
from .fer_metric import FERMetric, format_confusion
from .functional import (bootstrap_interval, confusion_matrix, macro_f1,
                         per_class_recall, unweighted_average_recall,
                         weighted_average_recall)
from .verification_metric import VerificationMetric, equal_error_rate

__all__ = [
    'FERMetric', 'VerificationMetric', 'bootstrap_interval',
    'confusion_matrix', 'equal_error_rate', 'evaluate_dumps',
    'format_confusion', 'format_report', 'macro_f1', 'per_class_recall',
    'read_dump', 'unweighted_average_recall', 'weighted_average_recall'
]
