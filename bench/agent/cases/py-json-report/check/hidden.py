import json

for name in ("out.json", "broken.json"):
    report = json.load(open(name))
    assert list(report["files"].items()) == [("a.txt", 1), ("z.txt", 2)], report
    assert report["total"] == 3 and set(report) == {"files", "total"}, report
