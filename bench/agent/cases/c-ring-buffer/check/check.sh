set -e
make -s clean; make -s check
cc -std=c99 -Wall -o hidden_ring hidden_ring.c ring.c
./hidden_ring
