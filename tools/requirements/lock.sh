#!/usr/bin/env bash
# Pins the *.in files anew: versions and hashes into the *.txt files beside them. Needs a package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
/usr/bin/python3 -m venv "$venv"
"$venv/bin/pip" install --quiet pip-tools
# dev first: test-numpy2, demo, bench and packaging take its versions as constraints.
for name in dev test-numpy1 test-numpy2 demo bench macos packaging; do
  echo "-- $name"
  "$venv/bin/pip-compile" --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
    --output-file "$name.txt" "$name.in"
done
# Without what it depends on.
echo "-- bench-model"
"$venv/bin/pip" download --quiet --no-deps --only-binary=:all: --dest "$venv/model" -r bench-model.in
wheel=$(basename "$venv"/model/*.whl)
printf 'silero-vad==%s \\\n    --hash=sha256:%s\n' "$(cut -d- -f2 <<<"$wheel")" \
  "$(sha256sum "$venv/model/$wheel" | cut -d' ' -f1)" >bench-model.txt
