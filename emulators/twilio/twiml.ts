import { parseXml, type XmlElement } from './xml.ts';

/** The verbs that the emulator executes. Times in milliseconds; URLs as written. */
export type Verb =
  | {
      readonly verb: 'Say';
      readonly text: string;
      readonly language: string;
      readonly loop: number;
    }
  | { readonly verb: 'Play'; readonly url: string; readonly digits: string; readonly loop: number }
  | { readonly verb: 'Pause'; readonly pauseMs: number }
  | {
      readonly verb: 'Gather';
      readonly prompts: readonly Verb[];
      readonly action: string;
      readonly method: 'GET' | 'POST';
      readonly timeoutMs: number;
      readonly numDigits: number;
      readonly finishOnKey: string;
      readonly actionOnEmptyResult: boolean;
    }
  | { readonly verb: 'Redirect'; readonly url: string; readonly method: 'GET' | 'POST' }
  | { readonly verb: 'Hangup' }
  | { readonly verb: 'Reject'; readonly reason: 'busy' | 'rejected' }
  | {
      readonly verb: 'Connect';
      readonly action: string | undefined;
      readonly method: 'GET' | 'POST';
      readonly stream: StreamNoun;
    };

export type StreamNoun = {
  readonly url: string;
  readonly name: string | undefined;
  readonly statusCallback: string | undefined;
  readonly statusCallbackMethod: 'GET' | 'POST';
  readonly parameters: Readonly<Record<string, string>>;
};

/** A problem with Twilio's debugger code. A fatal one ends the call. */
export type TwimlProblem = { readonly code: number; readonly message: string };

export type TwimlResult =
  | {
      readonly ok: true;
      readonly verbs: readonly Verb[];
      readonly warnings: readonly TwimlProblem[];
    }
  | { readonly ok: false; readonly problem: TwimlProblem };

/** Name and value of a `<Parameter>` together must stay below 500 characters. */
const MAX_PARAMETER_CHARS = 500;

/**
 * Parses a TwiML document. 12100: not XML or no `<Response>` (fatal). 12200: a verb, noun or value
 * that does not belong (warning; the verb is skipped).
 */
export function parseTwiml(source: string): TwimlResult {
  const xml = parseXml(source.trim());
  if (!xml.ok) {
    return {
      ok: false,
      problem: { code: 12100, message: `document parse failure: ${xml.reason}` },
    };
  }
  if (xml.root.name !== 'Response') {
    return {
      ok: false,
      problem: { code: 12100, message: `root element is <${xml.root.name}>, not <Response>` },
    };
  }
  const warnings: TwimlProblem[] = [];
  const verbs = xml.root.children.flatMap((element) => parseVerb(element, warnings));
  return { ok: true, verbs, warnings };
}

function parseVerb(element: XmlElement, warnings: TwimlProblem[]): Verb[] {
  const { attributes } = element;
  const text = element.text.replace(/\s+/g, ' ').trim();
  switch (element.name) {
    case 'Say':
      return [
        {
          verb: 'Say',
          text: plainText(element).replace(/\s+/g, ' ').trim(),
          language: attributes['language'] ?? 'en-US',
          loop: wholeNumber(attributes['loop'], 1, 0, 1000),
        },
      ];
    case 'Play':
      return [
        {
          verb: 'Play',
          url: text,
          digits: attributes['digits'] ?? '',
          loop: wholeNumber(attributes['loop'], 1, 0, 1000),
        },
      ];
    case 'Pause':
      return [{ verb: 'Pause', pauseMs: wholeNumber(attributes['length'], 1, 0, 600) * 1000 }];
    case 'Redirect':
      return [{ verb: 'Redirect', url: text, method: method(attributes['method']) }];
    case 'Hangup':
      return [{ verb: 'Hangup' }];
    case 'Reject':
      return [{ verb: 'Reject', reason: attributes['reason'] === 'busy' ? 'busy' : 'rejected' }];
    case 'Gather':
      return [parseGather(element, warnings)];
    case 'Connect':
      return parseConnect(element, warnings);
    default:
      warnings.push({ code: 12200, message: `<${element.name}> is not a verb known here` });
      return [];
  }
}

function parseGather(element: XmlElement, warnings: TwimlProblem[]): Verb {
  const { attributes } = element;
  const prompts = element.children.flatMap((child) => parseVerb(child, warnings));
  const allowed = prompts.filter((p) => ['Say', 'Play', 'Pause'].includes(p.verb));
  if (allowed.length < prompts.length) {
    warnings.push({ code: 12200, message: '<Gather> may hold only Say, Play and Pause' });
  }
  return {
    verb: 'Gather',
    prompts: allowed,
    action: attributes['action'] ?? '',
    method: method(attributes['method']),
    timeoutMs: wholeNumber(attributes['timeout'], 5, 0, 600) * 1000,
    numDigits: wholeNumber(attributes['numDigits'], 1000, 1, 1000),
    finishOnKey: attributes['finishOnKey'] ?? '#',
    actionOnEmptyResult: attributes['actionOnEmptyResult'] === 'true',
  };
}

function parseConnect(element: XmlElement, warnings: TwimlProblem[]): Verb[] {
  const nouns = element.children.filter((child) => child.name === 'Stream');
  const noun = nouns[0];
  if (!noun || element.children.length !== 1) {
    warnings.push({ code: 12200, message: '<Connect> must hold exactly one <Stream>' });
    if (!noun) return [];
  }
  const parameters: Record<string, string> = {};
  for (const child of noun.children) {
    const name = child.attributes['name'] ?? '';
    const value = child.attributes['value'] ?? '';
    if (child.name !== 'Parameter' || name === '') {
      warnings.push({ code: 12200, message: `<Stream> may not hold <${child.name}>` });
    } else if (name.length + value.length >= MAX_PARAMETER_CHARS) {
      warnings.push({ code: 12200, message: `<Parameter name="${name}"> is too long; dropped` });
    } else {
      parameters[name] = value;
    }
  }
  return [
    {
      verb: 'Connect',
      action: element.attributes['action'],
      method: method(element.attributes['method']),
      stream: {
        url: noun.attributes['url'] ?? '',
        name: noun.attributes['name'],
        statusCallback: noun.attributes['statusCallback'],
        statusCallbackMethod: method(noun.attributes['statusCallbackMethod']),
        parameters,
      },
    },
  ];
}

/** Text of an element and of everything inside it (SSML tags of `<Say>` are looked through). */
function plainText(element: XmlElement): string {
  return [element.text, ...element.children.map(plainText)].join(' ');
}

function method(value: string | undefined): 'GET' | 'POST' {
  return value?.toUpperCase() === 'GET' ? 'GET' : 'POST';
}

function wholeNumber(
  value: string | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  const number = Number(value ?? fallback);
  return Number.isInteger(number) && number >= min && number <= max ? number : fallback;
}
