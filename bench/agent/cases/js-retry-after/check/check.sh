set -e
node --test
node --test hidden.test.js
