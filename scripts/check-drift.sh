#!/usr/bin/env bash
# Fails when the committed schema or the generated documents differ from what the code says today.
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent schema
npm run --silent codegen
if ! git diff --exit-code --stat -- schema/schema.graphql src/client/gql; then
  echo 'drift: the schema or the typed documents are out of date; run "npm run schema && npm run codegen" and commit.' >&2
  exit 1
fi
