set -e
python3 -m unittest
python3 -m unittest hidden
