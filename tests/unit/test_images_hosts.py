"""A dead host is left alone for a while, and one bad address does not speak for its host."""

from __future__ import annotations

import pytest

from vitrine.errors import SourceUnavailableError
from vitrine.images import hosts
from vitrine.images.hosts import HostHealth


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hosts, "time", clock)
    return clock


def failure(reason: str = "refused", retry_after: float | None = None) -> SourceUnavailableError:
    return SourceUnavailableError("down", reason=reason, retry_after=retry_after)


def test_after_three_failures_in_a_row_a_host_is_left_alone_for_longer_and_longer(
    clock: Clock,
) -> None:
    health = HostHealth()
    pauses = []
    for number in range(12):
        error = health.failed("shop.example", f"/{number}", failure())
        pauses.append(error.retry_after)
        clock.now += error.retry_after or 0.0
        health.check("shop.example")
    assert pauses[:6] == [None, None, 15.0, 30.0, 60.0, 120.0]
    assert pauses[-1] == 600.0


def test_a_paused_host_fails_at_once_and_others_do_not(clock: Clock) -> None:
    health = HostHealth()
    for number in range(3):
        health.failed("shop.example", f"/{number}", failure("dns"))
    clock.now += 5
    with pytest.raises(SourceUnavailableError) as caught:
        health.check("shop.example")
    assert (caught.value.host, caught.value.reason) == ("shop.example", "dns")
    assert caught.value.retry_after == pytest.approx(10.0)
    health.check("other.example")


def test_an_answer_ends_the_row(clock: Clock) -> None:
    health = HostHealth()
    for _ in range(5):
        health.failed("shop.example", "/a", failure())
        health.failed("shop.example", "/b", failure())
        health.answered("shop.example", "/c")
    health.check("shop.example")


def test_failures_already_on_their_way_do_not_lengthen_the_pause(clock: Clock) -> None:
    health = HostHealth()
    for number in range(20):
        health.failed("shop.example", f"/{number}", failure())
    clock.now += 15
    health.check("shop.example")


def test_the_host_may_say_itself_how_long(clock: Clock) -> None:
    health = HostHealth()
    error = health.failed("shop.example", "/a", failure("http_429", retry_after=120.0))
    assert error.retry_after == 120.0
    clock.now += 119
    with pytest.raises(SourceUnavailableError):
        health.check("shop.example")
    clock.now += 1
    health.check("shop.example")
    health.failed("shop.example", "/a", failure("http_429", retry_after=1e9))
    clock.now += 600
    health.check("shop.example")


def test_an_address_that_fails_again_while_others_work_is_isolated(clock: Clock) -> None:
    health = HostHealth()
    health.answered("shop.example", "/good")
    clock.now += 1
    assert not health.failed("shop.example", "/bad", failure("http_5xx")).isolated
    clock.now += 1
    assert not health.failed("shop.example", "/bad", failure("http_5xx")).isolated
    clock.now += 1
    health.answered("shop.example", "/good")
    clock.now += 1
    assert health.failed("shop.example", "/bad", failure("http_5xx")).isolated
    health.answered("shop.example", "/bad")
    assert not health.failed("shop.example", "/bad", failure("http_5xx")).isolated


@pytest.mark.parametrize("reason", ["dns", "refused", "tls", "http_429"])
def test_what_cannot_be_one_addresss_fault_is_never_isolated(clock: Clock, reason: str) -> None:
    health = HostHealth()
    health.failed("shop.example", "/bad", failure(reason))
    clock.now += 1
    health.answered("shop.example", "/good")
    clock.now += 1
    assert not health.failed("shop.example", "/bad", failure(reason)).isolated


def test_only_so_many_hosts_are_remembered(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "REMEMBERED_HOSTS", 3)
    health = HostHealth()
    for number in range(5):
        health.answered(f"{number}.example", "/")
        health.failed("dead.example", f"/{number}", failure())
    with pytest.raises(SourceUnavailableError):
        health.check("dead.example")
    assert not health.answered_within("2.example", 60)
    assert health.answered_within("4.example", 60)
