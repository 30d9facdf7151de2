'use strict';
/* States of the page (idle, busy, error, result), upload and playback. */

const $ = id => document.getElementById(id);
const video = $('video');
let info = {max_bytes: Infinity, max_seconds: Infinity};
let clip = null, timeline = null, moment = null, drawn = -1, asked = 0;

// -- states -----------------------------------------------------------------

function show(state) {
  document.body.dataset.state = state;
  $('drop').hidden = state === 'result';
  $('invite').hidden = state === 'busy';
  $('progress').hidden = state !== 'busy';
  $('error').hidden = state !== 'error';
  $('result').hidden = state !== 'result';
  $('another').hidden = state !== 'result';
}

function fail(message) {
  $('error-text').textContent = message.replace(/^[a-z](?=[a-z]* )/, letter => letter.toUpperCase());
  show('error');
}

function tell(title, text, share) {
  $('progress-title').textContent = title;
  $('progress-text').textContent = text;
  if (share === null) $('progress-bar').removeAttribute('value');
  else $('progress-bar').value = share;
  $('status').textContent = title;
}

const megabytes = bytes => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 1 : 0)} MiB`;

// -- upload -----------------------------------------------------------------

function send(file) {
  if (!file || document.body.dataset.state === 'busy') return;
  if (!file.size) return fail(`${file.name} is empty.`);
  if (file.size > info.max_bytes) {
    return fail(`${file.name} has ${megabytes(file.size)}; at most ${megabytes(info.max_bytes)} are taken.`);
  }
  const request = new XMLHttpRequest();
  request.open('POST', '/api/clips');
  request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
  request.responseType = 'json';
  show('busy');
  tell('Uploading', file.name, 0);
  request.upload.onprogress = event => tell(
    'Uploading', `${file.name}, ${megabytes(event.loaded)} of ${megabytes(event.total)}`,
    event.loaded / event.total);
  request.onload = () => request.status === 202
    ? follow(request.response.id, file.name)
    : fail((request.response && request.response.message) || `the server answered ${request.status}`);
  request.onerror = () => fail('The server cannot be reached. Is it still running?');
  request.send(file);
}

async function follow(id, name) {
  for (;;) {
    let state;
    try {
      const answer = await fetch(`/api/clips/${id}`);
      state = await answer.json();
      if (!answer.ok) return fail(state.message);
    } catch {
      return fail('The server cannot be reached. Is it still running?');
    }
    if (state.state === 'error') return fail(state.message);
    if (state.state === 'done') return open(id, state);
    if (state.state === 'waiting') tell('Waiting', `Other clips come before ${name}`, null);
    else if (state.state === 'reading') tell('Reading residuals', name, state.total > 1 ? state.done / state.total : null);
    else tell('Drawing', `picture ${state.done} of ${state.total}`, state.done / state.total);
    await new Promise(done => setTimeout(done, 250));
  }
}

// -- result -----------------------------------------------------------------

function open(id, state) {
  clip = state;
  const {preview, prediction} = clip;
  for (const face of prediction.faces) {
    face.box_at = new Map(face.boxes.map(([index, ...box]) => [index, box]));
  }
  for (let at = 0; at < preview.panels.length; at++) {
    $(`panel-${at}`).width = preview.width;
    $(`panel-${at}`).height = preview.height;
  }
  $('seek').max = preview.frames - 1;
  $('seek').value = 0;
  timeline = new Timeline($('lanes'), clip, seconds => seek(Math.floor(seconds * preview.fps)));
  moment = new Moment($('now'), clip);
  $('legend').replaceChildren(...prediction.classes.map((name, k) => {
    const entry = element('li'), dot = element('span', 'dot');
    dot.style.background = clip.colours[k];
    entry.append(dot, name);
    return entry;
  }));
  $('verdict').replaceChildren(...prediction.faces.map(face => {
    const part = element('span'), dot = element('span', 'dot');
    dot.style.background = clip.colours[prediction.classes.indexOf(face.label)];
    const who = prediction.faces.length > 1 ? `Face ${face.face}: ` : '';
    part.append(dot, `${who}${face.label} `, element('i', '', `${percent(Math.max(...face.scores))} %`));
    return part;
  }));
  $('facts').textContent = [
    clip.name, `${timeline.length.toFixed(1)} s`, `${prediction.width}×${prediction.height}`,
    prediction.codec, `answered in ${clip.took < 1 ? `${Math.round(1000 * clip.took)} ms` : `${clip.took.toFixed(1)} s`}`,
  ].join('  ·  ');
  $('save-video').href = `/api/clips/${id}/annotated.mp4`;
  video.src = `/api/clips/${id}/preview.mp4`;
  video.playbackRate = Number($('speed').value);
  drawn = -1;
  asked = 0;
  show('result');
  $('status').textContent = `Done: ${$('verdict').textContent}`;
  $('play').focus({preventScroll: true});
}

/* Draw the picture that the player shows; boxes lie over it. */
function draw() {
  if (!clip || video.readyState < 2) return;
  const {preview, prediction} = clip;
  const index = Math.min(Math.floor(video.currentTime * preview.fps + 1e-3), preview.frames - 1);
  const {width, height} = preview;
  for (let at = 0; at < preview.panels.length; at++) {
    $(`panel-${at}`).getContext('2d').drawImage(
      video, at * width, 0, width, height, 0, 0, width, height);
  }
  const seconds = index / preview.fps;
  const context = $('panel-0').getContext('2d');
  prediction.faces.forEach((face, number) => {
    const scores = timeline.scoresAt(number, seconds);
    moment.show(number, scores);
    const box = face.box_at && face.box_at.get(index);
    if (!box || !scores) return;
    const [left, top, wide, high] = box.map(side => side * preview.scale);
    context.lineWidth = 3;
    context.strokeStyle = clip.colours[argmax(scores)];
    context.strokeRect(left, top, wide, high);
    if (prediction.faces.length > 1) {
      context.font = '600 16px system-ui, sans-serif';
      context.fillStyle = context.strokeStyle;
      context.fillRect(left - 1.5, top - 1.5, 22, 22);
      context.fillStyle = inkOn(context.strokeStyle);
      context.fillText(face.face, left + 5, top + 15);
    }
  });
  timeline.show(seconds);
  // While a jump is under way the player still shows what was before.
  if (!video.paused && !video.seeking) asked = index;
  if (index !== drawn) {
    drawn = index;
    $('seek').value = index;
    $('seek').setAttribute('aria-valuetext', `${seconds.toFixed(2)} seconds`);
    $('clock').textContent = `${seconds.toFixed(2)} / ${timeline.length.toFixed(2)} s`;
    $('since').textContent = (index % preview.span / preview.fps).toFixed(1);
  }
}

function seek(index) {
  if (!clip) return;
  asked = Math.min(Math.max(index, 0), clip.preview.frames - 1);
  // The middle of a picture, so that rounding cannot reach its neighbour.
  video.currentTime = (asked + .5) / clip.preview.fps;
}

function step(pictures) {
  video.pause();
  seek(asked + pictures);
}

function toggle() {
  if (!video.paused) return video.pause();
  if (video.ended || asked >= clip.preview.frames - 1) seek(0);
  video.play();
}

// -- events -----------------------------------------------------------------

if ('requestVideoFrameCallback' in video) {
  const next = () => { draw(); video.requestVideoFrameCallback(next); };
  video.requestVideoFrameCallback(next);
} else {
  const next = () => { if (!video.paused) draw(); requestAnimationFrame(next); };
  requestAnimationFrame(next);
}
for (const event of ['loadeddata', 'seeked', 'pause']) video.addEventListener(event, draw);
video.addEventListener('error', () => {
  if (clip) fail('This browser cannot play the preview (H.264).');
});
for (const event of ['play', 'pause', 'ended']) {
  video.addEventListener(event, () => {
    const playing = !video.paused && !video.ended;
    $('play-shape').setAttribute('d', playing ? 'M5 4h3.6v12H5zM11.4 4H15v12h-3.6z' : 'M6 3.5v13l10.5-6.5z');
    $('play').setAttribute('aria-label', playing ? 'Pause' : 'Play');
  });
}
$('play').addEventListener('click', toggle);
$('back').addEventListener('click', () => step(-1));
$('forward').addEventListener('click', () => step(1));
$('seek').addEventListener('input', () => { video.pause(); seek(Number($('seek').value)); });
$('speed').addEventListener('change', () => { video.playbackRate = Number($('speed').value); });
$('another').addEventListener('click', () => {
  video.pause();
  clip = null;
  video.removeAttribute('src');
  video.load();
  $('file').value = '';
  show('idle');
  $('file').focus();
});
$('save-json').addEventListener('click', () => {
  const text = JSON.stringify(clip.prediction, null, 2);
  const link = element('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  link.download = `${clip.name}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
$('file').addEventListener('change', () => send($('file').files[0]));
document.addEventListener('keydown', event => {
  // Menus and the slider have keys of their own; buttons keep the space bar.
  const tag = event.target.tagName;
  if (!clip || document.body.dataset.state !== 'result' || tag === 'SELECT' ||
      event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && (tag === 'BUTTON' || tag === 'A')) return;
  const second = Math.round(clip.preview.fps);
  const acts = {
    ' ': toggle,
    'ArrowLeft': () => step(event.shiftKey ? -second : -1),
    'ArrowRight': () => step(event.shiftKey ? second : 1),
    'Home': () => { video.pause(); seek(0); },
    'End': () => { video.pause(); seek(Infinity); },
  };
  if (!acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
});
for (const event of ['dragenter', 'dragover']) {
  document.addEventListener(event, e => {
    e.preventDefault();
    $('drop').classList.add('over');
  });
}
document.addEventListener('dragleave', event => {
  if (!event.relatedTarget) $('drop').classList.remove('over');
});
document.addEventListener('drop', event => {
  event.preventDefault();
  $('drop').classList.remove('over');
  const file = event.dataTransfer.files[0];
  if (file) { video.pause(); send(file); }
});

fetch('/api/info').then(answer => answer.json()).then(answer => {
  info = answer;
  $('model').textContent = info.model;
  $('model').title = `${info.model}, ${info.checkpoint}`;
  $('limits').textContent = `Up to ${megabytes(info.max_bytes)} and ${Math.round(info.max_seconds)} s. ` +
    `Tells ${info.classes.join(', ')}.`;
}).catch(() => fail('The server cannot be reached. Is it still running?'));
