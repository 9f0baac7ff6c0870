"""Immutable plain values.

The type checker enforces immutability. At run time the dataclasses are not frozen, because setting each
attribute of a frozen dataclass through ``object.__setattr__`` makes construction five times slower, and a
page has more than a hundred values.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(**options: Any) -> Any:
        """Decorate a dataclass, leaving ``frozen`` to the type checker. Instances are hashable."""

        def decorate(cls: type) -> type:
            result = dataclasses.dataclass(**options | {"frozen": False, "unsafe_hash": True})(cls)
            names = [field.name for field in dataclasses.fields(result)]
            if len(names) > 1 and not options.get("kw_only"):
                # Pickling only the values halves the time: records are sent between processes.
                values = attrgetter(*names)
                result.__reduce__ = lambda self: (result, values(self))
            return result

        return decorate


__all__ = ["value"]
