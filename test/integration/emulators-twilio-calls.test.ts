import { describe, expect, test } from 'vitest';
import { toneSpeech } from '../helpers/tone-speech.ts';
import { CALLER, OUR_NUMBER, startPair } from '../helpers/twilio-emulator-fixture.ts';
import { localTwilio } from '../helpers/twilio-sdk-client.ts';

const STATUS_EVENTS = ['initiated', 'ringing', 'answered', 'completed'];

describe('incoming calls', () => {
  test('the webhook and the upgrade are signed; start carries the parameters', async () => {
    const { emulator, server } = await startPair();
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    const stream = await server.stream();
    expect(server.at('/answer')).toMatchObject([
      {
        signed: true,
        params: { CallSid: leg.callSid, From: CALLER, To: OUR_NUMBER, CallStatus: 'ringing' },
      },
    ]);
    expect(stream.signed).toBe(true);
    expect(stream.messages[0]).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' });
    expect(stream.messages[1]).toEqual({
      event: 'start',
      sequenceNumber: '1',
      streamSid: leg.streamSid,
      start: {
        accountSid: emulator.accountSid,
        callSid: leg.callSid,
        streamSid: leg.streamSid,
        tracks: ['inbound'],
        mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
        customParameters: { token: 's3cret' },
      },
    });
    expect(leg.status).toBe('in-progress');
  });

  test('the caller hangs up: stop, close, completed', async () => {
    const { emulator, server } = await startPair();
    server.answers.set(
      '/answer',
      server.streamTwiml('', `name="line" statusCallback="${server.url}/stream"`),
    );
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    const stream = await server.stream();
    await leg.hangUp();
    await stream.until((s) => s.closed);
    expect(stream.messages.at(-1)).toMatchObject({
      event: 'stop',
      stop: { accountSid: emulator.accountSid, callSid: leg.callSid },
    });
    await server.until(
      () => server.at('/stream').length === 2 && server.at('/status').length === 1,
    );
    expect(server.at('/stream').map((hit) => hit.params['StreamEvent'])).toEqual([
      'stream-started',
      'stream-stopped',
    ]);
    expect(server.at('/status')).toMatchObject([
      { signed: true, params: { CallStatus: 'completed', SequenceNumber: '0' } },
    ]);
    expect(await leg.ended()).toMatchObject({ how: 'caller-hung-up', status: 'completed' });
    expect(server.hits.every((hit) => hit.signed)).toBe(true);
  });

  test('the server closes the socket: the next verb follows, by relative URL', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/answer', server.streamTwiml('<Redirect>resume?n=1</Redirect>'));
    server.answers.set('/resume', '<Response><Hangup/></Response>');
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    (await server.stream()).socket.close(1000);
    expect(await leg.ended()).toMatchObject({ how: 'hangup-verb' });
    expect(server.at('/resume')).toMatchObject([{ signed: true, params: { n: '1' } }]);
    expect(emulator.log.all('stream-ended')).toMatchObject([{ how: 'server-closed' }]);
  });

  test('the server closes the socket: the action is asked, and nothing after it ends the call', async () => {
    const { emulator, server } = await startPair();
    const twiml = server.streamTwiml('<Redirect>/never</Redirect>');
    server.answers.set('/answer', twiml.replace('<Connect>', '<Connect action="/after">'));
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    const stream = await server.stream();
    stream.socket.close(1001);
    expect(await leg.ended()).toMatchObject({ how: 'twiml-ended', status: 'completed' });
    expect(server.at('/after')).toMatchObject([{ params: { StreamSid: stream.streamSid } }]);
    expect(server.at('/never')).toHaveLength(0);
  });

  test('reject before the answer; a failing webhook and bad TwiML end the call with their codes', async () => {
    const { emulator, server } = await startPair();
    const call = async (answer: string | number): Promise<Record<string, unknown>> => {
      server.answers.set('/answer', answer);
      const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
      return { ...(await leg.ended()), answeredAtMs: leg.answeredAtMs };
    };
    expect(await call('<Response><Reject reason="busy"/></Response>')).toMatchObject({
      status: 'busy',
      answeredAtMs: undefined,
    });
    expect(await call(500)).toMatchObject({ how: 'failed', errorCode: 11200 });
    expect(await call('<Response><Say>')).toMatchObject({ how: 'failed', errorCode: 12100 });
    await call('<Response><Dance/><Hangup/></Response>');
    expect(emulator.log.all('error').map((entry) => entry.code)).toEqual([11200, 12100, 12200]);
  });

  test('gather collects keys and asks its action; without keys the next verb follows', async () => {
    const { emulator, server } = await startPair();
    server.answers.set(
      '/answer',
      '<Response><Gather numDigits="2" action="/keys" timeout="2"/><Hangup/></Response>',
    );
    server.answers.set('/keys', '<Response><Gather timeout="0"/><Hangup/></Response>');
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    await emulator.log.waitFor((e) => e.what === 'verb-started' && e.verb === 'Gather');
    await leg.press('42');
    expect(await leg.ended()).toMatchObject({ how: 'hangup-verb' });
    expect(server.at('/keys')).toMatchObject([{ params: { Digits: '42' } }]);
  });

  test('a socket that cannot be opened: stream-error, then the next verb', async () => {
    const { emulator, server } = await startPair();
    server.refuseUpgradeWith = 403;
    server.answers.set(
      '/answer',
      server.streamTwiml('<Redirect>/resume</Redirect>', `statusCallback="${server.url}/stream"`),
    );
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    await leg.ended();
    await server.until(() => server.at('/stream').length === 1);
    expect(server.at('/stream')).toMatchObject([
      { params: { StreamEvent: 'stream-error', StreamError: '31920' } },
    ]);
    expect(server.at('/resume')).toHaveLength(1);
  });
});

describe('outgoing calls', () => {
  test('status callbacks come in order, numbered, with the durations at the end', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/go', '<Response><Hangup/></Response>');
    await localTwilio(emulator).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/go`,
      statusCallback: `${server.url}/status`,
      statusCallbackEvent: STATUS_EVENTS,
    });
    await server.until(() => server.at('/status').length === 4);
    const seen = server
      .at('/status')
      .map(({ params }) => [params['SequenceNumber'], params['CallStatus']]);
    expect(seen).toEqual([
      ['0', 'initiated'],
      ['1', 'ringing'],
      ['2', 'in-progress'],
      ['3', 'completed'],
    ]);
    expect(server.at('/status')[3]!.params).toMatchObject({
      CallbackSource: 'call-progress-events',
      CallDuration: '0',
      SipResponseCode: '200',
    });
    expect(server.at('/go')).toMatchObject([{ params: { CallStatus: 'in-progress' } }]);
    expect(server.hits.every((hit) => hit.signed)).toBe(true);
  });

  test('status callbacks can be late, lost and doubled', async () => {
    const { emulator, server } = await startPair();
    emulator.script.statusCallbacks = (event) =>
      ({ initiated: { copies: 0 }, ringing: { delayMs: 150 }, answered: { copies: 2 } })[
        event as string
      ] ?? {};
    await localTwilio(emulator).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      twiml: '<Response><Hangup/></Response>',
      statusCallback: `${server.url}/status`,
      statusCallbackEvent: STATUS_EVENTS,
    });
    await server.until(() => server.at('/status').length === 4);
    expect(server.at('/status').map(({ params }) => params['CallStatus'])).toEqual([
      'in-progress',
      'in-progress',
      'completed',
      'ringing',
    ]);
  });

  test('busy, no answer and failure are told as such', async () => {
    const { emulator, server } = await startPair();
    const outcomes = ['busy', 'no-answer', 'failed', 'no-answer'];
    emulator.onOutboundCall(async (leg) => {
      const number = emulator.calls().length;
      if (number === 1) await leg.busy();
      if (number === 2) await leg.noAnswer({ afterMs: 20 });
      if (number === 3) await leg.fail();
      if (number === 4) await leg.noAnswer();
    });
    for (const [index, outcome] of outcomes.entries()) {
      await localTwilio(emulator).calls.create({
        to: CALLER,
        from: OUR_NUMBER,
        twiml: '<Response><Hangup/></Response>',
        statusCallback: `${server.url}/status`,
        timeout: 1,
      });
      expect(await emulator.calls()[index]!.ended()).toMatchObject({ status: outcome });
    }
    await server.until(() => server.at('/status').length === 4);
    expect(server.at('/status').map(({ params }) => params['CallStatus'])).toEqual(outcomes);
  });

  test('asynchronous detection: a human, while the stream already runs', async () => {
    const { emulator, server } = await startPair();
    emulator.onOutboundCall((leg) => leg.answer({ afterMs: 30, amdAfterMs: 200 }));
    await localTwilio(emulator).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/answer`,
      machineDetection: 'DetectMessageEnd',
      asyncAmd: 'true',
      asyncAmdStatusCallback: `${server.url}/amd`,
    });
    await server.stream();
    expect(server.at('/amd')).toHaveLength(0);
    await server.until(() => server.at('/amd').length === 1);
    expect(server.at('/amd')).toMatchObject([{ signed: true, params: { AnsweredBy: 'human' } }]);
    const [verdict] = emulator.log.all('amd-result');
    expect(verdict!.detectionMs).toBeGreaterThanOrEqual(199);
  });

  test('an answering machine: greeting, beep, and machine_end_beep when the beep is over', async () => {
    const { emulator, server } = await startPair();
    const greeting = toneSpeech('please leave a message', 100);
    emulator.onOutboundCall((leg) => leg.answeringMachine({ greeting, beepAfterMs: 100 }));
    await localTwilio(emulator).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/answer`,
      machineDetection: 'DetectMessageEnd',
      asyncAmd: 'true',
      asyncAmdStatusCallback: `${server.url}/amd`,
    });
    await server.until(() => server.at('/amd').length === 1);
    expect(server.at('/amd')[0]!.params['AnsweredBy']).toBe('machine_end_beep');
    expect(emulator.log.all('amd-result')[0]!.detectionMs).toBeGreaterThanOrEqual(999);
  });

  test('synchronous detection holds the TwiML request back and is part of it', async () => {
    const { emulator, server } = await startPair();
    emulator.onOutboundCall((leg) => leg.answer({ answeredBy: 'fax', amdAfterMs: 100 }));
    server.answers.set('/go', '<Response><Hangup/></Response>');
    await localTwilio(emulator).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/go`,
      machineDetection: 'Enable',
    });
    await emulator.calls()[0]!.ended();
    expect(server.at('/go')).toMatchObject([{ params: { AnsweredBy: 'fax' } }]);
  });

  test('a REST redirect during the stream: stop, close, new TwiML; completed hangs up', async () => {
    const { emulator, server } = await startPair();
    const client = localTwilio(emulator);
    const { sid } = await client.calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/answer`,
    });
    const first = await server.stream();
    await client.calls(sid).update({ twiml: server.streamTwiml() });
    await first.until((s) => s.closed);
    expect(first.messages.at(-1)).toMatchObject({ event: 'stop' });
    const second = await server.stream(2);
    expect(second.streamSid).not.toBe(first.streamSid);
    expect(emulator.log.all('stream-ended')).toMatchObject([{ how: 'call-updated' }]);
    await client.calls(sid).update({ status: 'completed' });
    await second.until((s) => s.closed);
    expect(await emulator.calls()[0]!.ended()).toMatchObject({ how: 'server-completed' });
  });
});
