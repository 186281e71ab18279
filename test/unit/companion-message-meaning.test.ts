import { describe, expect, test } from 'vitest';
import { meaningOfMessage } from '../../src/companion/message-meaning.ts';

describe('a text message to the line', () => {
  test.each([
    'STOP',
    'Stop.',
    '  stop  ',
    'STOP!!!',
    'Stop please',
    'STOPALL',
    'Unsubscribe',
    'cancel',
    'END',
    'quit',
    'opt-out',
    'STOP \u{1F64F}',
    'ALTO',
    'Baja',
    'Basta ya',
    'Parar, por favor.',
    '¡DETÉN!',
    'Please stop calling me.',
    'I want you to stop calling my house',
    "Don't call me any more",
    'Don’t call me',
    'do not ever call this number again',
    'Never phone me again!',
    'I do not want any more calls',
    'No more calls please',
    'Take me off your list',
    'Deje de llamarme',
    'Por favor dejen ya de llamar',
    'No me llamen más',
    'no me vuelva a llamar',
    'No quiero más llamadas',
    'Ya no quiero que me llamen',
    'Quiten mi número de su lista',
  ])('%j means stop', (text) => {
    expect(meaningOfMessage(text)).toBe('stop');
  });

  test.each(['START', 'Unstop', 'yes', 'Sí', 'Empezar'])('%j gives no leave to call', (text) => {
    expect(meaningOfMessage(text)).toBe('start');
  });

  test.each([
    '',
    'Please do not stop calling me!',
    "Don't ever stop calling me, I like it",
    'No dejen de llamarme, por favor',
    'nunca dejes de llamarme',
    'Why did you stop calling?',
    'My doctor said to stop the blood pressure pills',
    'I have to cancel the appointment on Friday',
    'In the end it was a nice day',
    'The bus stop is far away',
    'Call me tomorrow instead',
    'Para mi cumpleaños quiero flores',
    'Mi hija no me llama nunca',
    'Thank you for calling',
    'stopped by the shop',
    '\u{1F600}',
  ])('%j is a message like any other', (text) => {
    expect(meaningOfMessage(text)).toBe('other');
  });

  test('what the carrier took for an opt-out is one, whatever its words', () => {
    expect(meaningOfMessage('arrêt', 'STOP')).toBe('stop');
    expect(meaningOfMessage('halo', 'START')).toBe('start');
    expect(meaningOfMessage('halo', 'HELP')).toBe('other');
  });

  test('the longest message is judged in milliseconds', () => {
    for (const piece of ['stop ', "don't call ", 'no me ', 'a', '- ']) {
      const startedAt = performance.now();
      meaningOfMessage(piece.repeat(20_000));
      expect(performance.now() - startedAt).toBeLessThan(50);
    }
  });
});
