"""Some order of operations leaves what devices refuse, or uses a number twice."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from homespun.errors import MisuseError
from homespun.protocol.channel import SHARES, choose
from homespun_server.errors import RepositoryError
from tests.server.publishing.repository.devices import Phone
from tests.server.publishing.repository.support import CANARY, PRODUCTION, Hands, bundle_of, create, opened

CHANNELS = st.sampled_from((CANARY, PRODUCTION))
SHARE = st.sampled_from((0, 1, 5000, SHARES))
VERSION = st.sampled_from((None, "1.0", "2.0"))
SEEDS = 3


class Operations(RuleBasedStateMachine):
    """A publisher who does anything, and a device that follows."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.clock = Hands()
        self.signed = create(self.folder, self.clock)
        self.phone = Phone(self.signed, self.folder / "phone", self.clock)
        self.numbers: dict[str, int] = {CANARY: 0, PRODUCTION: 0}
        self.held: int | None = None

    def teardown(self) -> None:
        self.temporary.cleanup()

    @initialize()
    def write_bundles(self) -> None:
        for seed in range(SEEDS):
            bundle_of(self.folder / str(seed), seed)

    @rule(channel=CHANNELS, seed=st.integers(0, SEEDS - 1), share=SHARE, version=VERSION)
    def publish(self, channel: str, seed: int, share: int, version: str | None) -> None:
        made = self.signed.publish(self.folder / str(seed), channel, share=share, minimum_client=version)
        self.numbers[channel] += 1
        assert made.number == self.numbers[channel]

    @precondition(lambda self: any(self.numbers.values()))
    @rule(channel=CHANNELS, draw=st.data())
    def roll_back(self, channel: str, draw: st.DataObject) -> None:
        to = draw.draw(st.integers(1, max(1, self.numbers[channel])))
        try:
            made = self.signed.rollback(channel, to, "worse", share=draw.draw(SHARE))
        except MisuseError:
            assert to >= self.numbers[channel]
        except RepositoryError as error:
            assert "were pruned" in str(error)  # noqa: PT017 - it is one of two that may come
        else:
            self.numbers[channel] += 1
            assert (made.number, made.returns_to) == (self.numbers[channel], to)

    @precondition(lambda self: self.numbers[CANARY])
    @rule(draw=st.data(), share=SHARE, pause=st.sampled_from((True, False, None)))
    def steer(self, draw: st.DataObject, share: int, pause: bool | None) -> None:  # noqa: FBT001 - drawn
        release = draw.draw(st.sampled_from(self.signed.channel(CANARY).releases))
        if pause is None:
            found = self.signed.set_share(CANARY, release.number, share)
            assert found.share == share
        else:
            found = (self.signed.pause if pause else self.signed.resume)(CANARY, release.number)
            assert found.paused == pause
        assert found.salt == release.salt

    @rule(channel=CHANNELS, off=st.booleans(), version=VERSION)
    def switch(self, channel: str, off: bool, version: str | None) -> None:  # noqa: FBT001 - drawn
        if off:
            self.signed.switch_off(channel, "complaints")
        else:
            self.signed.switch_on(channel)
        self.signed.set_minimum_client(channel, version)

    @rule(role=st.sampled_from(("root", "targets", "snapshot", "timestamp", CANARY)), revoke=st.booleans())
    def change_keys(self, role: str, revoke: bool) -> None:  # noqa: FBT001 - drawn
        if revoke:
            name = role.replace("/", ".")
            self.signed.keys.revoke(next(use.keyid for use in self.signed.keys.show() if use.role == name))
        else:
            self.signed.keys.rotate(role)

    @rule(hours=st.sampled_from((1, 20, 24 * 10)))
    def let_time_pass(self, hours: int) -> None:
        self.clock.pass_(hours=hours)
        self.signed.refresh()

    @rule(keep=st.integers(0, 2), hours=st.sampled_from((0, 10)))
    def prune(self, keep: int, hours: int) -> None:
        self.signed.prune(keep=keep, grace=timedelta(hours=hours))

    @rule()
    def open_again(self) -> None:
        self.signed = opened(self.folder, self.clock)

    @invariant()
    def devices_can_take_everything(self) -> None:
        self.signed.check()

    @invariant()
    def a_device_goes_back(self) -> None:
        """A device with every version never holds a release and then takes one with a lower number."""
        document = self.phone.sees()
        choice = choose(document, client="9.0", seed=bytes(16), held=self.held)
        if choice.release is not None:
            assert self.held is None or choice.release.number >= self.held or self._left(self.held)
            self.held = choice.release.number

    def _left(self, held: int) -> bool:
        """Whether the release that the device holds is not named any more."""
        return held not in [release.number for release in self.signed.channel(CANARY).releases]

    @invariant()
    def the_newest_release_is_forgotten(self) -> None:
        for channel, number in self.numbers.items():
            numbers = [release.number for release in self.signed.channel(channel).releases]
            assert numbers[-1:] == ([number] if number else [])
            assert [each.release.number for each in self.signed.history(channel)] == list(range(1, number + 1))


TestOperations = Operations.TestCase
TestOperations.settings = settings(max_examples=max(1, settings().max_examples // 12), stateful_step_count=12)
