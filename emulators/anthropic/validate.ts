import { Invalid, isRecord, readCacheControl } from './invalid.ts';
import type { Block, MessagesRequest, ToolDefinition } from './types.ts';
import { checkMessages, readBlocks } from './validate-messages.ts';

/**
 * Reads the body of `POST /v1/messages` as strictly as the vendor: unknown fields, sampling
 * parameters, assistant prefill, broken tool pairing and empty texts are refused in its own words.
 */
export type Verdict =
  | { readonly ok: true; readonly request: MessagesRequest }
  | { readonly ok: false; readonly status: 400 | 404; readonly message: string };

const KNOWN_FIELDS = new Set([
  'model',
  'max_tokens',
  'messages',
  'system',
  'stream',
  'tools',
  'tool_choice',
  'stop_sequences',
  'thinking',
  'metadata',
  'cache_control',
  'container',
  'diagnostics',
  'inference_geo',
  'output_config',
  'service_tier',
  'speed',
]);
const MAX_OUTPUT_TOKENS = 128_000;
const MAX_CACHE_BREAKPOINTS = 4;
const MODEL_NAME = /^claude-(haiku|sonnet|opus|fable|mythos)-\d[\w.-]*$/;
/** Families that refuse prefill and thinking budgets: every model of generation 5. */
const GENERATION_5 = /^claude-[a-z]+-5/;

export function validateRequest(body: unknown): Verdict {
  try {
    return { ok: true, request: read(body) };
  } catch (error) {
    if (error instanceof Invalid) {
      return { ok: false, status: error.status, message: error.message };
    }
    throw error;
  }
}

function read(body: unknown): MessagesRequest {
  if (!isRecord(body)) throw new Invalid('The request body is not valid JSON');
  const model = body['model'];
  if (typeof model !== 'string') throw new Invalid('model: Field required');
  if (!MODEL_NAME.test(model)) throw new Invalid(`model: ${model}`, 404);
  for (const field of Object.keys(body)) {
    if (!KNOWN_FIELDS.has(field)) throw new Invalid(`${field}: Extra inputs are not permitted`);
  }
  const maxTokens = readMaxTokens(body['max_tokens'], model);
  const system = readBlocks(body['system'] ?? [], 'system', new Set(['text']));
  const messages = checkMessages(body['messages'], GENERATION_5.test(model));
  const tools = readTools(body['tools']);
  const usesTools = messages.some((m) =>
    m.content.some((b) => b.type === 'tool_use' || b.type === 'tool_result'),
  );
  if (usesTools && tools.length === 0) {
    throw new Invalid(
      'Requests which include `tool_use` or `tool_result` blocks must define tools',
    );
  }
  const outputConfig = body['output_config'];
  const request: MessagesRequest = {
    model,
    maxTokens,
    stream: readBoolean(body['stream'], 'stream') ?? false,
    system,
    messages,
    tools,
    toolChoice: readToolChoice(body['tool_choice'], tools),
    stopSequences: readStopSequences(body['stop_sequences']),
    thinking: readThinking(body['thinking'], outputConfig, model, maxTokens),
    cacheControl: readCacheControl(body['cache_control'], 'cache_control'),
    wantsJson: isRecord(outputConfig) && isRecord(outputConfig['format']),
  };
  checkBreakpoints(request);
  return request;
}

function readMaxTokens(value: unknown, model: string): number {
  if (value === undefined) throw new Invalid('max_tokens: Field required');
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new Invalid('max_tokens: Input should be a valid integer');
  }
  if (value < 0) throw new Invalid('max_tokens: must be greater than or equal to 0');
  if (value > MAX_OUTPUT_TOKENS) {
    throw new Invalid(
      `max_tokens: ${value} > ${MAX_OUTPUT_TOKENS}, which is the maximum allowed number of output tokens for ${model}`,
    );
  }
  return value;
}

function readTools(value: unknown): ToolDefinition[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Invalid('tools: Input should be a valid list');
  const names = new Set<string>();
  return value.map((tool: unknown, index): ToolDefinition => {
    if (!isRecord(tool)) throw new Invalid(`tools.${index}: Input should be an object`);
    const name = tool['name'];
    if (typeof name !== 'string') throw new Invalid(`tools.${index}.custom.name: Field required`);
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name)) {
      throw new Invalid(
        `tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`,
      );
    }
    if (names.has(name)) throw new Invalid('tools: Tool names must be unique.');
    names.add(name);
    const serverTool = typeof tool['type'] === 'string' && tool['type'] !== 'custom';
    const schema = tool['input_schema'];
    if (!serverTool) {
      if (!isRecord(schema)) {
        throw new Invalid(`tools.${index}.custom.input_schema: Field required`);
      }
      if (schema['type'] !== 'object') {
        throw new Invalid(`tools.${index}.custom.input_schema.type: Input should be 'object'`);
      }
    }
    readCacheControl(tool['cache_control'], `tools.${index}.cache_control`);
    return tool as ToolDefinition;
  });
}

function readToolChoice(
  value: unknown,
  tools: readonly ToolDefinition[],
): MessagesRequest['toolChoice'] {
  if (value === undefined) return undefined;
  const type = isRecord(value) ? value['type'] : undefined;
  if (type !== 'auto' && type !== 'any' && type !== 'tool' && type !== 'none') {
    throw new Invalid(
      "tool_choice: Input tag found does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
    );
  }
  if (tools.length === 0) {
    throw new Invalid('tool_choice: may only be specified while providing tools');
  }
  if (type !== 'tool') return { type };
  const name = isRecord(value) ? value['name'] : undefined;
  if (typeof name !== 'string' || !tools.some((tool) => tool.name === name)) {
    throw new Invalid(`Tool '${String(name)}' not found in provided tools`);
  }
  return { type, name };
}

function readStopSequences(value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Invalid('stop_sequences: Input should be a valid list');
  return value.map((sequence: unknown) => {
    if (typeof sequence !== 'string' || sequence.trim() === '') {
      throw new Invalid('stop_sequences: each stop sequence must contain non-whitespace');
    }
    return sequence;
  });
}

function readThinking(
  value: unknown,
  outputConfig: unknown,
  model: string,
  maxTokens: number,
): MessagesRequest['thinking'] {
  const effort = isRecord(outputConfig) ? outputConfig['effort'] : undefined;
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw new Invalid('thinking: Input should be an object');
  const type = value['type'];
  if (type === 'enabled') {
    if (GENERATION_5.test(model)) {
      throw new Invalid(
        'thinking.enabled.budget_tokens: thinking budgets are not supported on this model; use thinking.type "adaptive"',
      );
    }
    const budget = value['budget_tokens'];
    if (typeof budget !== 'number' || budget < 1024) {
      throw new Invalid(
        'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
      );
    }
    if (budget >= maxTokens) {
      throw new Invalid('`max_tokens` must be greater than `thinking.budget_tokens`');
    }
  } else if (type !== 'disabled' && type !== 'adaptive' && type !== 'between_tools') {
    throw new Invalid(
      "thinking: Input tag found does not match any of the expected tags: 'adaptive', 'between_tools', 'disabled', 'enabled'",
    );
  } else if ('budget_tokens' in value) {
    throw new Invalid(`thinking.${type}.budget_tokens: Extra inputs are not permitted`);
  }
  if (type === 'disabled' && (effort === 'xhigh' || effort === 'max')) {
    throw new Invalid(`thinking: cannot be disabled at effort "${effort}"`);
  }
  const display = value['display'];
  return display === 'omitted' || display === 'summarized' ? { type, display } : { type };
}

function checkBreakpoints(request: MessagesRequest): void {
  const marked: (Block | ToolDefinition)[] = [
    ...request.tools,
    ...request.system,
    ...request.messages.flatMap((message) => message.content),
  ].filter((part) => part.cache_control);
  const count = marked.length + (request.cacheControl ? 1 : 0);
  if (count > MAX_CACHE_BREAKPOINTS) {
    throw new Invalid(
      `A maximum of ${MAX_CACHE_BREAKPOINTS} blocks with cache_control may be provided. Found ${count}.`,
    );
  }
  let shortSeen = false;
  for (const part of marked) {
    const long = part.cache_control?.ttl === '1h';
    if (long && shortSeen) {
      throw new Invalid(
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
      );
    }
    if (!long) shortSeen = true;
  }
}

function readBoolean(value: unknown, path: string): boolean | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'boolean') throw new Invalid(`${path}: Input should be a valid boolean`);
  return value;
}
