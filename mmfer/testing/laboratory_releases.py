# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny trees of the data sets that were recorded with known persons."""
import numpy as np

from .release_writer import ReleaseWriter

_SIX = {'Anger': 'angry', 'Disgust': 'disgust', 'Fear': 'fear',
        'Happiness': 'happy', 'Sadness': 'sad', 'Surprise': 'surprise'}


def write_ckplus(w: ReleaseWriter, archive: bool = False,
                 labels: str = 'Emotion', **_) -> None:
    """Ten persons with three labelled sequences, the first one with four."""
    emotions = ('angry', 'contempt', 'disgust', 'fear', 'happy', 'sad',
                'surprise')
    persons = (5, 10, 11, 14, 22, 26, 28, 32, 501, 999)
    for rank, person in enumerate(persons):
        for take in range(4 if rank == 0 else 3):
            number = (3 * rank + take) % 7
            who, sequence = f'S{person:03d}', f'{take + 1:03d}'
            # Sequences differ in length; all end at the apex.
            pictures = w.faces(rank, emotions[number], take,
                               w.frames - rank % 2)
            w.pictures(f'cohn-kanade-images/{who}/{sequence}', pictures,
                       lambda i: f'{who}_{sequence}_{i + 1:08d}.png')
            if take < 3:
                w.text(f'{labels}/{who}/{sequence}/{who}_{sequence}_'
                       f'{len(pictures):08d}_emotion.txt',
                       [f'   {number + 1}.0000000e+00'])
    if archive:
        w.archive('cohn-kanade-images')


def write_mmi(w: ReleaseWriter, archive: bool = False, **_) -> None:
    """Ten persons, three labelled recordings each, and one without label.

    S001 is filmed in two views, S053 and S054 upright, the others turned.
    """
    names = list(_SIX.values())
    session = 0
    for rank, person in enumerate((1, 2, 28, 30, 33, 35, 44, 50, 53, 54)):
        for take in range(4 if rank == 9 else 3):
            session += 1
            number = (3 * rank + take) % 6
            clip = f'S{person:03d}-{take + 1:03d}'
            pictures = w.faces(rank, names[number], take)
            if person <= 2:
                pictures = np.concatenate((pictures[:, ::-1], pictures), 2)
            elif person < 53:
                # Turned to the left; clockwise makes it upright.
                pictures = np.rot90(pictures, axes=(1, 2))
            folder = f'Sessions/{session}'
            w.video(f'{folder}/{clip}.avi', np.ascontiguousarray(pictures))
            value = number + 1 if take < 3 else 9
            w.text(f'{folder}/{clip}.xml', [
                '<?xml version="1.0" encoding="UTF-8"?>', '<Recording>',
                f'  <Metatag Name="Recording" Value="{session}"/>',
                f'  <Metatag Name="Emotion" Value="{value}"/>',
                '</Recording>'])
            w.text(f'{folder}/session.xml', [
                '<?xml version="1.0" encoding="UTF-8"?>', '<session>',
                f'  <track filename="{clip}.avi" '
                f'view="{2 if person <= 2 else 0}"/>', '</session>'])
            if rank == 8:
                markers = ''.join(f'<Marker Frame="{f}"/>'
                                  for f in range(5, 10))
                w.text(f'{folder}/{clip}-oao_aucs.xml', [
                    '<Annotation>',
                    f'<ActionUnit Number="12">{markers}</ActionUnit>',
                    '<ActionUnit Number="6"><Marker Frame="8"/></ActionUnit>',
                    '</Annotation>'])
    if archive:
        w.archive('Sessions')


def write_oulu_casia(w: ReleaseWriter, source: str = 'original',
                     camera: str = 'VL', light: str = 'Strong',
                     archive: bool = False, **_) -> None:
    """Ten persons, every expression once, in one of the settings."""
    top = {'original': f'OriginalImg/{camera}',
           'cropped': f'PreProcess Img/{camera}_Acropped'}[source]
    for person in range(1, 11):
        for word, label in _SIX.items():
            w.pictures(f'{top}/{light}/P{person:03d}/{word}',
                       w.faces(person, label), lambda i: f'{i:03d}.jpeg')
    if archive:
        w.archive(f'{top}/{light}')


def write_crema_d(w: ReleaseWriter, archive: bool = False,
                  pointers: bool = False, **_) -> None:
    """Five actors; ``pointers`` writes what git keeps in place of a file."""
    codes = {'ANG': 'angry', 'DIS': 'disgust', 'FEA': 'fear', 'HAP': 'happy',
             'NEU': 'neutral', 'SAD': 'sad'}
    votes = ['"","FileName","VoiceVote","FaceVote"']
    for actor in range(1001, 1006):
        for number, (code, label) in enumerate(codes.items()):
            level = 'HI' if number == 0 else 'XX'
            clip = f'{actor}_DFA_{code}_{level}'
            if pointers:
                w.text(f'VideoFlash/{clip}.flv', [
                    'version https://git-lfs.github.com/spec/v1',
                    f'oid sha256:{actor:064d}', 'size 300000'])
            else:
                w.video(f'VideoFlash/{clip}.flv', w.faces(actor, label))
            vote = 'A:D' if code == 'ANG' else code[0]
            votes.append(f'"1","{clip}","{code[0]}","{vote}"')
    w.text('VideoDemographics.csv', [
        'ActorID,Age,Sex,Race,Ethnicity', '1001,51,Male,Caucasian,'
        'Not Hispanic', '1002,21,Female,Caucasian,Not Hispanic',
        '1003,21,Female,Caucasian,Not Hispanic',
        '1004,42,Female,Caucasian,Not Hispanic',
        '1005,29,Male,African American,Not Hispanic'])
    w.text('processedResults/summaryTable.csv', votes)
    if archive:
        w.archive('VideoFlash')


def write_ravdess(w: ReleaseWriter, archive: bool = False,
                  modality: str = '02', **_) -> None:
    """Six actors, four of the eight expressions each."""
    names = ('neutral', 'calm', 'happy', 'sad', 'angry', 'fear', 'disgust',
             'surprise')
    for actor in range(1, 7):
        folder = f'Actor_{actor:02d}'
        for take in range(4):
            number = (4 * actor + take) % 8
            clip = f'{modality}-01-{number + 1:02d}-01-01-01-{actor:02d}'
            w.video(f'{folder}/{clip}.mp4', w.faces(actor, names[number]))
        if archive:
            w.archive(folder, f'Video_Speech_Actor_{actor:02d}.zip')


def write_enterface05(w: ReleaseWriter, archive: bool = False, **_) -> None:
    """Five persons; the last one has no folders for sentences."""
    for person in range(1, 6):
        for word, label in _SIX.items():
            folder = f'subject {person}/{word.lower()}'
            if person < 5:
                folder += '/sentence 1'
            w.video(f'{folder}/s{person}_{word[:2].lower()}_1.avi',
                    w.faces(person, label))
        if archive:
            w.archive(f'subject {person}')


def write_casme2(w: ReleaseWriter, source: str = 'raw', sheet: str = '.xlsx',
                 archive: bool = False, **_) -> None:
    """Three persons; of each recording three pictures are before the onset."""
    names = ('happiness', 'disgust', 'repression', 'surprise', 'sadness',
             'fear', 'others')
    labels = ('happy', 'disgust', 'repression', 'surprise', 'sad', 'fear',
              'others')
    top = {'raw': 'CASME2_RAW_selected', 'cropped': 'Cropped'}[source]
    prefix = 'reg_img' if source == 'cropped' else 'img'
    rows = [['Subject', 'Filename', None, 'OnsetFrame', 'ApexFrame',
             'OffsetFrame', None, 'Action Units', 'Estimated Emotion']]
    for person in range(1, 4):
        for number, word in enumerate(names):
            clip = f'EP{number + 2:02d}_{person:02d}f'
            first = 96 + number  # From two to three digits on the way.
            w.pictures(f'{top}/sub{person:02d}/{clip}',
                       w.faces(person, labels[number]),
                       lambda i: f'{prefix}{first + i}.jpg')
            # One cell of the real sheet holds a stroke.
            apex = '/' if (person, number) == (3, 6) else first + 6
            rows.append([person, clip, None, first + 3, apex,
                         first + w.frames - 2, None, 'L4+R4', word])
    w.sheet('CASME2-coding-20140508', rows, sheet)
    if archive:
        w.archive(top)


def write_samm(w: ReleaseWriter, source: str = 'folder', sheet: str = '.xlsx',
               archive: bool = False, **_) -> None:
    """Three persons; 13 rows stand above the header of the sheet."""
    names = ('Anger', 'Contempt', 'Disgust', 'Fear', 'Happiness', 'Sadness',
             'Surprise', 'Other')
    labels = ('angry', 'contempt', 'disgust', 'fear', 'happy', 'sad',
              'surprise', 'others')
    top = {'folder': '', 'raw': 'SAMM/', 'cropped': 'SAMM_CROP/'}[source]
    rows = [['SAMM Micro-movement FACS codes']] + [
        [f'Note {i}: how the columns are to be read'] for i in range(1, 13)]
    rows.append(['Subject', 'Filename', 'Inducement Code', 'Onset Frame',
                 'Apex Frame', 'Offset Frame', 'Duration', 'Micro',
                 'Action Units', 'Estimated Emotion', 'Objective Classes'])
    for person in (6, 7, 10):
        for number, word in enumerate(names):
            who = f'{person:03d}'
            clip, first = f'{who}_{number + 1}_2', 5562
            w.pictures(f'{top}{who}/{clip}', w.faces(person, labels[number]),
                       lambda i: f'{who}_{first + i:05d}.jpg')
            rows.append([person, clip, number + 1, first, first + 5,
                         first + w.frames - 1, w.frames, 'Micro 1/2', '4',
                         word, 'I'])
    w.sheet('SAMM_Micro_FACS_Codes_v2', rows, sheet)
    if archive:
        w.archive(top.rstrip('/'))
