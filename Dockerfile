# sotto with a tor of its own. All that is kept lies in /data: put a volume there, and a sotto.toml if need be.
#
#   docker build -t sotto .
#   docker run -d --name sotto --read-only --cap-drop=all --security-opt=no-new-privileges -v sotto:/data sotto
#                                                     or config/compose.yaml, which does the same
#   docker logs sotto                                 shows the onion address
#   docker exec -it sotto sotto account add romeo
#
# Where npm needs settings or a certificate authority to reach its registry, give the build the secrets `npmrc`
# (registry, proxies, cafile=/run/secrets/ca) and `ca`; they do not stay in the image.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# The compiler and the packages are a layer of their own, which a change of our sources leaves alone.
COPY .npmrc package.json package-lock.json ./
COPY src/install.mjs src/
COPY src/install src/install
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca node src/install.mjs packages
COPY tsconfig.json ./
COPY src src
RUN node src/install.mjs build \
 && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --offline \
 && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/build/Release/obj*

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="sotto" \
      org.opencontainers.image.description="An XMPP server behind its own Tor onion service, where only OTR passes" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tini tor \
 && rm -rf /var/lib/apt/lists/* /var/lib/tor /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin sotto \
 && install -d -o sotto -g sotto -m 0700 /data \
 && ln -s /app/dist/src/main.js /usr/local/bin/sotto
COPY LICENSE package.json /app/
COPY config /app/config
COPY torrc.d /app/torrc.d
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build --chmod=755 /app/dist/src /app/dist/src
ENV NODE_ENV=production
USER sotto
WORKDIR /data
VOLUME /data
# The server answers on its control socket; while it runs, nothing else can.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD sotto status >/dev/null
# tini forwards signals and buries what a process of ours leaves behind.
ENTRYPOINT ["tini", "--", "sotto"]
