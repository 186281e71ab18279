import type { CallbackStatus, CallDirection } from './types.ts';

export type CallIdentity = {
  readonly accountSid: string;
  readonly sid: string;
  readonly from: string;
  readonly to: string;
  readonly direction: CallDirection;
};

/** Form fields that every voice webhook carries. */
export function commonParams(call: CallIdentity, status: CallbackStatus): Record<string, string> {
  return {
    AccountSid: call.accountSid,
    ApiVersion: '2010-04-01',
    CallSid: call.sid,
    CallStatus: status,
    CallToken: `{"parentCallInfoToken":"${call.sid}"}`,
    Called: call.to,
    CalledCountry: 'US',
    Caller: call.from,
    CallerCountry: 'US',
    Direction: call.direction,
    From: call.from,
    FromCity: '',
    FromCountry: 'US',
    FromState: '',
    FromZip: '',
    To: call.to,
    ToCity: '',
    ToCountry: 'US',
    ToState: '',
    ToZip: '',
  };
}

/** A wall-clock time as Twilio's REST and status callbacks write it (RFC 2822, UTC). */
export function rfc2822(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}
