/** Which rung of each ladder every live call stands on: the vendor that served it last. */
import type { TimedCallEvent } from './events.ts';

export type Service = 'stt' | 'llm' | 'tts';

/** A call came to a vendor (+1) or left it (-1). */
export type OnChange = (service: Service, vendor: string, change: 1 | -1) => void;

export class LadderPositions {
  readonly #onChange: OnChange;
  readonly #calls = new Map<string, Map<Service, string>>();

  constructor(onChange: OnChange) {
    this.#onChange = onChange;
  }

  take(event: TimedCallEvent): void {
    const { callSid } = event;
    switch (event.what) {
      case 'call-started':
        this.#calls.set(callSid, new Map());
        return;
      case 'stt-opened':
        // From the keypad it is only tried.
        if (this.#calls.get(callSid)?.get('stt') === 'keypad') return;
        return this.#moveTo(callSid, 'stt', event.vendor);
      case 'reply-first-token':
        return this.#moveTo(callSid, 'llm', event.vendor);
      case 'voice-asked':
        return this.#moveTo(callSid, 'tts', event.vendor);
      case 'ladder-moved':
        return this.#moveTo(callSid, event.service, event.to);
      case 'call-ended':
        for (const [service, vendor] of this.#calls.get(callSid) ?? []) {
          this.#onChange(service, vendor, -1);
        }
        this.#calls.delete(callSid);
        return;
      default:
        return;
    }
  }

  #moveTo(callSid: string, service: Service, vendor: string): void {
    const call = this.#calls.get(callSid);
    const before = call?.get(service);
    if (!call || before === vendor) return;
    if (before !== undefined) this.#onChange(service, before, -1);
    call.set(service, vendor);
    this.#onChange(service, vendor, 1);
  }
}
