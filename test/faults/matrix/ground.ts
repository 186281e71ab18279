/** What the groups of one process stand on: names, certificates, the caller's lines. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { callerLines } from './caller.ts';
import { makeCertificate } from '../../helpers/certificate.ts';
import { installNames } from './names.ts';
import type { Ground } from './world.ts';

/** To be called once in a process, before anything connects. */
export async function prepareGround(): Promise<Ground> {
  const names = installNames();
  const everyName = [`*${names.suffix}`];
  const tls = { trusted: makeCertificate(everyName), strange: makeCertificate(everyName) };
  setDefaultCACertificates([...getCACertificates('default'), tls.trusted.cert]);
  await callerLines();
  return { names, tls };
}
