import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isUpgradeSigned, mediaStreamUrl } from '../../websocket/upgrade-signature.ts';

const key = 'k';
const sign = (url: string) => createHmac('sha1', key).update(url).digest('base64');
const accepts = (configured: string, signed: string) =>
  isUpgradeSigned(key, configured, sign(signed));

describe('the URL that Twilio signs for an upgrade', () => {
  test.each([
    ['https://line.example', 'wss://line.example/media-stream'],
    ['https://line.example/', 'wss://line.example/media-stream'],
    ['https://line.example/base/', 'wss://line.example/base/media-stream'],
    ['http://127.0.0.1:3000', 'ws://127.0.0.1:3000/media-stream'],
    ['wss://line.example', 'wss://line.example/media-stream'],
  ])('%s gives %s', (publicUrl, url) => {
    expect(mediaStreamUrl(publicUrl, '/media-stream')).toBe(url);
  });

  test('as written, and with the scheme’s own port written out or left out', () => {
    const url = 'wss://h.example/media-stream';
    expect(accepts(url, url)).toBe(true);
    expect(accepts(url, 'wss://h.example:443/media-stream')).toBe(true);
    expect(accepts('wss://h.example:443/media-stream', url)).toBe(true);
    expect(accepts('ws://127.0.0.1:3000/m', 'ws://127.0.0.1:3000/m')).toBe(true);
    expect(accepts('ws://h.example:80/m', 'ws://h.example/m')).toBe(true);
  });

  test('a bare host with and without its slash', () => {
    expect(accepts('wss://h.example', 'wss://h.example/')).toBe(true);
    expect(accepts('wss://h.example/', 'wss://h.example')).toBe(true);
  });

  test.each([
    'wss://h.example/media-stream/',
    'wss://h.example/media-stream?x=1',
    'wss://h.example/Media-Stream',
    'wss://h.example:80/media-stream',
    'wss://h.example:8443/media-stream',
    'ws://h.example/media-stream',
    'https://h.example/media-stream',
    'wss://h.example.evil/media-stream',
    '',
  ])('nothing else: %s', (signed) => {
    expect(accepts('wss://h.example/media-stream', signed)).toBe(false);
  });

  test('no signature, no key, no match', () => {
    const url = 'wss://h.example/m';
    expect(isUpgradeSigned(key, url, undefined)).toBe(false);
    expect(isUpgradeSigned(key, url, '')).toBe(false);
    expect(isUpgradeSigned('', url, createHmac('sha1', '').update(url).digest('base64'))).toBe(
      false,
    );
  });
});
