/**
 * Chance in tests comes from one seed, `FUZZ_SEED`, which vitest.config.ts sets: a run that fails
 * fails again. Runs before every test file.
 */
import fc from 'fast-check';

const seed = Number(process.env['FUZZ_SEED']);

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed,
  reporter: (details) => {
    const message = fc.defaultReportMessage(details);
    if (message === undefined) return;
    const again = `FAILED WITH FUZZ_SEED=${seed}: set it in the environment to see the same again.`;
    throw new Error(`${again}\n${message}`, { cause: details.errorInstance });
  },
});
