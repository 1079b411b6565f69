"""The event log's vocabulary: types, filters, retention. Its storage is in `relay/store/log`."""
