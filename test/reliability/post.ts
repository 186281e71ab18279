import { twilioSignature } from '../../emulators/twilio/signature.ts';

/** Posts a webhook to one instance, signed over the public URL. @returns the answer's status. */
export async function postSignedTo(
  url: string,
  signedUrl: string,
  authToken: string,
  fields: Readonly<Record<string, string>>,
): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': twilioSignature(authToken, signedUrl, fields),
    },
    body: new URLSearchParams(fields),
    signal: AbortSignal.timeout(15_000),
  });
  await response.arrayBuffer();
  return response.status;
}
