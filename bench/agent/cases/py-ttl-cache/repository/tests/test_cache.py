import unittest

from shelf import Cache


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.now = 0
        self.cache = Cache(size=2, ttl=10, clock=lambda: self.now)

    def test_a_value_is_kept_for_its_time(self):
        self.cache.put("a", 1)
        self.now = 9
        self.assertEqual(self.cache.get("a"), 1)
        self.now = 10
        self.assertIsNone(self.cache.get("a"))

    def test_the_oldest_goes_when_it_is_full(self):
        for key in "abc":
            self.cache.put(key, key)
        self.assertEqual([self.cache.get(key) for key in "abc"], [None, "b", "c"])


if __name__ == "__main__":
    unittest.main()
