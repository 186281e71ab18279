/**
 * What we send to Twilio, as template strings: a fifth of the cost of JSON.stringify, and safe
 * because the stream id is letters and digits only (checked at `start`) and base64 needs no escapes.
 */
export type OutboundFrames = {
  /** `base64`: μ-law 8 kHz audio. */
  media(base64: string): string;
  mark(name: string): string;
  readonly clear: string;
};

/** Frames for one stream. Throws on a stream id that could break out of the template. */
export function createOutboundFrames(streamSid: string): OutboundFrames {
  if (!/^[A-Za-z0-9]+$/.test(streamSid)) throw new Error('stream id is not letters and digits');
  const mediaHead = `{"event":"media","streamSid":"${streamSid}","media":{"payload":"`;
  const markHead = `{"event":"mark","streamSid":"${streamSid}","mark":{"name":`;
  return {
    media: (base64) => `${mediaHead}${base64}"}}`,
    mark: (name) => `${markHead}${JSON.stringify(name)}}}`,
    clear: `{"event":"clear","streamSid":"${streamSid}"}`,
  };
}
