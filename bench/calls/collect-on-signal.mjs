// Loaded into the server of a soak, with --expose-gc: its heap is read when the garbage is gone. The
// second collection frees what the first one's finalisers let go of.
process.on('SIGUSR2', () => {
  globalThis.gc();
  setImmediate(() => globalThis.gc());
});
