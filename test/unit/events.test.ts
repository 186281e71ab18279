import { describe, expect, it } from 'vitest';
import { EventHub } from '../../src/events.ts';

describe('the event hub', () => {
  it('keeps a watcher that throws, tells of it, and serves the others', () => {
    const failures: unknown[] = [];
    const hub = new EventHub((error) => failures.push(error));
    const seen: string[] = [];
    let calls = 0;
    hub.subscribe(() => {
      calls += 1;
      if (calls === 1) throw new Error('one bad event');
    });
    hub.subscribe((event) => seen.push(event.what));
    hub.publish('CA1', { what: 'stream-closed' });
    hub.publish('CA1', { what: 'digit' });
    expect(calls).toBe(2);
    expect(failures).toHaveLength(1);
    expect(seen).toEqual(['stream-closed', 'digit']);
  });

  it('serves nobody who has left', () => {
    const hub = new EventHub();
    const seen: string[] = [];
    const leave = hub.subscribe((event) => seen.push(event.what));
    leave();
    hub.publish('CA1', { what: 'digit' });
    expect(seen).toEqual([]);
  });
});
