#!/usr/bin/env bash
# Breaks one rule of storage after the other, and checks that a test notices. Arguments are rules to break; default: all.
#
# All rules are in one build, --define=numpack_mutations=1, and the environment says which one is broken
# (numpack/storage/mutation.h). Each test first has to pass in that build with none broken.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools/setup.sh build

# A rule, the test that must fail when it is broken, and how that is started.
replay='//tests/crash:replay --rounds=0'
rules() {
  cat <<RULES
pins-not-counted                       //tests/concurrency:pins_test --gtest_filter=*WhatIsHeld*
no-second-look                         //tests/concurrency:pins_test --gtest_filter=*LookAgain*
counters-looked-at-before-publishing   //tests/concurrency:pins_test --gtest_filter=*UntilTheCommit*
held-rows-rewritten                    //numpack/storage:store_test --gtest_filter=*HeldArrays*
recycled-before-barrier                $replay --only=new/relaxed/save_over,save_over,save_over
only-newest-barrier-protected          //numpack/storage:limbo_test
barrier-in-the-making-unprotected      //numpack/storage:limbo_test
log-synced-before-data                 $replay --only=new/relaxed/save_new,flush
data-not-synced                        $replay --only=new/relaxed/save_new,flush
directory-not-synced                   $replay --only=new/relaxed/save_over_large,flush
sealed-before-log-synced               $replay --only=new/relaxed/save_new,flush
found-log-sealed-unsynced              //numpack/storage:store_crash_test --gtest_filter=*FoundLog*
barrier-covers-what-came-meanwhile     $replay --only=new/relaxed/save_new,flush_busy
records-behind-barrier-trusted         $replay --only=new/relaxed/save_new
appended-behind-untrusted-tail         //numpack/storage:store_test --gtest_filter=*NothingIsAppended*
checksum-ignored                       //numpack/storage:record_test
link-ignored                           //numpack/storage:record_test
torn-tail-not-wiped                    //numpack/storage:store_crash_test --gtest_filter=*Wiped*
wiped-from-the-front                   //numpack/storage:store_crash_test --gtest_filter=*Wiped*
redo-not-applied                       $replay --only=new/relaxed/rewrite
undo-not-applied                       $replay --only=new/relaxed/rewrite
undo-not-recorded                      $replay --only=new/relaxed/rewrite
undo-not-synced-first                  $replay --only=new/relaxed/rewrite
undo-of-older-state-trusted            //numpack/storage:store_test --gtest_filter=*UndoesWhatWasNotFlushed*
redo-finished-before-log-synced        //numpack/storage:store_crash_test --gtest_filter=*Finished*
begin-not-durable                      $replay --only=new/relaxed/in_place
interrupted-stores-not-synced          //numpack/storage:store_crash_test --gtest_filter=*Acknowledged*
older-states-kept-after-restart        //numpack/storage:store_crash_test --gtest_filter=*CutOff*
old-log-removed-before-new-one-synced  $replay --only=new/relaxed/change_log
removal-of-failed-log-not-synced       //numpack/storage:store_crash_test --gtest_filter=*NewLog*
failed-sync-forgotten                  $replay --only=new/relaxed/flush
RULES
}

read -ra startup <<<"${NUMPACK_BAZEL_STARTUP:-}"
options=(--define=numpack_mutations=1)
mapfile -t targets < <(rules | awk '{ print $2 }' | sort -u)
bazel "${startup[@]}" build --symlink_prefix=/ --noshow_progress "${options[@]}" "${targets[@]}"
bin=$(bazel "${startup[@]}" info "${options[@]}" bazel-bin 2>/dev/null)

# run RULE TARGET ARGUMENT...: the test with that rule broken. 0: it passed.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
  local rule=$1 program
  program=$bin/$(sed 's,^//,,; s,:,/,' <<<"$2")
  shift 2
  (cd "$program.runfiles/numpack" 2>/dev/null || cd "$bin"
   NUMPACK_MUTATION=$rule timeout 300 "$program" "$@") >"$log" 2>&1
}

failed=0
declare -A sound=()
while read -r rule target arguments; do
  if [ $# -gt 0 ] && ! grep -qxF -- "$rule" <(printf '%s\n' "$@"); then continue; fi
  read -ra words <<<"$arguments"
  status=0 begin=$SECONDS
  if [ -z "${sound["$target $arguments"]:-}" ]; then
    run '' "$target" "${words[@]}" || status=$?
    sound["$target $arguments"]=$status
  fi
  if [ "${sound["$target $arguments"]}" != 0 ]; then
    verdict='FAILS WITH NOTHING BROKEN'
  else
    status=0
    run "$rule" "$target" "${words[@]}" || status=$?
    case $status in
      0) verdict='SURVIVED' ;;
      124) verdict='HANGS' ;;
      *) verdict='noticed' ;;
    esac
  fi
  printf '%-40s %-25s %4ss  %s\n' "$rule" "$verdict" $((SECONDS - begin)) "$target $arguments"
  if [ "$verdict" = noticed ]; then
    record passed 1 "$rule"
  else
    record failed 1 "$rule"
    failed=$((failed + 1))
    tail -5 "$log"
  fi
done < <(rules)
for rule in "$@"; do
  if ! rules | grep -q "^$rule "; then
    echo "no rule named '$rule'" >&2
    failed=$((failed + 1))
  fi
done
if [ "$failed" -gt 0 ]; then
  echo "$failed broken rules that no test noticed" >&2
  exit 1
fi
