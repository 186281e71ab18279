/** The few TwiML answers the line gives. */
// Not the whole of the package, whose REST client takes 0.2 s to load.
import VoiceResponse from 'twilio/lib/twiml/VoiceResponse.js';

/** Absolute URLs. `status`: where the carrier tells how the stream fares. */
export type StreamUrls = {
  readonly stream: string;
  readonly status: string;
  readonly resume: string;
};

/**
 * Connects the call to a media stream, and asks again at `urls.resume` whenever that stream ends
 * while the call lives.
 */
export function connectStream(urls: StreamUrls, token: string): string {
  const response = new VoiceResponse();
  const stream = response.connect().stream({
    url: urls.stream,
    statusCallback: urls.status,
    statusCallbackMethod: 'POST',
  });
  stream.parameter({ name: 'token', value: token });
  response.redirect({ method: 'POST' }, urls.resume);
  return response.toString();
}

/** The carrier speaks for us, then asks for a new stream at `resumeUrl`. */
export function sayAndResume(
  text: string | undefined,
  language: 'en' | 'es',
  resumeUrl: string,
): string {
  const response = new VoiceResponse();
  if (text !== undefined) response.say({ language: sayLanguage(language) }, speakable(text));
  response.redirect({ method: 'POST' }, resumeUrl);
  return response.toString();
}

/**
 * Without what XML 1.0 (§2.2) cannot hold: a document with it is none, and the carrier would drop the
 * call. The words may be a model's, and may have been cut within a pair.
 */
function speakable(text: string): string {
  return text.toWellFormed().replaceAll(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, ' ');
}

/** A moment's silence, then the carrier asks at `resumeUrl`, of whichever instance it reaches. */
export function resumeLater(resumeUrl: string, seconds = 1): string {
  const response = new VoiceResponse();
  if (seconds > 0) response.pause({ length: seconds });
  response.redirect({ method: 'POST' }, resumeUrl);
  return response.toString();
}

export function hangUp(): string {
  const response = new VoiceResponse();
  response.hangup();
  return response.toString();
}

/** A refusal or an apology the carrier itself speaks, because we cannot. */
export function sayAndHangUp(text: string, language: 'en' | 'es'): string {
  const response = new VoiceResponse();
  response.say({ language: sayLanguage(language) }, text);
  response.hangup();
  return response.toString();
}

function sayLanguage(language: 'en' | 'es'): 'en-US' | 'es-US' {
  return language === 'es' ? 'es-US' : 'en-US';
}
