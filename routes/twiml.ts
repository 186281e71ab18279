/** The few TwiML answers the line gives. */
import twilio from 'twilio';

/**
 * Connects the call to a media stream, and asks again at `resumeUrl` whenever that stream ends while
 * the call lives.
 */
export function connectStream(streamUrl: string, token: string, resumeUrl: string): string {
  const response = new twilio.twiml.VoiceResponse();
  const stream = response.connect().stream({ url: streamUrl });
  stream.parameter({ name: 'token', value: token });
  response.redirect({ method: 'POST' }, resumeUrl);
  return response.toString();
}

export function hangUp(): string {
  const response = new twilio.twiml.VoiceResponse();
  response.hangup();
  return response.toString();
}

/** A refusal or an apology the carrier itself speaks, because we cannot. */
export function sayAndHangUp(text: string, language: 'en' | 'es'): string {
  const response = new twilio.twiml.VoiceResponse();
  response.say({ language: language === 'es' ? 'es-US' : 'en-US' }, text);
  response.hangup();
  return response.toString();
}
