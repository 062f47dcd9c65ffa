import time
from collections import OrderedDict


class Cache:
    """At most `size` values, each for `ttl` seconds after it was made. What was used least recently goes first."""

    def __init__(self, size, ttl, clock=time.monotonic):
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._entries = OrderedDict()

    def get(self, key, default=None):
        entry = self._entries.get(key)
        if entry is None or self._expired(entry):
            return default
        return entry[0]

    def put(self, key, value):
        self._entries[key] = (value, self._clock())
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def get_or_make(self, key, make):
        missing = object()
        value = self.get(key, missing)
        if value is missing:
            value = make(key)
            self.put(key, value)
        return value

    def __len__(self):
        return len(self._entries)

    def _expired(self, entry):
        return self._clock() - entry[1] >= self._ttl
