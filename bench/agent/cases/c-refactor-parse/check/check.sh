set -e
make -s clean; make -s check
cc -std=c99 -Wall -Wextra -Werror -o hidden hidden.c units.c
./hidden
test "$(grep -c LLONG_MAX units.c)" -le 2
test "$(wc -l < units.c)" -lt 45
grep -q "static" units.c
