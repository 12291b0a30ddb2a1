#!/bin/sh
# Installs into .peers the tools of others that judge the contract: the node packages of tests/peers/package.json,
# and the dependency group `peers` in an environment of its own. Does nothing while all that is there and as pinned.
set -eu
cd "$(dirname "$0")/.."

pins=$(cat tests/peers/package.json; sed -n '/^peers = \[/,/^\]/p' pyproject.toml)
if [ "$pins" = "$(cat .peers/installed 2>/dev/null)" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "Expected npm on the PATH, to install Prism and openapi-typescript with; got none. Install Node with npm." >&2
  exit 2
fi

mkdir -p .peers
echo '*' >.peers/.gitignore
cp tests/peers/package.json .peers/package.json
# Without a lock file, which would name a registry, and without the scripts of packages, which none of these needs.
npm install --prefix .peers --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
"${PYTHON:-python3}" -m venv .peers/venv
.peers/venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
.peers/venv/bin/python -m pip install --quiet --group peers
printf '%s\n' "$pins" >.peers/installed
