set -e
python3 -m unittest
printf "a\nb\n" > z.txt; printf "a" > a.txt
python3 -m linecount z.txt a.txt | tail -1 | grep -q "3 total"
python3 -m linecount --json z.txt a.txt > out.json
set +e; python3 -m linecount --json z.txt gone.txt a.txt > broken.json 2> errors.txt; code=$?; set -e
test $code = 1; grep -q gone.txt errors.txt
grep -q -e --json README.md
python3 hidden.py
