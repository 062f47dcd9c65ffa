import argparse
import sys

from linecount.count import count_lines


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="linecount", description="Counts lines.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)

    total = 0
    failed = False
    for path in options.files:
        try:
            lines = count_lines(path)
        except OSError as error:
            print(f"linecount: {path}: {error.strerror}", file=sys.stderr)
            failed = True
            continue
        total += lines
        print(f"{lines:8} {path}")
    print(f"{total:8} total")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
