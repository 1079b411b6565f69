"""Addresses of others, with something of ours added."""


def with_query(url: str, query: str) -> str:
    """Add to an address's query, whether it has one or not, and keep its fragment at the end."""
    head, hash_sign, fragment = url.partition("#")
    return head + ("&" if "?" in head else "?") + query + hash_sign + fragment
