// Runs before every npm script, on whatever Node there is, so it is plain old JavaScript.
// npm puts node_modules/.bin first on the PATH. On Linux with glibc, x64 or arm64, the Node 24 that
// `npm ci` installed from the lock file is found there; elsewhere a Node 24 has to be on the PATH.
const needed = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major < needed) {
  const lines = [
    `Hearthline runs on Node ${needed}; this is Node ${process.versions.node} on ${process.platform} ${process.arch}.`,
  ];
  if (process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')) {
    lines.push(
      'Run `npm ci` first: it installs Node 24 into node_modules, beside the packages.',
      '(Not with `--omit=optional`, and not on musl systems such as Alpine.)',
    );
  } else {
    lines.push(
      `The Node ${needed} that comes with the packages is for Linux (x64, arm64) only.`,
      `Install Node ${needed} yourself: https://nodejs.org/en/download`,
    );
  }
  process.stderr.write(lines.join('\n') + '\n');
  process.exit(1);
}
