# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

pytest.importorskip('sklearn')
pytest.importorskip('mmengine')

from mmfer.evaluation.leakage import (LeakageData,  # noqa: E402
                                      LeakageReport, control_features,
                                      format_reports, leakage_report)
from mmfer.testing.planted_identity import (balanced_design,  # noqa: E402
                                            plant_identity)


def data(writing, subjects=6, first=0):
    labels, people = balanced_design(subjects, 3, 4)
    generator = np.random.default_rng(50 + first)
    identity = generator.standard_normal((subjects, 8))[people]
    return LeakageData(
        plant_identity(labels, people, writing, seed=first,
                       person_seed=first),
        labels, [f's{first + person:02d}' for person in people],
        identity + 0.1 * generator.standard_normal(identity.shape),
        np.eye(3)[labels],
        generator.integers(0, 256, (len(labels), 8, 8, 3), np.uint8))


def encode(pictures):
    return np.ones((len(pictures), 8))


@pytest.fixture(scope='module')
def leaking():
    return leakage_report(data('perfect'), data('perfect', 9, 20), encode)


@pytest.fixture(scope='module')
def silent():
    return leakage_report(data('absent'), data('absent', 9, 20), level='fast')


def test_the_full_battery_measures_everything(leaking):
    values = leaking.measures
    assert leaking.settings['num_subjects'] == 6
    assert leaking.settings['num_fit_subjects'] == 9
    for kind in ('linear', 'mlp'):
        for protocol in ('clip_disjoint', 'expression_disjoint'):
            assert values[f'probe/{kind}/{protocol}']['accuracy'] > 0.8
    assert values['reidentification/lda/different_expression']['rank1'] > 0.6
    assert values['verification/lda/all']['equal_error_rate'] < 0.2
    assert values['dependence']['p_value_within_expression'] < 0.01
    # All faces look alike to this network.
    assert values['inversion']['rank1'] == pytest.approx(1 / 6)
    for name in ('infonce', 'mine', 'smile'):
        assert math.isfinite(values[f'information/{name}']['nats'])


def test_the_fast_battery_trains_no_network(silent, leaking):
    assert set(silent.measures) == {
        name for name in leaking.measures
        if not name.startswith(('probe/mlp', 'information', 'inversion'))
    }
    assert abs(silent.measures['probe/linear/clip_disjoint']['excess']) < 0.15
    assert silent.measures['expression']['probe_UAR'] > 0.9
    assert silent.measures['expression']['model_UAR'] == 1


@pytest.mark.filterwarnings('error')
def test_rounding_of_a_collapsed_encoder_is_no_information():
    tested, fit = data('constant'), data('constant', 9, 20)
    noise = np.random.default_rng(0).standard_normal(tested.features.shape)
    tested = tested.with_features(tested.features + 1e-9 * noise)
    report = leakage_report(tested, fit, level='fast')
    assert report.settings['collapsed']
    assert report.measures['probe/linear/clip_disjoint']['excess'] == 0
    assert report.measures['verification/lda/all']['equal_error_rate'] == 0.5
    assert report.measures['dependence']['distance_correlation'] == 0
    assert report.measures['expression']['effective_rank'] == 0


def test_controls_frame_every_code():
    tested, fit = data('perfect'), data('perfect', 9, 20)
    controls = control_features(tested, fit)
    reports = {name: leakage_report(*pair, level='fast').measures
               for name, pair in controls.items()}
    probe = 'probe/linear/clip_disjoint'
    assert reports['identity'][probe]['accuracy'] == 1
    assert reports['identity']['dependence']['distance_correlation'] == \
        pytest.approx(1)
    assert abs(reports['noise'][probe]['excess']) < 0.2
    assert abs(reports['expression'][probe]['excess']) < 0.01
    assert reports['expression']['expression']['probe_UAR'] == 1
    bare = LeakageData(tested.features, tested.labels, tested.subjects)
    assert set(control_features(bare)) == {'noise', 'expression'}


def test_reports_repeat_and_travel(silent, tmp_path):
    again = leakage_report(data('absent'), data('absent', 9, 20), level='fast')
    assert again == silent
    path = tmp_path / 'new' / 'report.json'
    silent.save(path)
    assert LeakageReport.load(path) == silent
    assert [p.name for p in path.parent.iterdir()] == ['report.json']
    path.write_text('{"measures": 3}')
    with pytest.raises(ValueError, match='not a leakage report'):
        LeakageReport.load(path)


def test_what_is_not_a_number_is_null_in_json(tmp_path):
    report = LeakageReport({'x': dict(a=math.nan, b=math.inf, c=1, d='lower')})
    report.save(tmp_path / 'r.json')
    stored = json.loads((tmp_path / 'r.json').read_text())
    assert stored['measures']['x'] == dict(a=None, b=None, c=1, d='lower')
    assert report.scalars() == {'x/c': 1.0}


def test_the_table_has_a_column_for_each_report_and_for_chance(
        leaking, silent):
    lines = format_reports(dict(ours=leaking, other=silent)).splitlines()
    assert lines[0] == '| measure | ours | other | chance |'
    cells = {line.split(' | ')[0][2:]: line[:-2].split(' | ')[1:]
             for line in lines[2:]}
    probe = cells['Linear probe, new clips']
    assert ' ± ' in probe[0] and probe[2] == '0.167'
    assert cells['MLP probe, new clips'][1] == ''
    assert cells['Verification EER, raw'][2] == '0.500'
    assert all(len(row) == 3 for row in cells.values())
    assert silent.to_markdown().splitlines()[0].endswith('| value | chance |')


def test_what_chance_gives_is_told_for_each_report(leaking, silent):
    name = 'Distance correlation with identity (squared, corrected)'
    expected = 'its expectation without a leak'

    def cells(**reports):
        return {line.split(' | ')[0][2:]: line[:-2].split(' | ')[1:]
                for line in format_reports(reports).splitlines()[2:]}

    values = [f'{report.measures["dependence"]["expected"]:.3f}'
              for report in (leaking, silent)]
    assert values[0] != values[1]
    both = cells(ours=leaking, other=silent)
    assert both[name][2] == '' and both[expected][:2] == values
    assert cells(ours=leaking)[name][1] == values[0]


@pytest.mark.parametrize('clips', [2, 3])
def test_few_clips_leave_out_what_needs_more(clips):
    generator = np.random.default_rng(0)
    few = LeakageData(
        generator.standard_normal((clips, 4)), [0, 1, 0][:clips],
        ['a', 'b', 'a'][:clips], generator.standard_normal((clips, 3)))
    report = leakage_report(few)
    assert 'dependence' not in report.measures
    assert not any(name.startswith('information')
                   for name in report.measures)
    assert report.to_markdown().startswith('| measure |')


def test_persons_must_not_be_known_to_the_attacker():
    with pytest.raises(ValueError, match='6 persons are both measured and'):
        leakage_report(data('absent'), data('absent'), level='fast')
    with pytest.raises(ValueError, match='1 person among 12 clips'):
        leakage_report(data('absent', subjects=1), level='fast')
    with pytest.raises(ValueError, match="got 'slow'"):
        leakage_report(data('absent'), level='slow')
    with pytest.raises(ValueError, match='needs `fit`'):
        leakage_report(data('absent'), encode=encode)


def test_clips_of_unknown_persons_are_left_out():
    labels, people = balanced_design(3, 2, 2)
    features = plant_identity(labels, people, 'perfect')
    names = np.array(['a', None, 'c'], dtype=object)[people]
    made = LeakageData(features, labels, names, identity=features)
    assert len(made) == 8 and set(made.subjects) == {'a', 'c'}
    np.testing.assert_array_equal(made.identity, features[people != 1])


def test_arrays_that_do_not_fit_are_refused():
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match='3 features but 2 labels'):
        LeakageData(x, [0, 1], ['a', 'b', 'c'])
    with pytest.raises(ValueError, match='is \\(N, D\\), got \\(3,\\)'):
        LeakageData(x[:, 0], [0, 1, 2], ['a', 'b', 'c'])
    with pytest.raises(ValueError, match='NaN or infinity'):
        LeakageData(x * np.nan, [0, 1, 2], ['a', 'b', 'c'])
