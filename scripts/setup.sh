#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks to build, run and test Tandem. Says what it installs; does nothing when
# everything is there. `setup.sh run` leaves out what only tests need.
set -euo pipefail

for_running=(build-essential cmake pkg-config curl ca-certificates flite)
for_testing=(chromium coturn postgresql openssl sip-tester baresip kamailio dnsmasq-base espeak-ng sox libsox-fmt-mp3 python3-venv procps)
wanted=("${for_running[@]}")
[ "${1:-all}" = run ] || wanted+=("${for_testing[@]}")

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing: ${missing[*]}"
  if [ "$(id -u)" -eq 0 ]; then as_root=(); elif command -v sudo >/dev/null; then as_root=(sudo)
  else
    echo "These Debian packages are missing and this is neither root nor a machine with sudo: ${missing[*]}" >&2
    exit 1
  fi
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then . "$HOME/.cargo/env"; fi
if ! command -v cargo >/dev/null; then
  echo "Rust is missing: install a stable toolchain (1.90 or newer) with rustup, then run this again." >&2
  exit 1
fi
version=$(cargo --version | awk '{print $2}')
if [ "$(printf '%s\n1.90.0\n' "$version" | sort -V | head -1)" != 1.90.0 ]; then
  echo "Rust $version is too old: 1.90 or newer is needed (rustup update stable)." >&2
  exit 1
fi
# The web is built with Node. Debian 12's own is too old.
NODE=20.20.2
if ! command -v node >/dev/null || [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -lt 20 ]; then
  case "$(uname -m)" in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) arch= ;; esac
  if [ -z "$arch" ] || [ "$(id -u)" -ne 0 ]; then
    echo "Node 20 or newer is missing: the web is built with it. Install it, or run this once as root." >&2
    exit 1
  fi
  echo "Installing: Node $NODE into /usr/local"
  folder=$(mktemp -d)
  (cd "$folder" && curl -fsSLO "https://nodejs.org/dist/v$NODE/node-v$NODE-linux-$arch.tar.gz" &&
    curl -fsSLO "https://nodejs.org/dist/v$NODE/SHASUMS256.txt" && sha256sum --check --ignore-missing --quiet SHASUMS256.txt &&
    tar -xzf "node-v$NODE-linux-$arch.tar.gz" -C /usr/local --strip-components=1 --exclude='*.md' --exclude=LICENSE)
  rm -r "$folder"
fi

# The store's tests also run on PostgreSQL: the one that TANDEM_TEST_DATABASE_URL names, else this machine's own, with a
# role and a database named tandem_test.
if [ "${1:-all}" != run ] && [ -z "${TANDEM_TEST_DATABASE_URL:-}" ]; then
  if ! pg_lsclusters --no-header | awk '$4 ~ /^online/ { up = 1 } END { exit !up }'; then
    read -r version cluster _ < <(pg_lsclusters --no-header)
    echo "Starting PostgreSQL $version"
    pg_ctlcluster --skip-systemctl-redirect "$version" "$cluster" start
  fi
  if ! PGPASSWORD=tandem_test psql -h 127.0.0.1 -U tandem_test -d tandem_test -qc 'select 1' >/dev/null 2>&1; then
    echo "Making the database tandem_test"
    as_postgres() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else sudo -u postgres "$@"; fi; }
    as_postgres psql -qc "create role tandem_test login password 'tandem_test'" || true
    as_postgres createdb -O tandem_test tandem_test || true
  fi
fi
