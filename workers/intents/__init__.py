"""Do what is due at Codat: one loop, one retry policy, one file per kind. No Redis keys."""
