'use strict';
/* The time line of all faces, and the bars of one moment. */

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/* White or black, whichever can be read on a colour (WCAG 2). */
function inkOn(colour) {
  const linear = [1, 3, 5].map(at => {
    const level = parseInt(colour.slice(at, at + 2), 16) / 255;
    return level <= .04045 ? level / 12.92 : ((level + .055) / 1.055) ** 2.4;
  });
  const light = .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
  return 1.05 / (light + .05) > (light + .05) / .05 ? '#fff' : '#1d2126';
}

const percent = score => Math.round(100 * score);
const argmax = scores => scores.indexOf(Math.max(...scores));

class Timeline {
  /* root: element; clip: the server's answer; onSeek: called with seconds. */
  constructor(root, clip, onSeek) {
    this.clip = clip;
    this.length = Math.max(clip.preview.frames / clip.preview.fps, 1e-3);
    this.playheads = [];
    root.replaceChildren();
    clip.prediction.faces.forEach((face, number) => {
      const lane = element('div', 'lane');
      if (clip.prediction.faces.length > 1) {
        lane.append(element('div', 'lane-name quiet', `Face ${face.face}`));
      }
      const body = element('div', 'lane-body');
      body.append(this.stack(clip.spans[number]), this.strip(clip.spans[number]));
      const playhead = element('div', 'playhead');
      body.append(playhead);
      this.playheads.push(playhead);
      this.listen(body, onSeek);
      lane.append(body);
      root.append(lane);
    });
    root.append(this.ticks());
  }

  listen(body, onSeek) {
    const seek = event => {
      const box = body.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      onSeek(Math.min(Math.max(share, 0), 1) * this.length);
    };
    body.addEventListener('pointerdown', event => {
      body.setPointerCapture(event.pointerId);
      seek(event);
    });
    body.addEventListener('pointermove', event => {
      if (event.buttons) seek(event);
    });
  }

  /* One path per class; probabilities are stacked, spans are steps. */
  stack(spans) {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg');
    svg.setAttribute('viewBox', '0 0 1000 100');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    const below = spans.map(() => 0);
    this.clip.colours.forEach((colour, k) => {
      let shape = '';
      spans.forEach((span, at) => {
        const left = 1000 * span.start / this.length;
        const right = 1000 * span.end / this.length;
        const low = below[at];
        const high = below[at] += span.scores[k];
        shape += `M${left} ${100 - 100 * low}H${right}V${100 - 100 * high}H${left}Z`;
      });
      const path = document.createElementNS(space, 'path');
      path.setAttribute('d', shape);
      path.setAttribute('fill', colour);
      path.setAttribute('shape-rendering', 'crispEdges');
      svg.append(path);
    });
    return svg;
  }

  /* The most probable class, joined over spans in which it stays the same. */
  strip(spans) {
    const strip = element('div', 'strip');
    const runs = [];
    for (const span of spans) {
      const best = argmax(span.scores);
      const last = runs[runs.length - 1];
      if (last && last.best === best && Math.abs(last.end - span.start) < 1e-6) {
        last.end = span.end;
      } else {
        runs.push({best, start: span.start, end: span.end});
      }
    }
    for (const run of runs) {
      const name = this.clip.prediction.classes[run.best];
      const share = (run.end - run.start) / this.length;
      const part = element('span', '', share > .014 * name.length ? name : '');
      part.title = `${name}, ${run.start.toFixed(2)} to ${run.end.toFixed(2)} s`;
      part.style.left = `${100 * run.start / this.length}%`;
      part.style.width = `${100 * share}%`;
      part.style.background = this.clip.colours[run.best];
      part.style.color = inkOn(this.clip.colours[run.best]);
      strip.append(part);
    }
    return strip;
  }

  ticks() {
    const ticks = element('div', 'ticks');
    const step = [.1, .2, .5, 1, 2, 5, 10, 20, 30, 60].find(
      one => this.length / one <= 8) || 120;
    for (let at = 0; at < this.length * .95 || at === 0; at += step) {
      const tick = element('span', '', step < 1 ? at.toFixed(1) : String(Math.round(at)));
      tick.style.left = `${100 * at / this.length}%`;
      ticks.append(tick);
    }
    const end = element('span', 'end', `${this.length.toFixed(1)} s`);
    end.style.left = '100%';
    ticks.append(end);
    return ticks;
  }

  show(seconds) {
    for (const playhead of this.playheads) {
      playhead.style.left = `${100 * Math.min(seconds / this.length, 1)}%`;
    }
  }

  /* Scores of a face at a time, null where it was not seen. */
  scoresAt(number, seconds) {
    const span = this.clip.spans[number].find(
      one => one.start <= seconds + 1e-6 && seconds + 1e-6 < one.end);
    return span ? span.scores : null;
  }
}

class Moment {
  constructor(root, clip) {
    root.replaceChildren();
    this.faces = clip.prediction.faces.map(face => {
      const part = element('div', 'now-face');
      if (clip.prediction.faces.length > 1) {
        part.append(element('h4', '', `Face ${face.face}`));
      }
      const rows = clip.prediction.classes.map((name, k) => {
        const row = element('div', 'now-row');
        const track = element('div', 'now-track');
        const fill = element('div', 'now-fill');
        fill.style.background = clip.colours[k];
        track.append(fill);
        const number = element('b');
        row.append(element('span', '', name), track, number);
        part.append(row);
        return {row, fill, number};
      });
      root.append(part);
      return rows;
    });
  }

  show(number, scores) {
    const best = scores ? argmax(scores) : -1;
    this.faces[number].forEach(({row, fill, number: text}, k) => {
      row.classList.toggle('best', k === best);
      fill.style.width = scores ? `${100 * scores[k]}%` : '0';
      text.textContent = scores ? percent(scores[k]) : '–';
    });
  }
}
