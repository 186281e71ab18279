/** The same webhook twenty times at once, at two instances: one effect. */
import { postSignedTo } from './post.ts';
import { inWorld, underWay, waitUntil, type Outcome, type RunOptions } from './scenario.ts';
import { AUTH_TOKEN, OUR_NUMBER, startWorld } from './world.ts';

const COPIES = 20;
const EFFECT_TIMEOUT_MS = 15_000;

export async function sameWebhookAtOnce(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld(), async (world) => {
    const findings: string[] = [];
    const instances = await Promise.all([world.start('one'), world.start('two')]);
    const [call] = await underWay(world, 1);
    if (call === undefined) throw new Error('nobody called');
    const { callSid, leg } = call;
    const path = '/voice/status';
    const fields = {
      AccountSid: world.twilio.accountSid,
      ApiVersion: '2010-04-01',
      CallSid: callSid,
      CallStatus: 'completed',
      CallDuration: '30',
      CallbackSource: 'call-progress-events',
      Direction: 'inbound',
      From: leg.from,
      To: OUR_NUMBER,
      SequenceNumber: '7',
      Timestamp: new Date().toUTCString(),
    };
    const answers = await Promise.all(
      Array.from({ length: COPIES }, async (_, copy) => {
        const instance = instances[copy % instances.length];
        const signedUrl = `${world.balancer.url}${path}`;
        return await postSignedTo(`${instance?.url ?? ''}${path}`, signedUrl, AUTH_TOKEN, fields);
      }),
    );
    const refused = answers.filter((status) => status < 200 || status > 299);
    if (refused.length > 0) findings.push(`answered with ${refused.join(', ')}`);
    const over = await waitUntil(() => !call.isOn, EFFECT_TIMEOUT_MS);
    if (over === undefined) findings.push('the call went on');
    await call.leave();
    const isOfThis = ({ key }: { key: string }): boolean => /\b7\b/.test(key.replace(callSid, ''));
    const rows = async () => (await world.kept.webhooksOf(callSid)).filter(isOfThis);
    const afterCall = async () => await world.kept.jobsOf(callSid, 'after-call');
    await waitUntil(
      async () =>
        (await rows()).some(({ state }) => state === 'done') && (await afterCall()).length > 0,
      EFFECT_TIMEOUT_MS,
      100,
    );
    const recorded = await rows();
    const jobs = await afterCall();
    if (recorded.length !== 1) findings.push(`recorded ${recorded.length} times`);
    for (const { state, attempts } of recorded) {
      if (state !== 'done') findings.push(`its state is ${state}`);
      if (attempts !== 1) findings.push(`processed ${attempts} times`);
    }
    if (jobs.length !== 1) findings.push(`${jobs.length} after-call jobs`);
    const conversation = await world.kept.conversationOf(callSid);
    if (conversation?.state !== 'ended') findings.push('the conversation has not ended');
    options.say(`webhooks: ${answers.length} answered, ${recorded.length} recorded`);
    return {
      figures: {
        copies: COPIES,
        accepted: answers.length - refused.length,
        recorded: recorded.length,
        processed: recorded.reduce((sum, { attempts }) => sum + attempts, 0),
        afterCallJobs: jobs.length,
      },
      findings,
    };
  });
}
