/** A row for each turn: what passed between the last word said and the first sound of the answer. */

const SVG = 'http://www.w3.org/2000/svg';
const MAX_ROWS = 50;
/** Full width of a bar, milliseconds. */
const SCALE_MS = 1500;

export class Latency {
  #body;
  #turn;

  /** @param {HTMLElement} body */
  constructor(body) {
    this.#body = body;
  }

  /** @param {string} text @param {number} atMs */
  spoke(text, atMs) {
    this.#turn = { ...this.#turn, text, spokeAtMs: atMs };
  }

  /** Remembers what the server says about the turn in hand; its stamps are of the same clock. */
  event(event) {
    if (event.what === 'heard') {
      if (event.state === 'started') this.#turn = {};
      if (event.state === 'final') this.#turn = { ...this.#turn, finalAtMs: event.atMs };
    }
    if (event.what === 'reply-first-clause') this.#turn = { ...this.#turn, clauseAtMs: event.atMs };
    if (event.what === 'draft-promoted') this.#turn = { ...this.#turn, promoted: true };
  }

  /** @param {number} waitMs @param {number} atMs of the first media of the answer */
  answered(waitMs, atMs) {
    const { text, spokeAtMs, finalAtMs, clauseAtMs, promoted } = this.#turn ?? {};
    if (text === undefined || spokeAtMs === undefined) return;
    const since = (stamp) => (stamp === undefined ? undefined : Math.max(0, stamp - spokeAtMs));
    const endMs = since(finalAtMs) ?? 0;
    const clauseMs = Math.max(endMs, since(clauseAtMs) ?? endMs);
    const row = document.createElement('tr');
    const said = document.createElement('td');
    said.textContent = text;
    const bar = document.createElement('td');
    bar.append(this.#bar([endMs, clauseMs, Math.max(clauseMs, atMs - spokeAtMs)]));
    const wait = document.createElement('td');
    wait.className = 'n';
    wait.textContent = String(waitMs);
    const kind = document.createElement('td');
    kind.textContent = promoted ? 'drafted ahead' : 'plain';
    row.append(said, bar, wait, kind);
    this.#body.prepend(row);
    while (this.#body.children.length > MAX_ROWS) this.#body.lastElementChild.remove();
  }

  #bar([endMs, clauseMs, soundMs]) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${SCALE_MS} 14`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('role', 'img');
    const label = `end of turn after ${Math.round(endMs)}, first clause after ${Math.round(clauseMs)}, sound after ${Math.round(soundMs)} milliseconds`;
    svg.setAttribute('aria-label', label);
    svg.setAttribute('class', 'bar');
    const parts = [
      ['stt', 0, endMs],
      ['model', endMs, clauseMs],
      ['voice', clauseMs, soundMs],
    ];
    for (const [name, from, to] of parts) {
      const rect = document.createElementNS(SVG, 'rect');
      rect.setAttribute('class', name);
      rect.setAttribute('x', String(Math.min(SCALE_MS, from)));
      rect.setAttribute('width', String(Math.max(0, Math.min(SCALE_MS, to) - from)));
      rect.setAttribute('height', '14');
      svg.append(rect);
    }
    return svg;
  }
}
