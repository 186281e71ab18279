/** The page of the development server: a telephone, the conversation, and where the time went. */
import { Conversation } from './conversation.js';
import { Earpiece } from './earpiece.js';
import { Latency } from './latency.js';

const LINES = {
  en: [
    'Hello dear, I am quite well today.',
    'Mm-hm.',
    'Wait, no, listen to me for a moment.',
    'Well ... I slept badly ... with all that wind.',
    'I had a little fall in the garden on Tuesday.',
    'What did you say?',
    'Are you a real person?',
    'I feel a bit lonely these days.',
    "Well, I'd better let you go. Talk to you tomorrow.",
  ],
  es: [
    'Hola, hija, hoy estoy bastante bien.',
    'Ajá.',
    'Espera, espera, escúchame un momento.',
    'Pues ... he dormido mal ... con tanto viento.',
    'El martes me caí en la cocina.',
    '¿Cómo dijo?',
    'Me siento un poco sola estos días.',
    'Bueno, te dejo ya. Hasta mañana.',
  ],
};
const RECONNECT_MS = 2000;
const METER_FALL = 0.85;

const element = (id) => document.getElementById(id);
const earpiece = new Earpiece();
const conversation = new Conversation(element('talk'));
const latency = new Latency(element('latency'));
let socket;
let inCall = false;

function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/dev/phone`);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') take(JSON.parse(data));
    else meter('companion', earpiece.play(new Uint8Array(data)));
  });
  socket.addEventListener('open', () => problem(''));
  socket.addEventListener('close', () => {
    setCall(false);
    setState('idle', 'The server is not there');
    setTimeout(connect, RECONNECT_MS);
  });
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else problem('The server is not there.');
}

function take(message) {
  switch (message.kind) {
    case 'ready':
      setState('idle', 'No call');
      break;
    case 'call':
      if (message.state === 'dialling') conversation.clear();
      setCall(true);
      setState(message.state === 'connected' ? 'connected' : 'ringing', STATES[message.state]);
      break;
    case 'ended':
      setCall(false);
      setState('idle', `The call is over (${message.how})`);
      break;
    case 'speaking':
      conversation.callerSays(message.text);
      meter('caller', 0.7);
      break;
    case 'spoke':
      latency.spoke(message.text, message.atMs);
      break;
    case 'answered':
      latency.answered(message.waitMs, message.atMs);
      break;
    case 'heard':
      setState('speaking', 'The companion is speaking');
      conversation.companionHeard(message.text);
      break;
    case 'cut':
      conversation.companionCut(message.words);
      break;
    case 'event':
      takeEvent(message.event);
      break;
    case 'problem':
      problem(message.text);
      break;
  }
}

const STATES = { dialling: 'Dialling', ringing: 'Ringing', connected: 'Connected' };

function takeEvent(event) {
  latency.event(event);
  switch (event.what) {
    case 'heard':
      if (event.state === 'started') setState('listening', 'Listening');
      if (event.state === 'eager-end') conversation.note('thinking ahead');
      if (event.state === 'resumed') conversation.note('you went on: the draft is dropped');
      break;
    case 'reply-asked':
      setState('thinking', 'Thinking');
      break;
    case 'caller-said':
      if (event.backchannel) conversation.note(`“${event.text}” was a nod: it talks on`);
      break;
    case 'companion-said':
      setState('listening', 'Listening');
      break;
    case 'alert-raised':
      conversation.alert(`Alert: ${event.category} (${event.severity}): “${event.evidence}”`);
      break;
    case 'filler':
      conversation.note('still thinking');
      break;
    case 'ending':
      conversation.note(`ending: ${event.reason}`);
      break;
    case 'vendor-failed':
      conversation.note(`${event.vendor} failed: ${event.failure}`);
      break;
  }
}

function setCall(active) {
  inCall = active;
  for (const id of ['say', 'say-button', 'hang-up', 'cough', 'press']) {
    element(id).disabled = !active;
  }
  for (const id of ['be-called', 'dial', 'name', 'language']) element(id).disabled = active;
  for (const chip of element('lines').children) chip.disabled = !active;
  if (active) problem('');
}

function setState(state, text) {
  const line = element('state');
  line.dataset.state = state;
  if (line.textContent !== text) line.textContent = text;
}

function problem(text) {
  element('problem').textContent = text;
}

function meter(who, level) {
  element(`meter-${who}`).value = Math.max(level, element(`meter-${who}`).value * METER_FALL);
}

function showLines() {
  const chips = LINES[element('language').value].map((text) => {
    const chip = document.createElement('button');
    chip.type = 'button';
    chip.className = 'chip';
    chip.textContent = text;
    chip.disabled = !inCall;
    chip.addEventListener('click', () => send({ kind: 'say', text }));
    return chip;
  });
  element('lines').replaceChildren(...chips);
}

function call(direction) {
  // Without sound the call is still worth placing.
  earpiece.open().catch(() => problem('This browser plays no sound.'));
  const name = element('name').value;
  send({ kind: 'call', direction, name, language: element('language').value });
  element('say').focus();
}

element('call-form').addEventListener('submit', (event) => {
  event.preventDefault();
  call('outbound');
});
element('dial').addEventListener('click', () => call('inbound'));
element('hang-up').addEventListener('click', () => send({ kind: 'hang-up' }));
element('cough').addEventListener('click', () => send({ kind: 'cough' }));
element('press').addEventListener('click', () => send({ kind: 'press', digits: '1' }));
element('language').addEventListener('change', showLines);
element('say-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = element('say').value.trim();
  if (text === '') return;
  send({ kind: 'say', text });
  element('say').value = '';
});
setInterval(() => {
  element('meter-caller').value *= METER_FALL;
}, 100);

showLines();
setCall(false);
connect();
