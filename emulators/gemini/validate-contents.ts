import { Invalid, isRecord, type Json } from '../anthropic/invalid.ts';
import type { Content, FunctionCall, FunctionResponse, Part } from './types.ts';

const PART_FIELDS = new Set([
  'text',
  'functionCall',
  'functionResponse',
  'thought',
  'thoughtSignature',
  'partMetadata',
]);
const DATA_FIELDS = ['text', 'functionCall', 'functionResponse'] as const;
/** The vendor accepts these in place of a signature it never gave, e.g. for another model's call. */
const DUMMY_SIGNATURES = new Set([
  'skip_thought_signature_validator',
  'context_engineering_is_the_way_to_go',
]);

/** What this server signed; a signature must come back as it was given. */
export type SignatureCheck = (signature: string) => boolean;

/**
 * `contents` with the vendor's rules: roles, parts with exactly one kind of data, calls answered
 * at once and completely, and from generation 3 on a signature on the calls of the current turn.
 */
export function readContents(value: unknown, model: string, isOurs: SignatureCheck): Content[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new Invalid('* GenerateContentRequest.contents: contents is not specified');
  }
  const contents = value.map(readContent);
  checkCalls(contents);
  const last = contents.at(-1);
  if (last?.role === 'model' && refusesPrefill(model)) {
    throw new Invalid('Requests where the last input turn has the model role are not supported.');
  }
  if (/^gemini-([3-9]|\d\d)/.test(model)) checkSignatures(contents, isOurs);
  return contents;
}

function refusesPrefill(model: string): boolean {
  const version = /^gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1];
  return Number(version ?? 0) >= 3.5;
}

export function readContent(value: unknown, index: number): Content {
  const path = `contents[${index}]`;
  if (!isRecord(value)) throw new Invalid(`Invalid value at '${path}'`);
  refuseUnknown(value, new Set(['role', 'parts']), path);
  const role = value['role'] ?? 'user';
  if (role !== 'user' && role !== 'model') {
    throw new Invalid('Please use a valid role: user, model.');
  }
  const { parts } = value;
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new Invalid(`* GenerateContentRequest.${path}.parts: contents.parts must not be empty.`);
  }
  return { role, parts: parts.map((part, at) => readPart(part, `${path}.parts[${at}]`)) };
}

function readPart(value: unknown, path: string): Part {
  if (!isRecord(value)) throw new Invalid(`Invalid value at '${path}'`);
  refuseUnknown(value, PART_FIELDS, path);
  const kinds = DATA_FIELDS.filter((field) => value[field] !== undefined);
  const kind = kinds[0];
  if (kind === undefined || kinds.length > 1) {
    throw new Invalid(
      `* GenerateContentRequest.${path}.data: required oneof field 'data' must have one initialized field`,
    );
  }
  const data = value[kind];
  const { thought, thoughtSignature } = value;
  const rest = {
    ...(thought === true ? { thought } : {}),
    ...(typeof thoughtSignature === 'string' ? { thoughtSignature } : {}),
  };
  switch (kind) {
    case 'text':
      if (typeof data !== 'string') throw new Invalid(`Invalid value at '${path}.text'`);
      return { text: data, ...rest };
    case 'functionCall':
      return { functionCall: readCall(data, `${path}.function_call`), ...rest };
    case 'functionResponse':
      return { functionResponse: readResponse(data, `${path}.function_response`), ...rest };
  }
}

function readCall(value: unknown, path: string): FunctionCall {
  if (!isRecord(value)) throw new Invalid(`Invalid value at '${path}'`);
  refuseUnknown(value, new Set(['id', 'name', 'args']), path);
  const { args } = value;
  if (args !== undefined && !isRecord(args)) throw new Invalid(`Invalid value at '${path}.args'`);
  return { ...nameAndId(value, path), ...(args === undefined ? {} : { args }) };
}

function readResponse(value: unknown, path: string): FunctionResponse {
  if (!isRecord(value)) throw new Invalid(`Invalid value at '${path}'`);
  refuseUnknown(value, new Set(['id', 'name', 'response', 'willContinue', 'scheduling']), path);
  const { response } = value;
  if (!isRecord(response)) throw new Invalid(`Invalid value at '${path}.response' (Struct)`);
  return { ...nameAndId(value, path), response };
}

function nameAndId(value: Json, path: string): { name: string; id?: string } {
  const { name, id } = value;
  if (typeof name !== 'string' || name === '') {
    throw new Invalid(`* GenerateContentRequest.${path}.name: Name cannot be empty.`);
  }
  return typeof id === 'string' ? { name, id } : { name };
}

export function refuseUnknown(value: Json, known: ReadonlySet<string>, path: string): void {
  for (const field of Object.keys(value)) {
    if (known.has(field)) continue;
    const where = path === '' ? '' : ` at '${path}'`;
    throw new Invalid(
      `Invalid JSON payload received. Unknown name "${field}"${where}: Cannot find field.`,
    );
  }
}

/** A turn of calls follows the user or other answers, and the next turn answers all of them. */
function checkCalls(contents: readonly Content[]): void {
  for (const [index, content] of contents.entries()) {
    const calls = content.parts.filter((part) => part.functionCall !== undefined).length;
    const answers = content.parts.filter((part) => part.functionResponse !== undefined);
    const before = contents[index - 1];
    if (calls > 0 && (content.role !== 'model' || before?.role !== 'user')) {
      throw new Invalid(
        'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
      );
    }
    const called = before?.parts.filter((part) => part.functionCall !== undefined) ?? [];
    if (answers.length > 0 && called.length === 0) {
      throw new Invalid(
        'Please ensure that function response turn comes immediately after a function call turn.',
      );
    }
    if (answers.length !== called.length) {
      throw new Invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    }
  }
}

/** Only the current turn is checked: what follows the last user content that is not an answer. */
function checkSignatures(contents: readonly Content[], isOurs: SignatureCheck): void {
  const turnStart = contents.findLastIndex(
    (content) => content.role === 'user' && content.parts.some((part) => part.text !== undefined),
  );
  for (const [index, content] of contents.entries()) {
    if (content.role !== 'model') continue;
    for (const part of content.parts) {
      const { thoughtSignature: signature } = part;
      if (signature !== undefined && !DUMMY_SIGNATURES.has(signature) && !isOurs(signature)) {
        throw new Invalid('Corrupted thought signature.');
      }
    }
    const first = content.parts.find((part) => part.functionCall !== undefined);
    if (index > turnStart && first !== undefined && first.thoughtSignature === undefined) {
      throw new Invalid(
        `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${first.functionCall?.name}\` , position ${index + 1}.`,
      );
    }
  }
}
