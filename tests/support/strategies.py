"""What hypothesis makes for several test files: anchors of schedules."""

from hypothesis import strategies as st

from relay.syncs.schedule import Anchor

anchors = st.builds(
    Anchor,
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
)
