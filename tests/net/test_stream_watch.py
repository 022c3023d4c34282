"""Silent streams are noticed one by one."""

from __future__ import annotations

from mmbot.net.stream_watch import StreamWatch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stream_that_falls_silent_is_named_and_its_neighbours_are_not() -> None:
    clock = Clock()
    watch = StreamWatch({"depth": 3.0, "ticker": 3.0, "trade": 0.0}, clock)
    watch.start()
    for second in range(1, 6):
        clock.now = float(second)
        watch.note("ticker")
        silent = watch.check()
        assert silent == (["depth"] if second > 3 else [])


def test_messages_are_looked_at_only_until_each_stream_was_heard() -> None:
    watch = StreamWatch({"a": 1.0, "b": 1.0, "quiet": 0.0}, Clock())
    assert not watch.pending
    watch.start()
    watch.note("a")
    assert watch.pending == {"b"}
    watch.note("b")
    watch.note("unheard of")
    assert not watch.pending
    watch.check()
    assert watch.pending == {"a", "b"}


def test_nothing_is_silent_without_a_connection() -> None:
    clock = Clock()
    watch = StreamWatch({"a": 1.0}, clock)
    watch.start()
    watch.stop()
    clock.now = 100.0
    assert watch.check() == []
    assert not watch.pending
