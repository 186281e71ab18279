/** What the line asks of the carrier. All ids are the carrier's. Failures are VendorError. */

export type PlaceCallRequest = {
  /** E.164, from our own records only. */
  readonly to: string;
  readonly answerUrl: string;
  readonly statusUrl: string;
  readonly amdUrl: string;
  readonly ringTimeoutSeconds: number;
  readonly timeLimitSeconds: number;
};

export interface TelephonyVendor {
  /** Starts an outbound call and returns its CallSid. Never retried: two rings are worse than none. */
  placeCall(request: PlaceCallRequest): Promise<string>;
  /** Ends a call. Resolves also when the call was already over. */
  hangUp(callSid: string): Promise<void>;
  /** Stops a call that still rings. One that was answered, by whatever process, goes on. */
  cancel(callSid: string): Promise<void>;
  /** Gives a live call new TwiML from `url`. Fails as `gone` where the call is over. */
  redirect(callSid: string, url: string): Promise<void>;
  sendSms(to: string, body: string): Promise<void>;
}
