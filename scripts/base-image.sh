#!/bin/sh
# Makes sure that the image the Dockerfile builds on exists: what the engine has, else a pull, else (no registry can be
# reached) the same Debian put together by debootstrap. Does nothing else and leaves nothing behind.
set -eu

image=debian:trixie-slim
release=${image#debian:}
release=${release%-slim}

if docker image inspect "$image" >/dev/null 2>&1; then
  exit 0
fi
if timeout 120 docker pull -q "$image" >/dev/null 2>&1; then
  echo "pulled $image" >&2
  exit 0
fi
if ! command -v debootstrap >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "$image cannot be pulled. Building it here needs root and the package debootstrap." >&2
  exit 1
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/pgbaton-base.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT INT TERM
root=$work/root
echo "$image cannot be pulled: building it with debootstrap" >&2
debootstrap --variant=minbase --include=ca-certificates "$release" "$root" >"$work/log" 2>&1 || {
  tail -20 "$work/log" >&2
  exit 1
}

# As in the published image: security updates, no documentation, no syncing of a file system that is thrown away.
mirror=$(sed -n 's/^deb \(\S*\) .*/\1/p;q' "$root/etc/apt/sources.list")
printf 'deb %s %s main\n' "$mirror" "$release" "$mirror" "$release-updates" "$mirror-security" "$release-security" \
  >"$root/etc/apt/sources.list"
printf 'force-unsafe-io\npath-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
  >"$root/etc/dpkg/dpkg.cfg.d/slim"
printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/slim"
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
find "$root/var/cache/apt" "$root/var/lib/apt/lists" -type f -delete

# Where images cannot be pulled, traffic often passes a proxy that signs for others: what this machine trusts, the image trusts.
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
  chroot "$root" update-ca-certificates >/dev/null 2>&1
fi

tar -C "$root" --numeric-owner -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
echo "built $image" >&2
