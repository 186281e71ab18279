import { z } from 'zod';

/** Twilio's name of a call. */
export const callSid = z.string().regex(/^CA[0-9A-Za-z]{2,40}$/);
