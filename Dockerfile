# One image for the three services, the migration and the command line: they share every dependency, so separate images
# would only differ in their last line. docker-compose.yaml says which of them a container runs.
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Dependencies first: this layer stays as long as the lock file does. No package here needs its install script.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json prisma.config.ts openapi.json ./
COPY prisma prisma
COPY tools tools
COPY libs libs
COPY apps apps
# What only development needs goes, and so does what is merely optional.
RUN npm run build && npm prune --omit=dev --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# Jobs are commands that may leave orphans behind. An init as process 1 reaps them and passes signals on to the service.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production NODE_OPTIONS="--enable-source-maps --max-semi-space-size=64"
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY prisma prisma
COPY proto proto
# So that `docker compose exec store-service triumvir list` works.
RUN chmod +x dist/apps/cli/src/main.js && ln -s /app/dist/apps/cli/src/main.js /usr/local/bin/triumvir
# Everything above belongs to root: neither a service nor a job can change the code that runs.
USER node
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/apps/store-service/src/main.js"]
