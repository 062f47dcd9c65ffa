set -e
make -s clean; make -s check
grep -B3 strbuf_replace strbuf.h | grep -q "[*]/"
cc -std=c99 -Wall -Werror -o hidden hidden.c strbuf.c
./hidden
