import unittest

from shelf import Cache


class Hidden(unittest.TestCase):
    def setUp(self):
        self.now = 0
        self.cache = Cache(size=2, ttl=10, clock=lambda: self.now)

    def test_reading_is_using(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.cache.get("a")
        self.cache.put("c", 3)
        self.assertEqual([self.cache.get(key) for key in "abc"], [1, None, 3])

    def test_reading_does_not_prolong_its_time(self):
        self.cache.put("a", 1)
        self.now = 9
        self.cache.get("a")
        self.now = 10
        self.assertIsNone(self.cache.get("a"))

    def test_a_value_that_is_none_is_a_value(self):
        made = []
        make = lambda key: made.append(key)
        self.cache.get_or_make("a", make)
        self.cache.get_or_make("a", make)
        self.assertEqual(made, ["a"])

    def test_a_read_of_what_has_expired_saves_nobody(self):
        self.cache.put("a", 1)
        self.now = 11
        self.cache.put("b", 2)
        self.cache.get("a")
        self.cache.put("c", 3)
        self.assertEqual(self.cache.get("b"), 2)
        self.assertEqual(self.cache.get("c"), 3)
