/** The encryption key of a server without `ENCRYPTION_KEY`: a file in DATA_DIR, made at first start. */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type KeyFile = {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly path: string;
  /** True: it was made just now, and whoever operates this should hear where it lies. */
  readonly created: boolean;
};

const NAME = 'encryption.key';
const PATTERN = /^[0-9a-f]{64}$/;

/**
 * Reads `DATA_DIR/encryption.key`, or makes it: 64 hex digits, readable by the owner only. Whoever
 * loses the file loses the texts, and whoever copies DATA_DIR has both; production sets the variable.
 * @throws Error where the file is there and is not a key, or cannot be read or written.
 */
export async function readOrCreateKeyFile(dataDir: string): Promise<KeyFile> {
  const path = join(dataDir, NAME);
  const existing = await readKey(path);
  if (existing !== undefined) return { key: existing, path, created: false };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const created = await createKey(dataDir, path);
  const key = await readKey(path);
  if (key === undefined) throw new Error(`${path} vanished while it was made`);
  return { key, path, created };
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if (!PATTERN.test(text)) throw new Error(`${path} does not hold a key (64 hex digits)`);
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Written whole beside its place and linked there: of two makers one wins. False: the other did. */
async function createKey(dataDir: string, path: string): Promise<boolean> {
  const draft = join(dataDir, `.${NAME}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(32).toString('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
