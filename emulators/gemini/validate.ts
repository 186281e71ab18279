import { Invalid, isRecord, type Json } from '../anthropic/invalid.ts';
import type { Block, MessagesRequest, RequestMessage } from '../anthropic/types.ts';
import type { Content, GenerateRequest, Part } from './types.ts';
import {
  readContent,
  readContents,
  refuseUnknown,
  type SignatureCheck,
} from './validate-contents.ts';

export type Verdict =
  | { readonly ok: true; readonly request: GenerateRequest }
  | { readonly ok: false; readonly status: 400 | 404; readonly message: string };

const KNOWN_FIELDS = new Set([
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'safetySettings',
  'generationConfig',
  'cachedContent',
  'labels',
  'serviceTier',
]);
const CONFIG_FIELDS = new Set([
  'temperature',
  'topP',
  'topK',
  'candidateCount',
  'maxOutputTokens',
  'stopSequences',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'thinkingConfig',
]);
const FUNCTION_FIELDS = new Set([
  'name',
  'description',
  'parameters',
  'parametersJsonSchema',
  'response',
  'responseJsonSchema',
  'behavior',
]);
const LEVELS = new Set(['MINIMAL', 'LOW', 'MEDIUM', 'HIGH']);
const MAX_OUTPUT_TOKENS = 65_536;

/** Reads the body of `:streamGenerateContent` as strictly as the vendor. */
export function validateRequest(
  model: string,
  apiVersion: string,
  body: unknown,
  isOurs: SignatureCheck,
): Verdict {
  try {
    return { ok: true, request: read(model, apiVersion, body, isOurs) };
  } catch (error) {
    if (error instanceof Invalid) {
      return { ok: false, status: error.status, message: error.message };
    }
    throw error;
  }
}

function read(
  model: string,
  apiVersion: string,
  body: unknown,
  isOurs: SignatureCheck,
): GenerateRequest {
  if (!/^gemini-\d/.test(model)) {
    throw new Invalid(
      `models/${model} is not found for API version ${apiVersion}, or is not supported for generateContent.`,
      404,
    );
  }
  if (!isRecord(body))
    throw new Invalid('Invalid JSON payload received. Unexpected end of string.');
  refuseUnknown(body, KNOWN_FIELDS, '');
  const contents = readContents(body['contents'], model, isOurs);
  const system = body['systemInstruction'];
  const systemText = system === undefined ? '' : textOf(readContent(system, 0));
  const functions = readTools(body['tools']);
  const generationConfig = readConfig(body['generationConfig'], model);
  const thinking = readThinking(generationConfig['thinkingConfig'], model);
  return {
    model,
    contents,
    systemText,
    functions,
    generationConfig,
    ...thinking,
    conversation: asConversation({
      model,
      contents,
      systemText,
      functions,
      generationConfig,
      ...thinking,
    }),
  };
}

function textOf(content: Content): string {
  return content.parts.map((part) => part.text ?? '').join('\n');
}

function readTools(value: unknown): Json[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Invalid("Invalid value at 'tools'");
  const names = new Set<string>();
  return value.flatMap((tool: unknown, index) => {
    if (!isRecord(tool)) throw new Invalid(`Invalid value at 'tools[${index}]'`);
    refuseUnknown(tool, new Set(['functionDeclarations']), `tools[${index}]`);
    const declared = tool['functionDeclarations'];
    if (!Array.isArray(declared)) return [];
    return declared.map((one: unknown, at): Json => {
      const path = `tools[${index}].function_declarations[${at}]`;
      if (!isRecord(one)) throw new Invalid(`Invalid value at '${path}'`);
      refuseUnknown(one, FUNCTION_FIELDS, path);
      const { name } = one;
      if (typeof name !== 'string' || !/^[a-zA-Z_][\w.:-]{0,127}$/.test(name)) {
        throw new Invalid(
          `* GenerateContentRequest.${path}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.`,
        );
      }
      if (names.has(name)) throw new Invalid(`Duplicate function declaration found: ${name}`);
      names.add(name);
      return one;
    });
  });
}

function readConfig(value: unknown, model: string): Json {
  if (value === undefined) return {};
  if (!isRecord(value)) throw new Invalid("Invalid value at 'generation_config'");
  refuseUnknown(value, CONFIG_FIELDS, 'generation_config');
  const max = value['maxOutputTokens'];
  if (max !== undefined && (typeof max !== 'number' || max < 1 || max > MAX_OUTPUT_TOKENS)) {
    throw new Invalid(
      `Unable to submit request because it has a maxOutputTokens value of ${JSON.stringify(max)} but the supported range is from 1 (inclusive) to ${MAX_OUTPUT_TOKENS + 1} (exclusive).`,
    );
  }
  if (value['presencePenalty'] !== undefined || value['frequencyPenalty'] !== undefined) {
    throw new Invalid(`Penalty is not enabled for models/${model}`);
  }
  return value;
}

/** Generation 3 thinks by level (3.5 Flash-Lite not unless asked), generation 2.5 by budget. */
function readThinking(
  value: unknown,
  model: string,
): Pick<GenerateRequest, 'thinks' | 'sendsThoughts'> {
  const config = isRecord(value) ? value : {};
  refuseUnknown(
    config,
    new Set(['includeThoughts', 'thinkingBudget', 'thinkingLevel']),
    'generation_config.thinking_config',
  );
  const { thinkingLevel: level, thinkingBudget: budget } = config;
  if (level !== undefined && budget !== undefined) {
    throw new Invalid('You can only set only one of thinking budget and thinking level.');
  }
  if (level !== undefined && (typeof level !== 'string' || !LEVELS.has(level))) {
    throw new Invalid(
      `Invalid value at 'generation_config.thinking_config.thinking_level' (type.googleapis.com/google.ai.generativelanguage.v1.ThinkingConfig.ThinkingLevel), "${String(level)}"`,
    );
  }
  if (level !== undefined && /^gemini-[12]/.test(model)) {
    throw new Invalid('Thinking level is not supported for this model.');
  }
  const byDefault = !model.includes('flash-lite');
  const thinks =
    level !== undefined ? level !== 'MINIMAL' : budget !== undefined ? budget !== 0 : byDefault;
  return { thinks, sendsThoughts: thinks && config['includeThoughts'] === true };
}

function asConversation(request: Omit<GenerateRequest, 'conversation'>): MessagesRequest {
  const config = request.generationConfig;
  const max = config['maxOutputTokens'];
  const stops = config['stopSequences'];
  return {
    model: request.model,
    maxTokens: typeof max === 'number' ? max : MAX_OUTPUT_TOKENS,
    stream: true,
    system: request.systemText === '' ? [] : [{ type: 'text', text: request.systemText }],
    messages: request.contents.map(asMessage),
    tools: request.functions.map((one) => ({
      name: String(one['name']),
      input_schema: one['parametersJsonSchema'] ?? one['parameters'],
    })),
    toolChoice: undefined,
    stopSequences: Array.isArray(stops) ? stops.filter((s) => typeof s === 'string') : [],
    thinking: { type: request.thinks ? 'enabled' : 'disabled' },
    // The vendor caches by itself what requests have in common.
    cacheControl: { type: 'ephemeral' },
    wantsJson: config['responseMimeType'] === 'application/json',
  };
}

function asMessage(content: Content, index: number): RequestMessage {
  return {
    role: content.role === 'model' ? 'assistant' : 'user',
    content: content.parts.map((part, at) => asBlock(part, `${index}-${at}`)),
  };
}

function asBlock(part: Part, place: string): Block {
  const { functionCall: call, functionResponse: response } = part;
  if (call !== undefined) {
    return { type: 'tool_use', id: call.id ?? place, name: call.name, input: call.args ?? {} };
  }
  if (response !== undefined) {
    const output = response.response['output'] ?? response.response['error'];
    const content = typeof output === 'string' ? output : JSON.stringify(response.response);
    return { type: 'tool_result', tool_use_id: response.id ?? place, content };
  }
  return { type: 'text', text: part.text ?? '' };
}
