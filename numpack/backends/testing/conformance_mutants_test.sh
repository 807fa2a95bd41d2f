#!/usr/bin/env bash
# Every backend that is wrong on purpose fails the conformance suite; the one that is not passes it.
set -u
program=$1
if ! "$program" none >"$TEST_TMPDIR/log" 2>&1; then
  cat "$TEST_TMPDIR/log"
  echo "FAIL: the backend without a fault does not pass"
  exit 1
fi
mutants=$(sed -n 's/.*Is("\([a-z_]*\)").*/\1/p' "$2" | sort -u)
survivors=0
for mutant in $mutants; do
  # A test that a mutant lets wait for ever is a test that fails.
  timeout 20 "$program" --gtest_brief=1 "$mutant" >"$TEST_TMPDIR/log" 2>&1
  status=$?
  if [ "$status" = 0 ]; then
    echo "FAIL: $mutant passes"
    survivors=$((survivors + 1))
  else
    echo "$mutant: fails $(grep -c '^\[  FAILED  \].*ms)$' "$TEST_TMPDIR/log") cases"
  fi
done
echo "$(wc -w <<<"$mutants") mutants"
[ "$survivors" = 0 ] && [ "$(wc -w <<<"$mutants")" -ge 20 ]
