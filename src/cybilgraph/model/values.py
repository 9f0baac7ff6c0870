"""Plain values: dataclasses that nothing changes once they are made.

The type checker holds that nothing does. At run time they are not frozen: a frozen dataclass sets
each attribute by a call of its own, so that it takes five times as long to make, and there are
more than a hundred values to a page.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(**options: Any) -> Any:
        """``dataclass``, of which ``frozen`` is left to the type checker; values can be hashed all the same."""

        def made(cls: type) -> type:
            done = dataclasses.dataclass(**options | {"frozen": False, "unsafe_hash": True})(cls)
            names = [one.name for one in dataclasses.fields(done)]
            if len(names) > 1 and not options.get("kw_only"):
                # As its values alone it is packed in half the time: records go between processes.
                values = attrgetter(*names)
                done.__reduce__ = lambda self: (done, values(self))
            return done

        return made


__all__ = ["value"]
