"""The event loop, shared between clients."""

from __future__ import annotations

import asyncio

from cybilgraph.web.front import _Loop


def test_who_asks_once_waits_for_no_crowd_of_another() -> None:
    """A hundred pieces of work wait, and one of somebody else comes last: it is the second that is done."""
    done: list[str] = []

    async def work(loop: _Loop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def all_at_once() -> None:
        loop = _Loop()
        await asyncio.gather(*(work(loop, "many") for _ in range(100)), work(loop, "one"))
        await work(loop, "later")  # also when nobody waits

    asyncio.run(all_at_once())
    assert done == ["many", "one", *["many"] * 99, "later"]


def test_who_has_gone_takes_no_turn_from_others() -> None:
    done: list[str] = []

    async def work(loop: _Loop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def one_goes() -> None:
        loop = _Loop()
        tasks = [asyncio.create_task(work(loop, name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(one_goes())
    assert done == ["a", "c"]
