set -e
node --test hidden.test.js
test -f test/slug.test.js
node --test
! test -e docs/environment.txt
