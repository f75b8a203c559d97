# Two images: `etcd` for trying pgbaton out, and pgbaton itself (agent, proxy and command line beside PostgreSQL).
# Works with BuildKit and with the classic builder, which builds every stage above the wanted one: etcd comes first.
# If debian:trixie-slim cannot be pulled, scripts/base-image.sh makes it.

FROM debian:trixie-slim AS etcd
RUN apt-get update \
 && apt-get install -y --no-install-recommends etcd-server etcd-client \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o nobody -g nogroup -m 0700 /var/lib/etcd-data
USER nobody
VOLUME /var/lib/etcd-data
EXPOSE 2379 2380
ENTRYPOINT ["etcd"]


FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The packages change seldom, the sources often. Install scripts stay off: what has them here only builds native extras nobody uses.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs && npm prune --omit=dev --ignore-scripts --no-audit --no-fund


FROM debian:trixie-slim
ARG PG_MAJOR=17
# The numbers are fixed, because data volumes keep them when the image is replaced. Installing the server must not make a cluster.
RUN groupadd --system --gid 999 postgres \
 && useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres \
 && install -d /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && apt-get install -y --no-install-recommends nodejs "postgresql-${PG_MAJOR}" tini \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres -m 0700 /var/lib/pgbaton /run/pgbaton \
 && printf '#!/bin/sh\nexec node /opt/pgbaton/dist/cli/main.js "$@"\n' > /usr/local/bin/pgbaton \
 && chmod 0755 /usr/local/bin/pgbaton
# Questions for the name of a container that is gone may occupy a thread for seconds each; file calls wait for the same threads.
ENV PATH=/usr/lib/postgresql/${PG_MAJOR}/bin:$PATH LANG=C.UTF-8 NODE_ENV=production UV_THREADPOOL_SIZE=16
WORKDIR /opt/pgbaton
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
USER postgres
VOLUME /var/lib/pgbaton
# tini reaps the orphans that PostgreSQL and its tools leave behind: nobody else does as process 1.
ENTRYPOINT ["tini", "--", "node", "dist/cli/main.js"]
CMD ["--help"]
