# syntax=docker/dockerfile:1

# --- Packages, without what only development needs ------------------------------------------------
FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The Node that comes as a package is for machines with an older one; this image has its own.
RUN npm ci --omit=dev --ignore-scripts \
  && rm -rf node_modules/node-linux-* node_modules/.bin/node

# --- The server -----------------------------------------------------------------------------------
FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    PORT=8080 \
    DATA_DIR=/var/lib/hearthline \
    NODE_COMPILE_CACHE=/var/cache/hearthline \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
RUN mkdir -p /var/lib/hearthline /var/cache/hearthline \
  && chown node:node /var/lib/hearthline /var/cache/hearthline
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY websocket ./websocket
COPY routes ./routes
COPY adapters ./adapters
COPY pipelines ./pipelines
# For operators, by hand: the schema, dead jobs, failed webhooks, held alerts.
COPY scripts/migrate.ts ./scripts/migrate.ts
COPY scripts/jobs.ts ./scripts/jobs.ts
COPY scripts/webhooks.ts ./scripts/webhooks.ts
COPY scripts/alerts.ts ./scripts/alerts.ts
COPY scripts/operator-command.ts ./scripts/operator-command.ts
COPY scripts/operator-database.ts ./scripts/operator-database.ts
# The emulators stay out: in production nothing may answer in a vendor's place.

USER node
EXPOSE 8080
VOLUME ["/var/lib/hearthline"]

# Liveness only: a server that drains is still alive.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`, { signal: AbortSignal.timeout(2500) }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# The server drains on SIGTERM for DRAIN_TIMEOUT_MS; give `docker stop` more than that (-t 40).
STOPSIGNAL SIGTERM
# Garbage is collected before it is many times what is alive, and glibc gives back what is free: a
# third of the memory of a call (docs/performance.md). No path of a module has links in it; looking for
# them takes a tenth of a second.
CMD ["node", "--max-semi-space-size=16", "--max-old-space-size=512", "--v8-pool-size=1", "--no-parallel-scavenge", "--heap-growing-percent=40", "--preserve-symlinks", "--preserve-symlinks-main", "src/main.ts"]
