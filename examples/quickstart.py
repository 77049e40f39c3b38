"""Ten lines to a first recommendation: no server, no account, no network."""

import homespun as hs

with hs.Personalizer.open("profile/", key=hs.Key.passphrase("correct horse battery staple")) as me:
    notice = hs.Notice("Films you rate are kept encrypted on this computer, to recommend others. They never leave it.")
    if not me.consent.granted(hs.Purpose.PERSONALIZATION):  # show the notice and ask, once
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=notice)
    me.record("tt1375666", kind="rate", weight=9.0)
    me.record("tt0468569", kind="rate", weight=10.0)
    best, *others = me.recommend(5)
    for recommendation in [best, *others]:
        print(f"{recommendation.title}: {recommendation.reason}")
    print(me.explain(best))
    print(me.erase())
