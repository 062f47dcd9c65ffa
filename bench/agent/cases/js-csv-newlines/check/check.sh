set -e
node --test
node --test hidden.test.js
sed -n "/## Unreleased/,/## 0.3.0/p" CHANGELOG.md | grep -q "^- "
! grep -q dependencies package.json
