#!/bin/sh
# run.sh ROOT OUT: builds the page (examples/web) and tries its engine.
set -eu
"$1/examples/web/build.sh" "$2"
node "$1/tests/consume/web/page_test.js" "$2/hrm.js"
