/** What runs the server elsewhere, held against the code it runs. */
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig, VARIABLES } from '../../src/config.ts';
import { SECRET_VARIABLES } from '../../src/secret-files.ts';
import { inRepository, readRepositoryFile, repositoryFiles } from '../helpers/repository.ts';

/** What closing may take after the drain: CLOSE_RESERVE_MS in src/main.ts. */
const CLOSE_RESERVE_MS = Number(
  /CLOSE_RESERVE_MS = ([\d_]+)/.exec(readRepositoryFile('src/main.ts'))?.[1]?.replaceAll('_', ''),
);
const EXPOSED_PORT = Number(/^EXPOSE (\d+)$/m.exec(readRepositoryFile('Dockerfile'))?.[1]);
const PROBES = ['/health/live', '/health/ready'];

/** Names that the server reads, as a value or as a file. */
function expectKnown(names: readonly string[]): void {
  const files = SECRET_VARIABLES.map((name) => `${name}_FILE`);
  expect(names.filter((name) => ![...VARIABLES, ...files].includes(name))).toEqual([]);
  // Nothing secret stands in these files.
  expect(names.filter((name) => (SECRET_VARIABLES as readonly string[]).includes(name))).toEqual(
    [],
  );
}

/** Whether production would start with these variables, whatever the secrets' files hold. */
function problemsWith(env: Readonly<Record<string, string>>): string {
  const filled = Object.entries(env).map(([name, value]): [string, string] => {
    if (!name.endsWith('_FILE')) return [name, value];
    const secret = name.slice(0, -'_FILE'.length);
    return [secret, SECRETS[secret] ?? 'a-secret-of-some-length-more-than-any-needs'];
  });
  try {
    loadConfig({ ...Object.fromEntries(filled), NODE_ENV: 'production' });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const SECRETS: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://hearthline:x@postgres:5432/hearthline',
  REDIS_URL: 'redis://:x@redis:6379',
  ENCRYPTION_KEY: '0123456789abcdef00112233445566778899aabbccddeeff0f1e2d3c4b5a6978',
};

type Service = {
  environment?: Record<string, string>;
  secrets?: string[];
  volumes?: string[];
  networks?: string[];
  ports?: string[];
  hostname?: string;
  stop_grace_period?: string;
  depends_on?: Record<string, unknown>;
};
type Compose = {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
};

describe('docker-compose.yml', () => {
  const compose = parse(readRepositoryFile('docker-compose.yml'), { merge: true }) as Compose;
  const { services } = compose;
  const instances = [services['one'], services['two']] as Service[];

  test('has two instances, Redis, PostgreSQL and a balancer', () => {
    expect(Object.keys(services).sort()).toEqual(['balancer', 'one', 'postgres', 'redis', 'two']);
    const [one, two] = instances;
    expect(one?.environment).toEqual(two?.environment);
    // A spool belongs to one instance, and its lock to one host.
    expect(one?.volumes).not.toEqual(two?.volumes);
    expect(one?.hostname).not.toBe(two?.hostname);
  });

  test.each(['one', 'two'])(
    'instance %s has an environment that production starts with',
    (name) => {
      const env = services[name]?.environment ?? {};
      expectKnown(Object.keys(env));
      const given = {
        PUBLIC_HOST: 'calls.example.com',
        TWILIO_ACCOUNT_SID: 'AC1',
        TWILIO_PHONE_NUMBER: '+15005550006',
        ELEVENLABS_VOICE_ID: 'voice',
      };
      const resolved = Object.entries(env).map(([key, value]): [string, string] => [
        key,
        value.replace(
          /\$\{(\w+)[^}]*\}/g,
          (_, variable: string) => given[variable as keyof typeof given],
        ),
      ]);
      expect(problemsWith(Object.fromEntries(resolved))).toBe('');
      expect(env['PORT']).toBe(String(EXPOSED_PORT));
    },
  );

  test('every secret is a file that the repository cannot hold', () => {
    for (const { environment = {}, secrets = [] } of instances) {
      const files = Object.entries(environment).filter(([key]) => key.endsWith('_FILE'));
      expect(files.map(([, path]) => path)).toEqual(secrets.map((name) => `/run/secrets/${name}`));
      for (const [key, path] of files) {
        expect(path).toBe(`/run/secrets/${key.slice(0, -'_FILE'.length).toLowerCase()}`);
      }
    }
    const used = new Set(Object.values(services).flatMap(({ secrets = [] }) => secrets));
    expect(used).toEqual(new Set(Object.keys(compose.secrets)));
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(file).toBe(`./secrets/${name}`);
    }
    expect(readRepositoryFile('.gitignore').split('\n')).toContain('/secrets/');
  });

  test('stops after the drain is over, and keeps databases off the world', () => {
    for (const { environment = {}, stop_grace_period: grace = '' } of instances) {
      const drainMs = Number(environment['DRAIN_TIMEOUT_MS']);
      expect(parseInt(grace, 10) * 1_000).toBeGreaterThan(drainMs + CLOSE_RESERVE_MS);
    }
    expect(compose.networks['inside']?.internal).toBe(true);
    for (const name of ['postgres', 'redis']) {
      expect(services[name]?.networks).toEqual(['inside']);
      expect(services[name]?.ports).toBeUndefined();
    }
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes);
    for (const volume of mounted) {
      const [source = ''] = volume.split(':');
      const isThere = source.startsWith('./') ? inRepository(source) : source in compose.volumes;
      expect(isThere, volume).toBe(true);
    }
  });

  test('its balancer asks whether an instance takes calls, and keeps long streams', () => {
    const caddyfile = readRepositoryFile('ops/compose/Caddyfile');
    const upstreams = /reverse_proxy (.*) \{/.exec(caddyfile)?.[1]?.split(' ');
    expect(upstreams).toEqual(['one', 'two'].map((name) => `${name}:${EXPOSED_PORT}`));
    expect(caddyfile).toContain('health_uri /health/ready');
    expect(Number(/stream_timeout (\d+)m/.exec(caddyfile)?.[1])).toBeGreaterThan(15);
    expect(caddyfile).toMatch(
      /lb_retry_match \{\s+method GET POST\s+path \/voice\/\* \/messages\/\*/,
    );
    expect(caddyfile).not.toMatch(/lb_policy (cookie|ip_hash|header)/);
  });
});

const NGINX = 'nginx.ingress.kubernetes.io';

type Labels = Record<string, string>;
type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Labels };
  data?: Record<string, string>;
  spec?: Record<string, unknown>;
};
type Probe = { httpGet: { path: string; port: string | number }; periodSeconds: number };
type Container = {
  image: string;
  ports: { name: string; containerPort: number }[];
  env: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string } } }[];
  envFrom: { configMapRef: { name: string } }[];
  lifecycle: { preStop: { exec: { command: string[] } } };
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
  resources: { requests: Labels; limits: Labels };
  securityContext: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string }[];
};
type PodSpec = {
  terminationGracePeriodSeconds: number;
  serviceAccountName: string;
  securityContext: Record<string, unknown>;
  containers: Container[];
  volumes: { name: string; secret?: { secretName: string } }[];
};

describe('ops/kubernetes', () => {
  const files = repositoryFiles('ops/kubernetes/*.yaml');
  const manifests = files.flatMap((path) =>
    parseAllDocuments(readRepositoryFile(path)).map((document) => document.toJS() as Manifest),
  );
  const only = (kind: string): Manifest => {
    const found = manifests.filter((manifest) => manifest.kind === kind);
    expect(found, kind).toHaveLength(1);
    return found[0] as Manifest;
  };
  const workload = only('StatefulSet').spec as {
    replicas: number;
    selector: { matchLabels: Labels };
    template: { metadata: { labels: Labels }; spec: PodSpec };
    volumeClaimTemplates: { metadata: { name: string } }[];
  };
  const pod = workload.template.spec;
  const container = pod.containers[0] as Container;
  const config = only('ConfigMap').data ?? {};

  test('holds one object of each kind, and no secret', () => {
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'ConfigMap',
      'HorizontalPodAutoscaler',
      'Ingress',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'Service',
      'ServiceAccount',
      'StatefulSet',
    ]);
    expectKnown([...Object.keys(config), ...container.env.map(({ name }) => name)]);
  });

  test('gives the server an environment that production starts with', () => {
    const env = Object.fromEntries(
      container.env.map(({ name, value }): [string, string] => [name, value ?? 'AC1']),
    );
    expect(problemsWith({ ...config, ...env })).toBe('');
    expect(container.envFrom).toEqual([
      { configMapRef: { name: only('ConfigMap').metadata.name } },
    ]);
    const mounts = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount.name]));
    expect(mounts.has(config['DATA_DIR'] ?? '')).toBe(true);
    for (const { name, value } of container.env) {
      if (!name.endsWith('_FILE')) continue;
      const file = name.slice(0, -'_FILE'.length).toLowerCase();
      expect(value).toBe(`/run/secrets/hearthline/${file}`);
    }
    const secretVolume = pod.volumes.find(
      ({ name }) => name === mounts.get('/run/secrets/hearthline'),
    );
    expect(secretVolume?.secret?.secretName).toBe('hearthline');
    // Everything that the image writes to has a place, since the rest of it cannot be written to.
    const image = readRepositoryFile('Dockerfile');
    const cache = /NODE_COMPILE_CACHE=(\S+)/.exec(image)?.[1] ?? '';
    for (const path of [cache, '/tmp']) expect(mounts.has(path), path).toBe(true);
    const named = [
      ...pod.volumes.map(({ name }) => name),
      ...workload.volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ];
    expect([...new Set(mounts.values())].sort()).toEqual(named.sort());
  });

  test('asks for health where the server answers', () => {
    const ports = container.ports.map(({ containerPort }) => containerPort);
    expect(ports).toEqual([EXPOSED_PORT]);
    expect(config['PORT']).toBe(String(EXPOSED_PORT));
    const { startupProbe, readinessProbe, livenessProbe } = container;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(PROBES).toContain(probe.httpGet.path);
      expect(probe.httpGet.port).toBe('http');
    }
    expect(readinessProbe.httpGet.path).toBe('/health/ready');
    expect(livenessProbe.httpGet.path).toBe('/health/live');
    const health = readRepositoryFile('routes/health.ts');
    for (const path of PROBES) expect(health).toContain(`'${path.replace('/health', '')}'`);
  });

  test('lets it drain before it is killed', () => {
    const waitS = Number(container.lifecycle.preStop.exec.command.at(-1));
    const neededMs = waitS * 1_000 + Number(config['DRAIN_TIMEOUT_MS']) + CLOSE_RESERVE_MS;
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(neededMs);
    // Balancers have looked twice by then.
    expect(waitS).toBeGreaterThanOrEqual(2 * container.readinessProbe.periodSeconds);
    const budget = only('PodDisruptionBudget').spec as { maxUnavailable: number };
    expect(budget.maxUnavailable).toBe(1);
    expect(workload.replicas).toBeGreaterThan(2);
  });

  test('may do nothing but its work', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.requests).toMatchObject({ cpu: '1' });
    expect(container.resources.limits['memory']).toBeDefined();
    expect(pod.serviceAccountName).toBe(only('ServiceAccount').metadata.name);
  });

  test('scales by a figure that is served, at half of what a pod takes', () => {
    const spec = only('HorizontalPodAutoscaler').spec as {
      scaleTargetRef: { kind: string; name: string };
      minReplicas: number;
      metrics: { pods: { metric: { name: string }; target: { averageValue: string } } }[];
    };
    expect(spec.scaleTargetRef).toMatchObject({
      kind: 'StatefulSet',
      name: only('StatefulSet').metadata.name,
    });
    expect(spec.metrics).toHaveLength(1);
    const { metric, target } = spec.metrics[0]!.pods;
    expect(readRepositoryFile('src/metrics.ts')).toContain(`'${metric.name}'`);
    expect(Number(target.averageValue)).toBeLessThanOrEqual(Number(config['MAX_CALLS']) / 2);
    expect(spec.minReplicas).toBe(workload.replicas);
  });

  test('lets in from outside exactly what the carrier calls', () => {
    const ingress = only('Ingress');
    const { rules } = ingress.spec as {
      rules: { host: string; http: { paths: { path: string }[] } }[];
    };
    const [rule] = rules;
    expect(config['PUBLIC_URL']).toBe(`https://${rule?.host}`);
    const paths = rule?.http.paths.map(({ path }) => path) ?? [];
    expect(paths).toEqual(['/voice', '/messages', '/media-stream']);
    const timeouts = Object.entries(ingress.metadata.annotations ?? {}).filter(([name]) =>
      /proxy-(read|send)-timeout$/.test(name),
    );
    expect(timeouts).toHaveLength(2);
    const retried = ingress.metadata.annotations?.[`${NGINX}/proxy-next-upstream`];
    expect(retried).toBe('error non_idempotent');
    // A call may last a quarter of an hour: TIME_LIMIT_SECONDS in pipelines/calls.ts.
    for (const [, seconds] of timeouts) expect(Number(seconds)).toBeGreaterThan(15 * 60);
  });

  test('its selectors find the pods', () => {
    const { labels } = workload.template.metadata;
    expect(workload.selector.matchLabels).toEqual(labels);
    for (const manifest of manifests) {
      const { selector, podSelector } = (manifest.spec ?? {}) as {
        selector?: { matchLabels?: Labels } & Labels;
        podSelector?: { matchLabels: Labels };
      };
      const chosen = podSelector?.matchLabels ?? selector?.matchLabels ?? selector;
      if (chosen !== undefined) expect(chosen, manifest.kind).toEqual(labels);
    }
  });
});
