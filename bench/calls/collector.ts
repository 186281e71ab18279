/** A process of its own: the receiver of spans, which decodes and counts them. */
import { startOtlpEmulator } from '../../emulators/otlp/server.ts';
import { obey, tell, watchLoopLag } from './helper.ts';

const lag = watchLoopLag();
const receiver = await startOtlpEmulator();
receiver.log.keeps = false;
let spans = 0;
receiver.log.watch((entry) => {
  if (entry.what === 'span') spans += 1;
});

obey({
  begin: () => {
    spans = 0;
    lag.reset();
  },
  report: () => tell({ report: 'collector', spans, loopLag: lag.all() }),
});
tell({ notice: 'ready', environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } });
