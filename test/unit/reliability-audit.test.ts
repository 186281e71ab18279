import { describe, expect, it } from 'vitest';
import {
  auditTurns,
  COMMIT_WINDOW_MS,
  type CallEvidence,
  type SaidTurn,
} from '../reliability/audit.ts';

const KILLED_AT_MS = 10_000;

function turn(token: string, change: Partial<SaidTurn> = {}): SaidTurn {
  return {
    token,
    finalAtMs: 2_000,
    heardAtMs: [4_000],
    heardOutAtMs: 5_000,
    unanswered: false,
    ...change,
  };
}

/** Two turns, of which each half is stored, and a kill after which the model was shown both. */
function goodCall(change: Partial<CallEvidence> = {}): CallEvidence {
  return {
    name: 'call 0',
    killedAtMs: [KILLED_AT_MS],
    endedAtMs: 20_000,
    turns: [
      turn('c0t0'),
      turn('c0t1', { finalAtMs: 7_000, heardAtMs: [8_000], heardOutAtMs: 9_000 }),
    ],
    stored: [
      { speaker: 'companion', tokens: [] },
      { speaker: 'caller', tokens: ['c0t0'] },
      { speaker: 'companion', tokens: ['c0t0'] },
      { speaker: 'caller', tokens: ['c0t1'] },
      { speaker: 'companion', tokens: ['c0t1'] },
    ],
    views: [{ atMs: 12_000, tokens: ['c0t0', 'c0t1', 'c0t2'] }],
    ...change,
  };
}

const findings = (change: Partial<CallEvidence>): readonly string[] =>
  auditTurns(goodCall(change)).findings;
const without = (speaker: string, token: string) =>
  goodCall().stored.filter((row) => row.speaker !== speaker || !row.tokens.includes(token));

describe('the auditor of turns', () => {
  it('finds nothing where all is there once, and counts it', () => {
    expect(auditTurns(goodCall())).toEqual({
      findings: [],
      committed: 4,
      inTheWindow: 0,
      saidAgain: 0,
    });
  });

  it.each(['caller', 'companion'])('finds a turn of the %s that is lost', (speaker) => {
    expect(findings({ stored: without(speaker, 'c0t0') })).toHaveLength(1);
  });

  it.each(['caller', 'companion'] as const)('finds a turn of the %s that is doubled', (speaker) => {
    const stored = [...goodCall().stored, { speaker, tokens: ['c0t1'] }];
    expect(findings({ stored })).toHaveLength(1);
  });

  it('promises nothing of what ended right before a kill', () => {
    const late = turn('c0t1', {
      finalAtMs: KILLED_AT_MS - COMMIT_WINDOW_MS / 2,
      heardAtMs: [],
      heardOutAtMs: undefined,
    });
    const stored = without('caller', 'c0t1').filter(({ tokens }) => !tokens.includes('c0t1'));
    const views = [{ atMs: 12_000, tokens: ['c0t0', 'c0t2'] }];
    const verdict = auditTurns(goodCall({ turns: [turn('c0t0'), late], stored, views }));
    expect(verdict).toMatchObject({ findings: [], committed: 2, inTheWindow: 1 });
  });

  it('promises nothing of what a caller says while hanging up', () => {
    const last = turn('c0t2', { finalAtMs: 20_010, heardAtMs: [], heardOutAtMs: undefined });
    const turns = [...goodCall().turns, last];
    expect(auditTurns(goodCall({ turns }))).toMatchObject({ findings: [], inTheWindow: 1 });
  });

  it('lets an answer that a kill cut be said again, once', () => {
    const again = turn('c0t1', {
      finalAtMs: 7_000,
      heardAtMs: [9_900, 13_000],
      heardOutAtMs: 14_000,
    });
    const verdict = auditTurns(goodCall({ turns: [turn('c0t0'), again] }));
    expect(verdict).toMatchObject({ findings: [], saidAgain: 1 });
    const thrice = { ...again, heardAtMs: [9_900, 13_000, 15_000] };
    expect(findings({ turns: [turn('c0t0'), thrice] })).toHaveLength(1);
    const earlier = turn('c0t0', { heardAtMs: [4_000, 6_000] });
    expect(findings({ turns: [earlier] })).toContain(
      'call 0: the answer to c0t0 was heard 2 times',
    );
  });

  it('finds turns that the model is not shown after a kill, is shown twice, or out of order', () => {
    const view = (...tokens: string[]) => ({ views: [{ atMs: 12_000, tokens }] });
    expect(findings(view('c0t1'))).toEqual(['call 0: c0t0 is forgotten after a kill']);
    expect(findings(view('c0t0', 'c0t1', 'c0t1'))).toHaveLength(1);
    expect(findings(view('c0t1', 'c0t0'))).toHaveLength(1);
  });

  it('finds a turn that nobody answered', () => {
    expect(findings({ turns: [turn('c0t0', { unanswered: true })] })).toHaveLength(1);
  });
});
