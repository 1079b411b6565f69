"""The sandbox's Codat in memory: companies, connections, reads. No HTTP."""
