from shelf.cache import Cache

__all__ = ["Cache"]
