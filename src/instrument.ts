/**
 * Tracing, begun before anything else is loaded: `node --import ./src/instrument.ts src/main.ts`.
 * `src/main.ts` does the same by itself, so it is not needed there; the switch is for programs that
 * start the server in another way.
 */
import { resolveSecretFiles } from './secret-files.ts';
import { loadTelemetry } from './telemetry.ts';

await loadTelemetry(resolveSecretFiles(process.env));
