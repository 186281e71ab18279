/**
 * The worker thread that turns text into telephone sound. One request at a time; synthesis, WAV,
 * resampling and word spans all happen here, so that the caller's event loop never stalls.
 */
import { spawnSync } from 'node:child_process';
import { parentPort } from 'node:worker_threads';
import { shapeSpeech } from './shape.ts';
import { MAX_SYNTH_MS, type SynthReply, type SynthRequest } from './synth-types.ts';

type EspeakModule = {
  FS: { readFile(path: string): Uint8Array; writeFile(path: string, text: string): void };
};
type EspeakFactory = (options: {
  arguments: string[];
  preRun: ((module: EspeakModule) => void)[];
  print: (line: string) => void;
  printErr: (line: string) => void;
}) => Promise<EspeakModule>;

function settings(request: SynthRequest): string[] {
  const { name, wordsPerMinute, pitch } = request.voice;
  return ['-b', '1', '-v', name, '-s', String(wordsPerMinute), '-p', String(pitch)];
}

function withBinary(binary: string, request: SynthRequest): Uint8Array {
  const run = spawnSync(binary, [...settings(request), '--stdin', '--stdout'], {
    input: request.text,
    maxBuffer: 64 * 1024 * 1024,
    timeout: MAX_SYNTH_MS,
  });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`espeak-ng exited ${run.status}: ${run.stderr.toString()}`);
  return run.stdout;
}

async function withWasm(moduleUrl: string, request: SynthRequest): Promise<Uint8Array> {
  const { default: create } = (await import(moduleUrl)) as { default: EspeakFactory };
  const complaints: string[] = [];
  const module = await create({
    arguments: [...settings(request), '-f', 'in.txt', '-w', 'out.wav'],
    preRun: [(instance) => instance.FS.writeFile('in.txt', request.text)],
    print: () => undefined,
    printErr: (line) => complaints.push(line),
  });
  try {
    return module.FS.readFile('out.wav');
  } catch {
    throw new Error(`espeak-ng wrote no sound: ${complaints.join(' ').slice(0, 300)}`);
  }
}

async function answer(request: SynthRequest): Promise<SynthReply> {
  try {
    const wav =
      request.engine.kind === 'binary'
        ? withBinary(request.engine.path, request)
        : await withWasm(request.engine.moduleUrl, request);
    return { ok: true, ...shapeSpeech(wav, request.text) };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (request: SynthRequest) => {
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});
