"""Devices of a person, with the application on them as it is shipped: what they send and fetch goes over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import homespun as hs
from homespun.model.sample import sample_folder
from homespun.protocol.asking.registration import voucher_of
from homespun.protocol.consent_report import encode_receipt
from homespun_server.compliance.keys import public_compliance_keys
from tests.browser.office import Office, compliance_of
from tests.browser.person import LIKED, NOTICE
from tests.sdk.profile.support import QUICK, raw_key

PURPOSES = (
    hs.Purpose.DEVICE_STORAGE,
    hs.Purpose.PERSONALIZATION,
    hs.Purpose.EXPLANATION_LOG,
    hs.Purpose.CONSENT_PROOF,
    hs.Purpose.REQUESTS,
)


@dataclass(frozen=True)
class Device:
    """A device of somebody who is logged in to the application.

    Attributes:
        office: The service that its application knows.
        folder: Where the application keeps its files.
        account: What the operator calls the person.
    """

    office: Office
    folder: Path
    account: str

    @contextmanager
    def on(self) -> Iterator[hs.Personalizer]:
        """Start the application; between two starts the device is offline."""
        keys = public_compliance_keys(self.office.settings)
        root = self.office.settings.keys / "root.json"
        with (
            hs.Bundle.open(sample_folder()) as bundle,
            hs.Personalizer.open(
                self.folder / "profile",
                key=raw_key(),
                bundle=bundle,
                settings=QUICK,
                clock=lambda: self.office.clock().timestamp(),
                updates=hs.Updates(
                    url=f"{self.office.address}/repository/",
                    channel="films/production",
                    root=root.read_bytes(),
                    folder=self.folder / "bundles",
                ),
                requests=hs.Requests(
                    url=self.office.address, key=keys.asking, account=self.account, voucher=self.voucher
                ),
                consent_proof=hs.ConsentProof(
                    url=self.office.address, receipts_key=keys.receipts, subject=self.account
                ),
            ) as me,
        ):
            yield me

    def voucher(self) -> str:
        """Return what the application's backend gives to whoever logged in."""
        with compliance_of(self.office.settings, self.office.clock) as (_, compliance):
            key = compliance.asking.devices.vouching_key
        return voucher_of(key, self.account, expires=int(self.office.clock().timestamp()) + 3600)

    def used(self) -> bytes:
        """Let the person allow everything and use the application; return their receipts, a line each."""
        with self.on() as me:
            me.consent.grant(*PURPOSES, notice=NOTICE)
            for item in LIKED:
                me.record(item, kind="rate", weight=9.0)
                me.recommend(5)
            assert me.requests.sync().problem is None
            assert len(me.consent_proof.sync().receipted) == len(PURPOSES)
            return b"".join(encode_receipt(each.receipt) + b"\n" for each in me.consent_proof.proofs() if each.receipt)
