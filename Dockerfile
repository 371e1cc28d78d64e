# syntax=docker/dockerfile:1
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production
# makes `recordings.format: opus` and `mp3`
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/calltrack
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# `docker exec … calltrack …`, with the configuration where the commands look for it
RUN chmod +x dist/cli/calltrack.js && ln -s /opt/calltrack/dist/cli/calltrack.js /usr/local/bin/calltrack && ln -s /etc/calltrack config
# Uid 1000, as FreeSWITCH has in the compose stack: both write to the spool.
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
# Asks where `http` of the configuration says.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["node", "dist/healthcheck.js", "/etc/calltrack/gateway.yaml"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["--config", "/etc/calltrack/gateway.yaml"]
