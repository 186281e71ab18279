/** Protocol buffers, as far as reading them needs: messages by a table of their fields. */

/** How one field is read. `message` names another table; `map` and `oneof` do not occur on this wire. */
export type Field = {
  readonly name: string;
  readonly type:
    'string' | 'hex' | 'bool' | 'int64' | 'uint32' | 'double' | 'fixed64' | 'sfixed64' | 'message';
  readonly repeated?: true;
  readonly of?: string;
};

/** Tables by message name, fields by number. */
export type Schema = Readonly<Record<string, Readonly<Record<number, Field>>>>;

export type Message = Record<string, unknown>;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const MAX_DEPTH = 32;

/** Decodes one message. Throws Error for bytes that are no such message; unknown fields are skipped. */
export function decodeMessage(bytes: Buffer, schema: Schema, type: string, depth = 0): Message {
  if (depth > MAX_DEPTH) throw new Error('nested too deeply');
  const table = schema[type];
  if (!table) throw new Error(`no table for ${type}`);
  const reader = new Reader(bytes);
  const message: Message = {};
  while (!reader.atEnd) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = table[tag >>> 3];
    const raw = reader.raw(wire);
    if (!field) continue;
    const isPacked = wire === LENGTH && field.repeated === true && isNumeric(field);
    const values = isPacked ? unpacked(raw as Buffer, field) : [valueOf(raw, field, schema, depth)];
    if (field.repeated === true) {
      message[field.name] = [...((message[field.name] as unknown[] | undefined) ?? []), ...values];
    } else message[field.name] = values[0];
  }
  return message;
}

function isNumeric({ type }: Field): boolean {
  return type === 'double' || type === 'fixed64' || type === 'int64' || type === 'uint32';
}

function unpacked(bytes: Buffer, field: Field): unknown[] {
  const reader = new Reader(bytes);
  const wire = field.type === 'double' || field.type === 'fixed64' ? FIXED64 : VARINT;
  const values: unknown[] = [];
  while (!reader.atEnd) values.push(valueOf(reader.raw(wire), field, {}, 0));
  return values;
}

function valueOf(raw: Buffer | bigint, field: Field, schema: Schema, depth: number): unknown {
  const bytes = (): Buffer => {
    if (typeof raw === 'bigint') throw new Error(`${field.name} is no byte string`);
    return raw;
  };
  switch (field.type) {
    case 'string':
      return bytes().toString('utf8');
    case 'hex':
      return bytes().toString('hex');
    case 'message':
      return decodeMessage(bytes(), schema, field.of ?? '', depth + 1);
    case 'double':
      return bytes().readDoubleLE(0);
    case 'fixed64':
      return bytes().readBigUInt64LE(0).toString();
    case 'sfixed64':
      return bytes().readBigInt64LE(0).toString();
    case 'bool':
      return raw !== 0n;
    case 'int64':
      return BigInt.asIntN(64, raw as bigint).toString();
    case 'uint32':
      return Number(raw);
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Error('cut in a number');
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number without end');
  }

  /** A number, or the bytes of anything else. */
  raw(wire: number): Buffer | bigint {
    if (wire === VARINT) return this.varint();
    if (wire === FIXED64) return this.#take(8);
    if (wire === FIXED32) return this.#take(4);
    if (wire === LENGTH) return this.#take(Number(this.varint()));
    throw new Error(`unknown wire type ${wire}`);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('cut in a field');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
