"""The pages themselves, one file a page; what they share is in `portal/ops/base.py`."""
