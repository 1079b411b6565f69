"""Codat's sync settings: which data types are read on first link, and how often."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.world.platforms import ALL_DATA_TYPES

Setting = dict[str, Any]


def _defaults() -> dict[str, Setting]:
    # Codat: core-concepts/data-type-settings. Frequency None (0 hours) until a client sets one.
    return {
        name: {
            "dataType": name,
            "fetchOnFirstLink": True,
            "syncSchedule": 0,
            "syncOrder": order,
            "syncFromWindow": 24,
            "monthsToSync": 24,
            "isLocked": False,
        }
        for order, name in enumerate(ALL_DATA_TYPES)
    }


@dataclass(slots=True)
class SyncSettings:
    """Settings by data type; `overrides` says that they are a company's own."""

    by_type: dict[str, Setting] = field(default_factory=_defaults)
    overrides: bool = False
    has_schedule: bool = False

    def fetches_on_first_link(self, data_type: str) -> bool:
        """Whether a new link reads this data type."""
        return bool(self.by_type.get(data_type, {}).get("fetchOnFirstLink", False))

    def hours(self, data_type: str) -> int:
        """Return after how many hours a data type is read again; 0 for never."""
        return int(self.by_type.get(data_type, {}).get("syncSchedule", 0))

    def changed(self, settings: list[Setting]) -> "SyncSettings":
        """Return settings with the named data types set again."""
        by_type = {name: dict(setting) for name, setting in self.by_type.items()}
        for setting in settings:
            by_type.setdefault(setting["dataType"], {}).update(setting)
        return SyncSettings.of(by_type, overrides=True)

    @classmethod
    def of(cls, by_type: dict[str, Setting], *, overrides: bool) -> "SyncSettings":
        """Make settings from what each data type's are."""
        scheduled = any(setting.get("syncSchedule") for setting in by_type.values())
        return cls(by_type, overrides, scheduled)

    def shown(self) -> dict[str, Any]:
        """Show them as Codat does."""
        return {"settings": list(self.by_type.values()), "overridesDefaults": self.overrides}
