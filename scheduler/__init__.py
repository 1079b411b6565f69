"""The clock: turns time into due work. Ticks hold no state; what is due stands in the store."""
