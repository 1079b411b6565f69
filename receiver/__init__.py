"""Takes webhooks in: prove them genuine, store them durably, answer. Never calls Codat.

What is answered 204 is on disk. Whatever goes wrong inside is 503, because the sender of the older
rule webhooks takes a 500 for final and loses the event (Codat: using-the-api/webhooks/legacy).
"""
