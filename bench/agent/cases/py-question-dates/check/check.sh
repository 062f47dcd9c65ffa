set -e
grep -q "periods.py" answer.md
grep -qi "midnight\|00:00" answer.md
grep -q "within\|<= end\|line 1[0-9]\|:1[0-9]" answer.md
