#!/bin/sh
# Makes the passwords of docker-compose.yml, each in a file of its own; keeps those that exist, because the databases
# know them. The folder is closed. The files inside are not: the engine mounts them as they are, and PostgreSQL's user
# in the container has another number than you.
set -eu

dir=$(dirname "$0")/secrets
mkdir -p "$dir"
chmod 0700 "$dir"
for name in superuser-password replication-password monitor-password rewind-password peer-token; do
  file=$dir/$name.txt
  [ -s "$file" ] && continue
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
  chmod 0444 "$file"
done
